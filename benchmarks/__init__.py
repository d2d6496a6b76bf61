"""Benchmarks of costbench itself, and the measuring plan for a real GPU: scripts, and one package."""
