"""Recipes and training loops that make the models costbench compares."""
