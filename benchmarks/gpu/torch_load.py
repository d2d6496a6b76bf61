"""Work for a GPU by torch: matrix products that fill it, a stream through its memory, many small launches."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.gpu.load import Kind, Span

_CHUNK_S = 0.001
"""Work between two looks at the clock: a twentieth of the shortest half-wave is 10 ms / 10."""
_LARGEST_S = 0.0015
_SIDES = (8192, 6144, 4096, 2048, 1024)
_STREAM_MIB = (1024, 512, 256, 128, 64)
_LAUNCHES, _LAUNCH_SIDE = 64, 2048
_CPU_SIDES, _CPU_STREAM_MIB, _CPU_LAUNCH_SIDE = (256,), (4,), 64


class TorchLoad:
    """bfloat16 on a GPU; on a CPU something small, for trials."""

    def __init__(self, device: str) -> None:
        import torch

        self._torch = torch
        self.device = _device(torch, device)
        self._gpu = self.device.type == "cuda"
        self._dtype = torch.bfloat16 if self._gpu else torch.float32
        torch.manual_seed(0)
        side, matmul = self._largest(self._matmul, _SIDES if self._gpu else _CPU_SIDES)
        mib, stream = self._largest(self._stream, _STREAM_MIB if self._gpu else _CPU_STREAM_MIB)
        launch = self._launches(_LAUNCH_SIDE if self._gpu else _CPU_LAUNCH_SIDE)
        self._chunks: dict[Kind, Callable[[], None]] = {
            "matmul": self._repeated(matmul), "stream": self._repeated(stream), "launch": launch,
        }  # fmt: skip
        self.facts: dict[str, Any] = {
            "pid": os.getpid(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "device": torch.cuda.get_device_name(self.device) if self._gpu else "cpu",
            "matmul_side": side,
            "stream_mib": mib,
            "chunk_s": {kind: self._timed(chunk) for kind, chunk in self._chunks.items()},
        }

    def prepare(self, kind: Kind, spans: Sequence[Span]) -> None:
        """Nothing to do: memory is there and kernels are loaded."""

    def run(self, kind: Kind, span: Span) -> tuple[float, float, int]:
        """Chunks until the span ends, each waited for."""
        chunk, done = self._chunks[kind], 0
        began_s = now_s = time.monotonic()
        while now_s < span[1]:
            chunk()
            self._wait()
            done += 1
            now_s = time.monotonic()
        return began_s, now_s, done

    def close(self) -> None:
        """The process ends, and its context with it."""

    @staticmethod
    def listing() -> dict[str, Any]:
        """The calls of costbench.hardware."""
        import torch

        there = torch.cuda.is_available()
        found = [torch.cuda.get_device_properties(at).name for at in range(_count(torch, there))]
        return {"pid": os.getpid(), "gpus": found}

    def _largest(
        self, make: Callable[[int], Callable[[], None]], sizes: Sequence[int]
    ) -> tuple[int, Callable[[], None]]:
        """The largest that takes no longer than a chunk may; the smallest where none does."""
        for size in sizes:
            once = self._made(make, size)
            if once is not None and (size == sizes[-1] or self._timed(once) <= _LARGEST_S):
                return size, once
        raise RuntimeError(f"no memory for a load on {self.device}")

    def _made(
        self, make: Callable[[int], Callable[[], None]], size: int
    ) -> Callable[[], None] | None:
        try:
            return make(size)
        except self._torch.OutOfMemoryError:
            return None

    def _repeated(self, once: Callable[[], None]) -> Callable[[], None]:
        """As often as fits into a chunk, so that launching costs little of it."""
        times = max(1, round(_CHUNK_S / self._timed(once)))

        def chunk() -> None:
            for _ in range(times):
                once()

        return chunk

    def _timed(self, once: Callable[[], None]) -> float:
        for _ in range(3):
            once()
        self._wait()
        took = []
        for _ in range(5):
            began_s = time.perf_counter()
            once()
            self._wait()
            took.append(time.perf_counter() - began_s)
        return statistics.median(took)

    def _wait(self) -> None:
        if self._gpu:
            self._torch.cuda.synchronize(self.device)

    def _matmul(self, side: int) -> Callable[[], None]:
        torch = self._torch
        left, right = (
            torch.randn(side, side, device=self.device, dtype=self._dtype) for _ in range(2)
        )
        out = torch.empty_like(left)

        def once() -> None:
            torch.matmul(left, right, out=out)

        return once

    def _stream(self, mib: int) -> Callable[[], None]:
        """Bound by memory: far from any power limit, so that what it draws does not depend on the rhythm."""
        torch = self._torch
        source = torch.randn(mib << 18, device=self.device)
        target = torch.empty_like(source)

        def once() -> None:
            torch.add(source, 1.0, out=target)

        return once

    def _launches(self, side: int) -> Callable[[], None]:
        """As decoding one token at a time: more launching than computing."""
        torch = self._torch
        row = torch.randn(1, side, device=self.device, dtype=self._dtype)
        weight = torch.randn(side, side, device=self.device, dtype=self._dtype)
        out = torch.empty_like(row)

        def once() -> None:
            for _ in range(_LAUNCHES):
                torch.matmul(row, weight, out=out)

        return once


def _count(torch: Any, there: bool) -> int:
    return int(torch.cuda.device_count()) if there else 0


def _device(torch: Any, wanted: str) -> Any:
    """By UUID, whatever number CUDA gives it; only that one gets a context."""
    kind, _, uuid = wanted.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise RuntimeError(
            "torch sees no CUDA GPU here; is it a CPU build? (--device cpu tries the plan)"
        )
    names = [
        str(torch.cuda.get_device_properties(at).uuid) for at in range(torch.cuda.device_count())
    ]
    at = 0 if not uuid else _index(names, uuid)
    torch.cuda.set_device(at)
    return torch.device("cuda", at)


def _index(names: Sequence[str], uuid: str) -> int:
    bare = uuid.removeprefix("GPU-").lower()
    for at, name in enumerate(names):
        if name.removeprefix("GPU-").lower() == bare:
            return at
    raise RuntimeError(
        "torch does not see the GPU that NVML measures: look at CUDA_VISIBLE_DEVICES and --gpu"
    )
