"""How many requests vLLM answered together in each of its steps."""

import time
from bisect import bisect_right
from typing import Any

from costbench.engines.vllm_versions import PrometheusStatLogger

_KEPT = 200_000
"""Steps; half of them are forgotten when there are so many. Few requests take longer."""


class Steps(PrometheusStatLogger):  # type: ignore[misc] # vLLM may not be here
    """Takes the place of the counters for Prometheus, which cost time at every step and nobody reads."""

    def __init__(self, vllm_config: Any, engine_indexes: Any = None) -> None:
        del vllm_config, engine_indexes
        self._at_s: list[float] = []
        self._rows = [0]
        """Up to and with each step, summed up."""

    def record(
        self,
        scheduler_stats: Any,
        iteration_stats: Any,
        mm_cache_stats: Any = None,
        engine_idx: int = 0,
    ) -> None:
        """One step of one engine, as vLLM tells of it."""
        del mm_cache_stats, engine_idx
        if scheduler_stats is None or iteration_stats is None:
            return
        if len(self._at_s) >= _KEPT:
            del self._at_s[: _KEPT // 2], self._rows[: _KEPT // 2]
        # Those that ended in this step are not running any more.
        rows = scheduler_stats.num_running_reqs + len(iteration_stats.finished_requests)
        self._at_s.append(time.monotonic())
        self._rows.append(self._rows[-1] + rows)

    def mean_rows(self, began_s: float) -> float | None:
        """Rows per step since then; None where no step is known."""
        first = bisect_right(self._at_s, began_s)
        steps = len(self._at_s) - first
        return (self._rows[-1] - self._rows[first]) / steps if steps else None

    def log_engine_initialized(self) -> None:
        """Nothing to say."""

    def log(self) -> None:
        """Nothing to say."""

    def record_sleep_state(self, sleep: int = 0, level: int = 0) -> None:
        """It never sleeps."""
