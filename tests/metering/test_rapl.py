"""The RAPL meter on trees of files as Linux shows them, with counters that a clock drives."""

import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from pauses import paused_at, pauses_of

from costbench.errors import MeterError
from costbench.interfaces import Explaining, Meter
from costbench.metering import rapl
from costbench.metering.rapl import RaplMeter
from costbench.metering.sampler import Sampler
from costbench.metering.select import meters_for
from costbench.metering.trace import build_trace, window_joules

RANGE_UJ = 65_532_610_987


def zone(folder, name, start_uj):
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
    (folder / "energy_uj").write_text(f"{start_uj}\n")
    return folder / "energy_uj"


@pytest.fixture
def tree(tmp_path):
    """Two sockets with cores and memory, and the platform that contains them."""
    root = tmp_path / "powercap"
    return {
        "root": root,
        "cpu:package-0": zone(root / "intel-rapl:0", "package-0", 5_000_000),
        "core": zone(root / "intel-rapl:0" / "intel-rapl:0:0", "core", 1_000_000),
        "dram:package-0": zone(root / "intel-rapl:0" / "intel-rapl:0:1", "dram", 77),
        "cpu:package-1": zone(root / "intel-rapl:1", "package-1", 900_000_000),
        "psys": zone(root / "intel-rapl:2", "psys", 0),
    }


def counting(counters):
    """What counters (file -> start in uJ, watts) that grow with the clock show now: file and text."""
    began_s = time.monotonic()

    def shown():
        age_s = time.monotonic() - began_s
        for file, (start_uj, watts) in counters.items():
            yield file, f"{(start_uj + int(1e6 * watts * age_s)) % (RANGE_UJ + 1)}\n"

    return shown


@contextmanager
def driven(counters):
    """Such counters in files, written once a millisecond, or when this process comes to it."""
    stop, shown = threading.Event(), counting(counters)

    def write():
        for file, text in shown():
            fresh = file.with_name("fresh")
            fresh.write_text(text)
            fresh.replace(file)

    def drive():
        while not stop.wait(0.001):
            write()

    write()
    thread = threading.Thread(target=drive)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def meter(tree, flags="fpu sse2"):
    cpuinfo = tree["root"].parent / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags : {flags}\n")
    return RaplMeter(folder=tree["root"], cpuinfo=cpuinfo)


def test_packages_and_memory_are_counted_and_what_contains_them_or_is_inside_is_not(tree):
    found = meter(tree)
    assert isinstance(found, Meter)
    with found.open() as opened:
        assert isinstance(opened, Explaining)
        assert opened.facts.headline == ("cpu:package-0", "dram:package-0", "cpu:package-1")
        assert (opened.facts.provenance, opened.facts.reasons) == ("measured", ())
        assert opened.read() == dict.fromkeys(opened.facts.headline, 0.0)


@pytest.mark.parametrize("start_uj", [5_000_000, RANGE_UJ - 20_000_000])  # the second one wraps
def test_a_window_has_the_power_of_its_zones_times_its_time(tree, start_uj, monkeypatch):
    watts = {"cpu:package-0": 120.0, "dram:package-0": 15.0, "cpu:package-1": 80.0}
    shown = counting(
        {
            tree["cpu:package-0"]: (start_uj, watts["cpu:package-0"]),
            tree["core"]: (0, 90.0),
            tree["dram:package-0"]: (77, watts["dram:package-0"]),
            tree["cpu:package-1"]: (900_000_000, watts["cpu:package-1"]),
            tree["psys"]: (0, 300.0),
        }
    )
    read = rapl._text
    # As a kernel does, which counts when it is read: what a thread of ours wrote would be old by then.
    monkeypatch.setattr(rapl, "_text", lambda path: dict(shown()).get(path) or read(path))
    with Sampler([meter(tree)], required=True) as sampler:
        time.sleep(0.3)
        start_s = time.monotonic()
        time.sleep(3.0)
        end_s = time.monotonic()
        while not sampler.settled(end_s):
            time.sleep(0.05)
        (facts,) = sampler.facts
        readings, faults = sampler.drain()
    trace = build_trace(readings)
    joules = window_joules(trace.counters, facts.headline, start_s, end_s)
    # A reading's time may be off by half of what it took, which is a pause of its own from 0.2 s on.
    late_s = 0.2 + paused_at(pauses_of(trace), start_s, end_s)
    assert joules == {
        domain: pytest.approx(watts[domain] * (end_s - start_s), abs=watts[domain] * late_s)
        for domain in watts
    }
    assert faults == []


def late_s():
    """The time, on a machine so busy that three joules go by before a counter is read."""
    now_s = time.monotonic()
    time.sleep(0.03)
    return now_s


@pytest.mark.parametrize("clock", [time.monotonic, late_s])
def test_one_socket_that_is_shown_twice_is_counted_once(tree, clock):
    tree["cpu:package-1"].unlink()
    tree["cpu:package-1"].symlink_to(tree["cpu:package-0"])
    with driven({tree["cpu:package-0"]: (400_000_000, 100.0)}):
        time.sleep(0.05)
        with meter(tree).open(clock) as opened:
            assert opened.facts.headline == ("cpu:package-0", "dram:package-0")
            assert opened.facts.reasons == ("mirrored_zones",)


def test_in_a_virtual_machine_it_is_the_hypervisors_model(tree):
    with meter(tree, flags="fpu hypervisor sse2").open() as opened:
        assert (opened.facts.provenance, opened.facts.method) == ("modelled", "rapl_vm")
        assert opened.facts.reasons == ("rapl_in_vm",)


def refusal(found):
    with pytest.raises(MeterError) as error, found.open():
        pass
    return str(error.value), error.value.code


def test_what_is_not_there_or_hidden_or_broken_is_told_with_what_to_do(tree, tmp_path):
    absent = RaplMeter(folder=tmp_path / "nothing")
    assert not absent.is_there()
    said, code = refusal(absent)
    assert "virtual machines and macOS have none" in said
    assert code == "rapl_absent"
    tree["cpu:package-0"].write_text("much\n")
    said, code = refusal(meter(tree))
    assert "holds no number" in said
    assert code == "rapl_absent"


def test_only_the_platform_is_no_package(tmp_path):
    zone(tmp_path / "intel-rapl:0", "psys", 0)
    assert refusal(RaplMeter(folder=tmp_path))[1] == "rapl_absent"


@pytest.mark.parametrize("names", [[], ["intel-rapl", "intel-rapl:0", "intel-rapl:0:0"]])
def test_a_tree_that_a_container_empties_is_masked(names, tmp_path):
    for name in names:  # Docker empties what these link to
        (tmp_path / name).symlink_to(tmp_path / "devices" / name)
    said, code = refusal(RaplMeter(folder=tmp_path))
    assert "containers hide them" in said
    assert code == "rapl_masked"


def test_a_zone_that_goes_away_is_a_fault_of_its_own_and_the_others_go_on(tree):
    with Sampler([meter(tree)]) as sampler:
        time.sleep(0.2)
        tree["dram:package-0"].unlink()
        time.sleep(0.3)
    readings, (fault,) = sampler.drain()
    assert (fault.code, fault.domain) == ("rapl_absent", "dram:package-0")
    assert "energy_uj cannot be read" in fault.message
    counts = Counter(reading.domain for reading in readings)
    assert counts["cpu:package-0"] > counts["dram:package-0"] > 0


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self):
        self.s = 1000.0

    def __call__(self):
        return self.s


def write(file, uj):
    file.write_text(f"{uj % (RANGE_UJ + 1)}\n")


def test_a_zone_that_comes_back_in_time_has_lost_nothing(tree):
    clock, file = Clock(), tree["dram:package-0"]
    with meter(tree).open(clock) as opened:
        file.rename(file.with_name("away"))
        assert opened.read()["dram:package-0"] is None
        assert opened.why("dram:package-0").code == "rapl_absent"
        clock.s += 30
        write(file, 77 + 450_000_000)
        assert opened.read()["dram:package-0"] == pytest.approx(450)
        assert opened.why("dram:package-0") is None


@pytest.mark.parametrize("gained_j", [0, 40_000, 65_000])
def test_a_counter_that_may_have_wrapped_twice_is_unknown_for_good(tree, gained_j):
    clock, domain = Clock(), "cpu:package-0"
    with meter(tree).open(clock) as opened:
        assert opened.read()[domain] == 0
        clock.s += RANGE_UJ * 1e-6 / 1000
        write(tree[domain], 5_000_000 + gained_j * 1_000_000)
        for _ in range(2):
            assert opened.read()[domain] is None
            assert opened.why(domain).code == "rapl_ambiguous"
            clock.s += 0.1


@pytest.mark.parametrize("gained_j", [0, 30_000, 64_000])
def test_before_that_whatever_it_gained_is_counted(tree, gained_j):
    clock, domain = Clock(), "cpu:package-0"
    with meter(tree).open(clock) as opened:
        clock.s += 65
        write(tree[domain], 5_000_000 + gained_j * 1_000_000)
        assert opened.read()[domain] == pytest.approx(gained_j)
        assert opened.why(domain) is None


def test_a_counter_that_was_set_back_is_not_taken_for_one_that_wrapped(tree):
    clock, domain = Clock(), "cpu:package-0"
    with meter(tree).open(clock) as opened:
        clock.s += 0.1
        write(tree[domain], 1_000)
        for _ in range(2):
            found = opened.read()
            assert found[domain] is None
            assert found["cpu:package-1"] == 0
            assert opened.why(domain).code == "counter_reset"
            clock.s += 60  # in which it could have gained so much


def test_a_counter_that_moves_once_a_second_was_not_set_back(tree):
    clock, domain = Clock(), "cpu:package-0"
    with meter(tree).open(clock) as opened:
        clock.s += 0.1
        write(tree[domain], 5_000_000 + 400_000_000)
        assert opened.read()[domain] == pytest.approx(400)


@pytest.mark.skipif(sys.platform == "win32", reason="rights work otherwise there")
def test_without_the_right_to_read_it_says_who_can_give_it():
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        counter = zone(Path(place) / "powercap" / "intel-rapl:0", "package-0", 1)
        with RaplMeter(folder=Path(place) / "powercap").open():
            # So that what nobody may be kept from reading is imported before.
            refusal(RaplMeter(folder=Path(place)))
        counter.chmod(0o400)
        receiver, sender = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.get_context("fork").Process(
            target=_refused_as_nobody, args=(Path(place) / "powercap", sender)
        )
        child.start()
        sender.close()  # a child that dies is then the end of what is to be received
        said, code = receiver.recv()
        child.join()
    assert "readable for root only" in said
    assert "udev" in said
    assert code == "rapl_permission"


def _refused_as_nobody(folder, sender):
    if os.getuid() == 0:
        os.setuid(65534)
    else:
        (folder / "intel-rapl:0" / "energy_uj").chmod(0)
    sender.send(refusal(RaplMeter(folder=folder)))


def test_auto_reads_it_before_any_model_and_only_where_there_is_one():
    there = RaplMeter().is_there()
    kinds = [found.kind for found in meters_for("auto", gpu=False)]
    assert kinds == (["rapl"] if there else []) + ["codecarbon"]
    assert next(found.kind for found in meters_for("auto", gpu=True)) == "nvml"
