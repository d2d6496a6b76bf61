"""Nothing of ours sets anything on a GPU: no limit, no clock, no mode; not through NVML, not by a program."""

import re

import pytest
from gpu_plan import ROOT

SETTERS = re.compile(
    r"nvml(Device|Gpu|Vgpu|System)\w*(Set|Reset|Clear|Create|Destroy|Modify)\w*"
    r"|\"nvmlDevice(Set|Reset|Clear)"
    r"|[\"']nvidia-smi[\"'],\s*[\"']-(?!-query)"  # as a program; a hint to the user may name it
)
SOURCES = sorted(
    path
    for folder in ("costbench", "trainers", "benchmarks", "scripts", "tests/gpu")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".c", ".sh", ""} and path.is_file()
)


@pytest.mark.parametrize(
    "line",
    [
        "nvml.nvmlDeviceSetPowerManagementLimit(handle, 1)",
        'library.call("nvmlDeviceResetGpuLockedClocks", handle)',
        'library.call("nvmlDeviceClearEccErrorCounts", handle)',
        'subprocess.run(["nvidia-smi", "-pl", "300"])',
        "run(['nvidia-smi', '--lock-gpu-clocks=1000'])",
    ],
)
def test_a_setter_would_be_found(line: str) -> None:
    assert SETTERS.search(line)


def test_no_source_has_one() -> None:
    assert len(SOURCES) > 200
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in SOURCES
        for match in SETTERS.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []
