"""The protocols that a suite can name, and what it can change of them."""

from pathlib import Path

import pytest

from costbench.errors import SuiteError
from costbench.protocol import DEFAULTS, Protocol
from costbench.suite import load_suite

SUITE = """\
name: small
protocol: {protocol}
groups:
  - name: tiny
    engine: transformers
    datasets: [arithmetic]
    models: [{{name: a, path: "embedded:a"}}]
    policies: [unconstrained]
"""


def loaded(folder: Path, protocol: str) -> Protocol:
    path = folder / "suite.yaml"
    path.write_text(SUITE.format(protocol=protocol))
    return load_suite(path).protocol


def told(folder: Path, protocol: str) -> list[str]:
    """What a bad protocol is told, without the path."""
    with pytest.raises(SuiteError) as caught:
        loaded(folder, protocol)
    return [line.removeprefix(f"{folder}/suite.yaml:") for line in str(caught.value).splitlines()]


def test_quick_is_one_short_warm_up_and_a_short_idle() -> None:
    quick = Protocol.named("quick")
    assert (quick.warmup_batches, quick.warmup_s, quick.window_s, quick.passes) == (1, 0, 0, 1)
    assert (quick.idle_bare_s, quick.idle_context_s, quick.cooldown_s) == (3, 3, 0)
    assert not quick.steady


def test_standard_is_what_the_reference_asks_for() -> None:
    standard = Protocol.named("standard")
    assert (standard.window_s, standard.passes, standard.cooldown_s) == (30, 3, 5)
    assert (standard.idle_bare_s, standard.idle_context_s, standard.warmup_s) == (30, 30, 10)
    assert standard.steady


def test_publication_is_standard_with_longer_windows_and_more_passes() -> None:
    changed = Protocol.named("publication").model_dump()
    standard = Protocol.named("standard").model_dump()
    differing = {name: changed[name] for name in changed if changed[name] != standard[name]}
    assert differing == {"kind": "publication", "window_s": 60, "passes": 5}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_protocol_as_it_is_defined_gives_every_field_and_shortens_nothing(kind: str) -> None:
    found = Protocol.named(kind)
    assert found.model_dump() == {"kind": kind, **DEFAULTS[kind]}
    assert found.shortened == ()
    assert Protocol.model_validate(found.model_dump()) == found


@pytest.mark.parametrize("kind", DEFAULTS)
@pytest.mark.parametrize("form", ["{}", "{{kind: {}}}"])
def test_a_suite_names_a_protocol_by_a_word_or_by_its_kind(
    tmp_path: Path, kind: str, form: str
) -> None:
    assert loaded(tmp_path, form.format(kind)) == Protocol.named(kind)


def test_a_suite_that_says_nothing_is_quick(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE.replace("protocol: {protocol}\n", "").format())
    assert load_suite(path).protocol == Protocol.named("quick")
    assert loaded(tmp_path, "{window_s: 2}").kind == "quick"


def test_a_suite_changes_durations_one_by_one(tmp_path: Path) -> None:
    found = loaded(tmp_path, "{kind: standard, window_s: 12, passes: 2, steady: no}")
    standard = Protocol.named("standard")
    assert found == standard.model_copy(update={"window_s": 12, "passes": 2, "steady": False})


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("quik", "2: protocol: expected quick, standard, publication or a mapping, found 'quik'"),
        (
            "{kind: quik, window_s: 1}",
            "2: protocol: expected quick, standard, publication or a mapping, found 'quik'",
        ),
        (
            "{kind: standard, windows_s: 1}",
            "2: protocol.windows_s: unknown key `windows_s`; did you mean `window_s`?",
        ),
        (
            "{window_s: -1}",
            "2: protocol.window_s: input should be greater than or equal to 0, found -1",
        ),
        (
            "{passes: 0}",
            "2: protocol.passes: input should be greater than or equal to 1, found 0",
        ),
        ("{passes: 1.0}", "2: protocol.passes: input should be a valid integer, found 1.0"),
        ("30", "2: protocol: expected a mapping, found 30"),
    ],
)
def test_a_bad_protocol_is_refused_with_its_line(
    tmp_path: Path, protocol: str, message: str
) -> None:
    assert told(tmp_path, protocol) == [message]


def test_all_that_is_wrong_with_a_protocol_is_told_at_once(tmp_path: Path) -> None:
    lines = told(tmp_path, "\n  kind: standard\n  window_s: long\n  stedy: yes")
    assert [line.split(":")[:2] for line in lines] == [
        ["4", " protocol.window_s"],
        ["5", " protocol.stedy"],
    ]


@pytest.mark.parametrize(
    "name", ["idle_bare_s", "idle_context_s", "warmup_s", "window_s", "cooldown_s", "passes"]
)
def test_a_field_that_asks_for_less_is_named(name: str) -> None:
    own = DEFAULTS["standard"][name]
    less, more = ({"kind": "standard", name: own + by} for by in (-1, 1))
    assert Protocol.model_validate(less).shortened == (name,)
    assert Protocol.model_validate(more).shortened == ()


def test_every_field_that_asks_for_less_is_named() -> None:
    found = Protocol.model_validate({"kind": "publication", "window_s": 30, "passes": 3})
    assert found.shortened == ("window_s", "passes")


@pytest.mark.parametrize(
    "change",
    [
        {"steady": False},
        {"window_at_least_s": 1.0},
        {"warmup_batches": 1},
        {"warmup_at_most_s": 10.0},
        {"cooldown_at_most_s": 0.0},
    ],
)
def test_other_fields_that_ask_for_less_are_named_too(change: dict[str, object]) -> None:
    found = Protocol.model_validate({"kind": "standard", **change})
    assert found.shortened == tuple(change)
