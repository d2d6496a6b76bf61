"""Whose processes are on a GPU, told from a folder that looks like /proc."""

import pytest

from costbench.metering.processes import Census, census, lineage

OURS = 700


@pytest.fixture
def proc(tmp_path):
    """pid 1 is the parent of us, of a shell and of a stranger; ours have children of their own."""
    family = {
        1: ("init", 0),
        OURS: ("python3", 1),
        701: ("ray::worker", OURS),
        702: ("VLLM::Engine (core 0) S 1 1", 701),
        800: ("my server :) ", 1),
        801: ("a) R 700 (b", 800),
        900: ("stranger", 850),
    }
    for pid, (name, parent) in family.items():
        (tmp_path / str(pid)).mkdir()
        text = f"{pid} ({name}) S {parent} {pid} {pid} 0 -1 4194304 1 2 3\n"
        (tmp_path / str(pid) / "stat").write_text(text)
    return tmp_path


def test_a_process_has_its_ancestors_up_to_the_first(proc):
    assert list(lineage(1, proc)) == [1]
    assert list(lineage(OURS, proc)) == [OURS, 1]
    assert list(lineage(701, proc)) == [701, OURS, 1]


def test_a_name_with_blanks_and_brackets_hides_no_parent(proc):
    assert list(lineage(702, proc)) == [702, 701, OURS, 1]
    assert list(lineage(801, proc)) == [801, 800, 1]


def test_a_name_that_is_not_text_hides_no_parent(proc):
    (proc / "703").mkdir()
    (proc / "703" / "stat").write_bytes(b"703 (\xff\xfe)) S 700 1 1")
    assert list(lineage(703, proc)) == [703, OURS, 1]


def test_a_parent_that_is_gone_or_hidden_ends_the_line(proc):
    assert list(lineage(900, proc)) == [900]
    assert list(lineage(12345, proc)) == []


def test_a_circle_of_parents_has_an_end(proc):
    (proc / "1" / "stat").write_text(f"1 (init) S {OURS} 1 1")
    assert len(list(lineage(OURS, proc))) == 100


def test_children_of_our_children_are_ours_and_siblings_are_not(proc):
    found = census([OURS, 701, 702, 800, 801], frozenset([OURS]), proc)
    assert found == Census(own=3, foreign=2, unknown=0)


def test_a_declared_server_and_its_children_are_ours(proc):
    assert census([702, 801, 900], frozenset([OURS, 800]), proc) == Census(2, 1, 0)


def test_with_the_first_process_as_the_server_everyone_below_it_is_ours(proc):
    """As in a container whose only command is the server."""
    assert census([1, 702, 801, 900], frozenset([1]), proc) == Census(3, 1, 0)


def test_a_number_that_no_process_here_has_is_unknown(proc):
    assert census([12345, 702, 801], frozenset([OURS]), proc) == Census(1, 1, 1)


def test_a_number_of_ours_that_is_not_there_any_more_is_unknown(proc):
    assert census([555], frozenset([555]), proc) == Census(0, 0, 1)


def test_no_processes_are_nobodys(proc):
    assert census([], frozenset([OURS]), proc) == Census(0, 0, 0)
