"""The meter on a real card: its counter moves, and agrees with power over a few seconds of work."""

import time

import pytest

from costbench.metering.nvml import NvmlMeter
from costbench.metering.sampler import Sampler
from costbench.metering.trace import Trace, build_trace
from costbench.metering.window_energy import COUNTER, GpuTrace, power_integral, window_energy
from costbench.types import Device

pytestmark = pytest.mark.gpu
SECONDS, SIDE = 5.0, 4096
Measured = tuple[Trace, Device, tuple[float, float]]


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Some seconds of matrix products on the first GPU, and a while around them."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA GPU here")
    left = torch.randn(SIDE, SIDE, device="cuda:0", dtype=torch.bfloat16)
    out = torch.empty_like(left)
    domain = f"gpu:GPU-{torch.cuda.get_device_properties(0).uuid}"
    with Sampler([NvmlMeter()], required=True) as sampler:
        (device,) = (d for facts in sampler.facts for d in facts.devices if d.domain == domain)
        began_s = time.monotonic()
        while time.monotonic() < began_s + SECONDS + 2:
            torch.matmul(left, left, out=out)
            torch.cuda.synchronize()
        ended_s = time.monotonic()
        time.sleep(2)
    readings, faults = sampler.drain()
    assert not [fault for fault in faults if fault.domain == domain]
    return build_trace(readings), device, (began_s + 1.5, ended_s - 0.5)


def test_the_counter_moves_and_its_period_is_found(measured: Measured) -> None:
    trace, device, _ = measured
    assert device.update_period_s is not None
    assert 0.01 <= device.update_period_s <= 0.5
    counter = trace.counters[device.domain]
    assert counter.joules[-1] > counter.joules[0]
    assert counter.update_period_s == pytest.approx(device.update_period_s, rel=0.25)


def test_counter_and_integral_of_power_agree_under_load(measured: Measured) -> None:
    trace, device, window = measured
    gpu = GpuTrace.of(trace, device)
    counted = window_energy(gpu, *window)
    summed = power_integral(gpu, *window)
    assert (counted.method, counted.reasons) == (COUNTER, ())
    assert counted.joules is not None
    assert summed == pytest.approx(counted.joules, rel=0.05)


def test_power_is_what_such_a_card_may_draw(measured: Measured) -> None:
    trace, device, (start_s, end_s) = measured
    joules = window_energy(GpuTrace.of(trace, device), start_s, end_s).joules
    assert joules is not None
    watts = joules / (end_s - start_s)
    assert 20 < watts < 1.05 * (device.power_limit_w or 2000)


def test_this_process_is_seen_or_said_to_be_hidden(measured: Measured) -> None:
    trace, device, (start_s, end_s) = measured
    own, unknown = (
        trace.gauge(device.domain, f"{whose}_processes").inside(start_s, end_s)
        for whose in ("own", "unknown")
    )
    if own.size:
        assert own.max() + unknown.max() >= 1
