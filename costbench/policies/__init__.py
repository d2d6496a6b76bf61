"""How thinking is limited at inference: one file a policy, registered in pyproject.toml."""
