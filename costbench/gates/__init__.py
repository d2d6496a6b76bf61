"""Conditions on figures that end a command with exit code 1: `--fail-if`."""
