"""The measuring plan for a real NVIDIA GPU: what costbench assumes about one, and whether it holds.

`python -m benchmarks.gpu --help` tells how. Everything is read, nothing is set: no limit, no clock, no mode.
"""
