"""Graders: they tell whether a response holds the reference answer."""
