"""`python -m costbench`."""

from costbench.cli import main

main(prog_name="costbench")
