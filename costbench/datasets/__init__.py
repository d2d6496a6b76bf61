"""Where problems come from: one file a dataset, registered in pyproject.toml."""
