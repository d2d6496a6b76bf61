"""A server's prefix cache, emptied where there is a way: else prompts are cheaper the second time."""

import asyncio
import json

from costbench.engines.openai_faults import Passing
from costbench.engines.openai_wire import Wire
from costbench.errors import EngineError

_WAYS = ("reset_prefix_cache", "flush_cache")
"""vLLM's (of a server with VLLM_SERVER_DEV_MODE=1) and SGLang's."""
_DONE = 200
_TRIES, _WAIT_S = 20, 0.1
"""What a client has cut is held until the server notices."""


class PrefixCache:
    """Remembers which way the server has; `wanted` is whether to ask at all."""

    def __init__(self, wire: Wire, *, wanted: bool) -> None:
        self._wire = wire
        self._ways = list(_WAYS) if wanted else []

    async def reset(self) -> bool:
        """Empty it while nothing is in flight; False where that cannot be done."""
        while self._ways:
            for _ in range(_TRIES):
                status, said = await self._ask(self._ways[0])
                if status == _DONE and not _refused(said):
                    return True
                if status in _NO_SUCH_WAY:
                    break
                await asyncio.sleep(_WAIT_S)
            else:
                return False
            self._ways.pop(0)
        return False

    async def _ask(self, way: str) -> tuple[int, str]:
        try:
            return await self._wire.post(way)
        except (Passing, EngineError) as fault:
            return 0, str(fault)


_NO_SUCH_WAY = frozenset({401, 403, 404, 405, 501})


def _refused(said: str) -> bool:
    """Some tell that it did not work in an answer whose status is 200 (vLLM)."""
    try:
        found = json.loads(said)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("success") is False
