"""What is in doubt of a cell's calls: counts that are ours, requests that failed, caches that were warm."""

from costbench.store import Store

_KNOWS_CALL_FACTS = "SELECT 1 FROM sqlite_master WHERE name = 'call_facts'"
_ESTIMATED = """
SELECT DISTINCT f.estimated FROM call_facts f JOIN attempts a ON a.id = f.attempt
WHERE a.cell = ? AND f.estimated IS NOT NULL AND f.lost IS NULL
"""
_CACHED = """
SELECT 1 FROM calls c JOIN attempts a ON a.id = c.attempt
WHERE a.cell = ? AND (c.cached_tokens > 0 OR c.cached_tokens IS NULL) LIMIT 1
"""


def doubts_of(store: Store, cell: str) -> tuple[str, ...]:
    """Codes of `costbench.report.caveats`: what its engine said of itself, and what its calls show."""
    found = list((store.meta(f"engine:{cell}") or {}).get("doubts", ()))
    kinds = {
        kind
        for (kind,) in store.db.execute("SELECT DISTINCT kind FROM events WHERE cell = ?", (cell,))
    }
    if "retry" in kinds:
        found.append("retried_requests")
    if "cache" in kinds and store.db.execute(_CACHED, (cell,)).fetchone():
        found.append("warm_cache")
    if not store.db.execute(_KNOWS_CALL_FACTS).fetchone():
        return tuple(found)
    counts = {
        name for (names,) in store.db.execute(_ESTIMATED, (cell,)) for name in names.split(",")
    }
    if counts & {"input_tokens", "output_tokens"}:
        found.append("estimated_tokens")
    elif counts:
        found.append("estimated_reasoning")
    return tuple(found)
