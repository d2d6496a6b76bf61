"""Ways to serve a model: one file an engine, registered in pyproject.toml."""
