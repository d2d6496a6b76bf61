import math
import os
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.report.contract import E

OTHER_PROCESSOR = {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "1"}


@settings(max_examples=200)
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(-40, 40))
def test_what_other_processors_make_of_a_sum_is_the_same_figure(over, under, bits):
    value = over / under
    beside = value * (1 + bits * 2.0**-52)
    assert E(value=beside).value == E(value=value).value


def test_figures_have_ten_digits():
    found = E(value=2 / 3, low=-math.pi * 1e-9, high=123456789012.0)
    assert (found.value, found.low, found.high) == (0.6666666667, -3.141592654e-9, 123456789000.0)
    assert E(value=None).value is None


def test_a_stored_run_has_the_same_report_on_another_processor(finished):
    """OpenBLAS then adds up as one from 2008 does; other libraries do not mind."""
    for out, env in (("here", {}), ("there", OTHER_PROCESSOR)):
        subprocess.run(
            [sys.executable, "-m", "costbench", "report", "--out", out],
            cwd=finished, env=os.environ | env, capture_output=True, check=True,
        )  # fmt: skip
    for name in ("report.json", "table.csv", "report.md"):
        here, there = ((finished / out / name).read_bytes() for out in ("here", "there"))
        assert here == there
