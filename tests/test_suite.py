"""Suite files: what is in a good one, and what a bad one is told."""

import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_suite import write_small_suite

from costbench.errors import SuiteError
from costbench.suite import Suite, load_suite, policy_label

BUNDLED = Path(__file__).parents[1] / "suites" / "math.yaml"

GOOD = """\
name: small
protocol: quick
sampling: {temperature: 0.6, top_p: 0.95, top_k: 0, samples_per_problem: 4, seed: 0}
meters: auto
limits: {wall_s: 900}
groups:
  - name: tiny
    requires: {packages: [torch]}
    engine: transformers
    datasets:
      - {kind: arithmetic, problems: 8, seed: 7}
    models:
      - {name: a, path: "embedded:a", role: baseline, tier: tiny}
      - {name: b, path: "embedded:b"}
    policies:
      - unconstrained
      - {kind: truncation, budget: [32, 64]}
      - {kind: budget_forcing, budget: 32, answer_tokens: 16}
    load: {concurrency: [1, 8]}
"""
DATASET = "{kind: arithmetic, problems: 8, seed: 7}"


def load(folder: Path, text: str | bytes) -> Suite:
    path = folder / "suite.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_suite(path)


def problems(folder: Path, text: str | bytes) -> list[str]:
    """What a bad suite is told, line by line, without the path that each line begins with."""
    with pytest.raises(SuiteError) as caught:
        load(folder, text)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{folder / 'suite.yaml'}:") for line in lines), lines
    return [line.removeprefix(f"{folder / 'suite.yaml'}:") for line in lines]


def edited(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


# Good files


def test_the_bundled_suite_loads_with_the_cells_it_is_known_for() -> None:
    suite = load_suite(BUNDLED)
    assert suite.name == "math"
    assert suite.prices == BUNDLED.parent / "prices" / "2026-11.yaml"
    assert suite.sampling.samples_per_problem == 4
    group = suite.groups[0]
    assert (group.name, group.load.concurrency) == ("embedded", (128,))
    labels = [policy_label(use, policy) for use in group.policies for policy in use.policies]
    budgets = (32, 64, 128, 192)
    assert labels == [
        "unconstrained",
        *(f"truncation@{budget}" for budget in budgets),
        *(f"budget_forcing@{budget}" for budget in budgets),
        *(f"prompt_budget@{budget}" for budget in budgets[1:]),
    ]
    assert [model.role for model in group.models].count("baseline") == 1
    assert not group.requires.gpu
    assert all(later.requires.gpu == "cuda" and later.requires.hub for later in suite.groups[1:])


def test_the_suite_of_claims_asks_each_variant_what_it_was_made_for() -> None:
    suite = load_suite(BUNDLED.parent / "claims.yaml")
    family, alone, budgets = suite.groups
    shipped = {path.name for path in (BUNDLED.parents[1] / "costbench" / "embedded").iterdir()}
    named = {
        model.path.removeprefix("embedded:") for group in suite.groups for model in group.models
    }
    assert named == shipped
    sizes = [use.dataset.problems for group in (family, budgets) for use in group.datasets]
    assert sizes == [1000, 1000]
    assert (family.load.concurrency, alone.load.concurrency) == ((64,), (1,))
    forced_and_asked = budgets.policies[
        1:-1
    ]  # the last shows that the base does not heed the words
    lists = {tuple(policy.budget for policy in use.policies) for use in forced_and_asked}
    assert len(lists) == 1  # equal nominal budgets


def test_lists_of_budgets_and_of_concurrencies_are_expanded(tmp_path: Path) -> None:
    (group,) = load(tmp_path, GOOD).groups
    assert [policy_label(use, one) for use in group.policies for one in use.policies] == [
        "unconstrained",
        "truncation@32",
        "truncation@64",
        "budget_forcing@32",
    ]
    assert group.load.concurrency == (1, 8)


def test_a_single_concurrency_needs_no_list(tmp_path: Path) -> None:
    suite = load(tmp_path, edited("concurrency: [1, 8]", "concurrency: 5"))
    assert suite.groups[0].load.concurrency == (5,)


def test_a_bare_word_is_a_kind_with_its_defaults(tmp_path: Path) -> None:
    (group,) = load(tmp_path, edited(DATASET, "arithmetic")).groups
    (dataset,) = group.datasets
    assert (dataset.name, dataset.dataset.kind, dataset.grader.kind) == (
        "arithmetic",
        "arithmetic",
        "math",
    )
    assert dataset.dataset.model_dump()["problems"] == 256
    assert group.engine.kind == "transformers"
    assert group.policies[0].policies[0].model_dump() == {
        "kind": "unconstrained",
        "max_tokens": 32_768,
    }


def test_a_dataset_may_change_the_sampling_the_grader_and_its_name(tmp_path: Path) -> None:
    changed = (
        "{name: sums, kind: arithmetic, problems: 8, grader: exact, "
        "sampling: {temperature: 0, samples_per_problem: 1}}"
    )
    suite = load(tmp_path, edited(DATASET, changed))
    (dataset,) = suite.groups[0].datasets
    assert (dataset.name, dataset.grader.kind) == ("sums", "exact")
    assert dataset.sampling.model_dump(exclude_none=True) == {
        "temperature": 0,
        "samples_per_problem": 1,
    }
    assert suite.sampling.temperature == 0.6


def test_a_named_policy_keeps_its_name_and_its_budgets(tmp_path: Path) -> None:
    suite = load(tmp_path, edited("{kind: truncation", "{name: cut, kind: truncation"))
    use = suite.groups[0].policies[1]
    assert [policy_label(use, policy) for policy in use.policies] == ["cut@32", "cut@64"]


def test_a_price_book_is_looked_for_beside_the_suite_unless_its_path_is_absolute(
    tmp_path: Path,
) -> None:
    assert load(tmp_path, GOOD).prices is None
    assert load(tmp_path, GOOD + "prices: book.yaml\n").prices == tmp_path / "book.yaml"
    elsewhere = tmp_path / "elsewhere" / "book.yaml"
    assert load(tmp_path, GOOD + f"prices: {elsewhere}\n").prices == elsewhere


def test_a_file_with_a_byte_order_mark_loads(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()).name == "small"


# Files that are no suite at all


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"nowhere\.yaml: no such file"):
        load_suite(tmp_path / "nowhere.yaml")


def test_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot be read: Is a directory"):
        load_suite(tmp_path)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "- a\n", "hello\n", "5\n"])
def test_what_is_no_mapping_is_told_what_a_suite_is(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == [" a suite is a mapping with `name` and `groups`"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: small\ngroups: [\n", "3: expected the node content, but found '<stream end>'"),
        ("name: small\n\tgroups: 1\n", "2: found character '\\t' that cannot start any token"),
        ("name: @small\n", "1: found character '@' that cannot start any token"),
        ("name: a\n---\nname: b\n", "2: but found another document"),
        ("name: !!python/object:os.system x\n", "1: could not determine a constructor"),
        ("name: small\nlimits: {usd: 2026-13-45}\n", "2: '2026-13-45' is not a valid timestamp"),
        ("name: small\nlimits: {usd: !!int ''}\n", "2: '' is not a valid int"),
        ('name: "\\UFFFFFFFF"\n', " not valid YAML: "),
    ],
)
def test_malformed_yaml_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (line,) = problems(tmp_path, text)
    assert line.startswith(told)


def test_a_repeated_key_is_refused_at_any_depth(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD + "name: again\n") == ["20: the key `name` occurs twice"]
    twice = edited("problems: 8", "problems: 8, problems: 9")
    assert problems(tmp_path, twice) == ["11: the key `problems` occurs twice"]


def test_aliases_are_refused(tmp_path: Path) -> None:
    text = GOOD.replace("name: small", "name: &it small") + "prices: *it\n"
    assert problems(tmp_path, text) == ["20: aliases (*name) are not allowed"]


@pytest.mark.parametrize("key", ["<<: {name: b}", "? [a]\n: b", "? {a: b}\n: c"])
def test_merge_keys_and_keys_that_are_lists_are_refused(tmp_path: Path, key: str) -> None:
    assert problems(tmp_path, f"name: a\n{key}\n") == ["2: a key must be a single word"]


@pytest.mark.parametrize("text", ["a: " + "[" * 5_000, "a: " + "{a: " * 60, "- " * 60 + "a"])
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == ["1: nested deeper than 50 levels"]


def test_a_file_above_a_megabyte_is_refused_unread(tmp_path: Path) -> None:
    text = GOOD + "#" * 1_000_000
    (line,) = problems(tmp_path, text)
    assert line == f" {len(text):,} bytes; a file of at most 1,000,000 is read"


@pytest.mark.parametrize("raw", [b"name: caf\xe9\n", GOOD.encode("utf-16")])
def test_what_is_not_utf_8_is_refused(tmp_path: Path, raw: bytes) -> None:
    (line,) = problems(tmp_path, raw)
    assert line.startswith(" not UTF-8 text (byte ")


def test_a_nul_byte_is_refused_with_its_line(tmp_path: Path) -> None:
    assert problems(tmp_path, "name: a\nmeters: a\0b\n") == [
        "2: the character U+0000 is not allowed"
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('"a\\0b"', "contains a character that cannot be stored: 'a\\x00b'"),
        ('"\\ud800"', "contains a character that cannot be stored: '\\ud800'"),
        ("0x" + "f" * 5_000, "a whole number beyond 64 bits"),
        ("99999999999999999999", "a whole number beyond 64 bits"),
        ("1.0e+999", "a number that is not finite"),
        (".nan", "a number that is not finite"),
    ],
)
def test_values_that_cannot_be_stored_are_refused(tmp_path: Path, value: str, told: str) -> None:
    assert problems(tmp_path, f"name: a\nprices: {value}\n") == [f"2: {told}"]


# Keys


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "protocol:",
            "protocoll:",
            "2: protocoll: unknown key `protocoll`; did you mean `protocol`?",
        ),
        (
            "top_p: 0.95",
            "top_q: 0.95",
            "3: sampling.top_q: unknown key `top_q`; did you mean `top_p`?",
        ),
        (
            "    requires: ",
            "    require: ",
            "8: groups[0].require: unknown key `require`; did you mean `requires`?",
        ),
        (
            "engine: transformers",
            "engine: {kind: transformers, dtyp: float32}",
            "9: groups[0].engine.dtyp: unknown key `dtyp`; did you mean `dtype`?",
        ),
        (
            "problems: 8",
            "problem: 8",
            "11: groups[0].datasets[0].problem: unknown key `problem`; did you mean `problems`?",
        ),
        (
            "seed: 7",
            "sampling: {temperatur: 1}",
            "11: groups[0].datasets[0].sampling.temperatur: unknown key `temperatur`; "
            "did you mean `temperature`?",
        ),
        (
            'path: "embedded:b"',
            'path: "embedded:b", thinking: {opn: x}',
            "14: groups[0].models[1].thinking.opn: unknown key `opn`; did you mean `open`?",
        ),
        (
            "budget: [32, 64]",
            "budget: [32, 64], wait: 1",
            "17: groups[0].policies[1].wait: unknown key `wait`; did you mean `waits`?",
        ),
        (
            "answer_tokens: 16",
            "answer_token: 16",
            "18: groups[0].policies[2].answer_token: unknown key `answer_token`; "
            "did you mean `answer_tokens`?",
        ),
        (
            "concurrency: [1, 8]",
            "concurency: 1",
            "19: groups[0].load.concurency: unknown key `concurency`; did you mean `concurrency`?",
        ),
        ("meters: auto", "zzz: 1", "4: zzz: unknown key `zzz`"),
        ("meters: auto", "5: 1", "4: [5]: keys should be strings, found 5"),
    ],
)
def test_an_unknown_key_is_told_with_its_line_its_place_and_the_nearest_known_one(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert problems(tmp_path, edited(old, new)) == [told]


def test_a_missing_key_is_told_with_the_line_of_what_lacks_it(tmp_path: Path) -> None:
    assert problems(tmp_path, edited("    engine: transformers\n", "")) == [
        "7: groups[0].engine: is missing"
    ]
    assert problems(tmp_path, "meters: auto\n") == ["1: name: is missing", "1: groups: is missing"]


# Kinds


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "engine: transformers",
            "engine: transformer",
            "9: groups[0].engine: no engine is called 'transformer'; did you mean 'transformers'? (",
        ),
        (
            "kind: arithmetic",
            "kind: arithmetics",
            "11: groups[0].datasets[0]: no dataset is called 'arithmetics'; did you mean 'arithmetic'? (",
        ),
        (
            "kind: truncation",
            "kind: truncate",
            "17: groups[0].policies[1]: no policy is called 'truncate'; did you mean 'truncation'? (",
        ),
        (
            "seed: 7",
            "grader: maths",
            "11: groups[0].datasets[0].grader: no grader is called 'maths'; did you mean 'math'? (",
        ),
        (
            "kind: truncation",
            "kind: zzz",
            "17: groups[0].policies[1]: no policy is called 'zzz' (inst",
        ),
        (
            "kind: truncation",
            'kind: "nowhere.at_all:It"',
            "17: groups[0].policies[1]: policy 'nowhere.at_all:It' (nowhere.at_all:It) cannot be loaded: ",
        ),
        (
            "kind: truncation",
            'kind: ".here:It"',
            "17: groups[0].policies[1]: policy '.here:It' is not a class path; write ",
        ),
    ],
)
def test_an_unknown_kind_is_told_once_with_the_nearest_one(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    (line,) = problems(tmp_path, edited(old, new))
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("kind: truncation, ", "", "17: groups[0].policies[1]"),
        ("- unconstrained", "- 5", "16: groups[0].policies[0]"),
        (DATASET, "[arithmetic]", "11: groups[0].datasets[0]"),
        ("kind: arithmetic", "kind: 5", "11: groups[0].datasets[0]"),
    ],
)
def test_a_component_without_a_kind_is_told_what_it_needs(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    (line,) = problems(tmp_path, edited(old, new))
    assert line.startswith(f"{place}: expected a name or a mapping with `kind`, found ")


def test_an_engine_without_a_kind_is_told_what_it_needs(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, edited("engine: transformers", "engine: {dtype: auto}"))
    assert line.startswith("9: groups[0].engine: expected a name or a mapping with `kind`, found")


# Values


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ("0", ".budget: input should be greater than or equal to 1, found 0"),
        ("-5", ".budget: input should be greater than or equal to 1, found -5"),
        ("[32, 0]", ".budget: input should be greater than or equal to 1, found 0"),
        ("[]", ": budget: an empty list; name at least one budget"),
        ("[32, 64, 32]", ": budget: [32, 64, 32] names one budget twice"),
        ("null", ".budget: input should be a valid integer, found None"),
        ("much", ".budget: input should be a valid integer, found 'much'"),
        ('"32"', ".budget: input should be a valid integer, found '32'"),
        ("32.0", ".budget: input should be a valid integer, found 32.0"),
        ("yes", ".budget: input should be a valid integer, found True"),
        ("{a: 1}", ".budget: input should be a valid integer, found {'a': 1}"),
        ("[[32]]", ".budget: input should be a valid integer, found [32]"),
        ("2026-01-01", ".budget: input should be a valid integer, found datetime.date(2026, 1, 1)"),
    ],
)
def test_a_budget_is_a_count_or_a_list_of_different_ones(
    tmp_path: Path, budget: str, told: str
) -> None:
    text = edited("budget: [32, 64]", f"budget: {budget}")
    assert problems(tmp_path, text) == [f"17: groups[0].policies[1]{told}"]


@pytest.mark.parametrize(
    ("concurrency", "told"),
    [
        ("0", "[0]: input should be greater than or equal to 1, found 0"),
        ("[8, -1]", "[1]: input should be greater than or equal to 1, found -1"),
        ("100001", "[0]: input should be less than or equal to 100000, found 100001"),
        ("[]", ": expected at least 1, found none"),
        ("[4, 8, 4]", ": [4, 8, 4] names one concurrency twice"),
        ("yes", "[0]: input should be a valid integer, found True"),
        ("many", ": expected a list, found 'many'"),
        ("null", ": expected a list, found None"),
    ],
)
def test_a_concurrency_is_a_count_or_a_list_of_different_ones(
    tmp_path: Path, concurrency: str, told: str
) -> None:
    text = edited("concurrency: [1, 8]", f"concurrency: {concurrency}")
    assert problems(tmp_path, text) == [f"19: groups[0].load.concurrency{told}"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: small", "name: 5", "1: name: expected text, found 5"),
        (
            "protocol: quick",
            "protocol: quik",
            "2: protocol: expected quick, standard, publication or a mapping, found 'quik'",
        ),
        (
            "top_p: 0.95",
            "top_p: 1.5",
            "3: sampling.top_p: input should be less than or equal to 1, found 1.5",
        ),
        (
            "temperature: 0.6",
            "temperature: hot",
            "3: sampling.temperature: input should be a valid number, "
            "unable to parse string as a number, found 'hot'",
        ),
        (
            "samples_per_problem: 4",
            "samples_per_problem: 0",
            "3: sampling.samples_per_problem: input should be greater than or equal to 1, found 0",
        ),
        (
            "meters: auto",
            "meters: atuo",
            "4: meters: expected auto, none, a list of meters or a mapping, found 'atuo'",
        ),
        ("wall_s: 900", "wall_s: 0", "5: limits.wall_s: input should be greater than 0, found 0"),
        ("limits: {wall_s: 900}", "limits: 900", "5: limits: expected a mapping, found 900"),
        ("limits: {wall_s: 900}", "prices: 5", "5: prices: expected a path, found 5"),
        (
            "packages: [torch]",
            "packages: torch",
            "8: groups[0].requires.packages: expected a list, found 'torch'",
        ),
        (
            "packages: [torch]",
            "gpu: rocm",
            "8: groups[0].requires.gpu: input should be 'cuda', found 'rocm'",
        ),
        (
            f"\n      - {DATASET}",
            " []",
            "10: groups[0].datasets: expected at least 1, found none",
        ),
        (
            "problems: 8",
            "problems: 0",
            "11: groups[0].datasets[0].problems: input should be greater than or equal to 1, found 0",
        ),
        (
            "seed: 7",
            "levels: [3, 1]",
            "11: groups[0].datasets[0]: levels must ascend, found [3, 1]",
        ),
        (
            "role: baseline",
            "role: base",
            "13: groups[0].models[0].role: input should be 'baseline' or 'variant', found 'base'",
        ),
        (
            "answer_tokens: 16",
            "answer_tokens: 0",
            "18: groups[0].policies[2].answer_tokens: input should be greater than or equal to 1, found 0",
        ),
        (
            "load: {concurrency: [1, 8]}",
            "load: 8",
            "19: groups[0].load: expected a mapping, found 8",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_line_and_what_was_found(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert problems(tmp_path, edited(old, new)) == [told]


def test_groups_that_are_no_list_of_mappings_are_told_so(tmp_path: Path) -> None:
    assert problems(tmp_path, "name: a\ngroups: {b: c}\n") == [
        "2: groups: expected a list, found {'b': 'c'}"
    ]
    assert problems(tmp_path, "name: a\ngroups: [5]\n") == [
        "2: groups[0]: expected a mapping, found 5"
    ]
    assert problems(tmp_path, "name: a\ngroups: []\n") == [
        "2: groups: expected at least 1, found none"
    ]


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "", " a", "-a", "ä", "a\\n", "a@64"])
@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("name: small", "name: {}", "1: name"),
        ("name: tiny", "name: {}", "7: groups[0].name"),
        ("name: a", "name: {}", "13: groups[0].models[0].name"),
        ("kind: arithmetic", "kind: arithmetic, name: {}", "11: groups[0].datasets[0].name"),
        ("kind: truncation", "kind: truncation, name: {}", "17: groups[0].policies[1].name"),
    ],
)
def test_a_name_that_could_not_stand_in_a_path_is_refused(
    tmp_path: Path, name: str, old: str, new: str, place: str
) -> None:
    (line,) = problems(tmp_path, edited(old, new.format(f'"{name}"')))
    assert line.startswith(f"{place}: string should match pattern ")


def test_a_name_of_pages_is_refused_and_not_repeated_in_full(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, edited("name: small", f"name: {'a' * 5_000}"))
    assert line.startswith("1: name: string should have at most 80 characters, found 'aaa")
    assert line.endswith("...")
    assert len(line) < 130


# Several problems


def test_twins_are_told_all_at_once(tmp_path: Path) -> None:
    text = (
        edited("name: b", "name: a")
        .replace(DATASET, f"{DATASET}\n      - arithmetic")
        .replace("kind: budget_forcing", "name: truncation, kind: budget_forcing")
    )
    text += GOOD[GOOD.index("  - name: tiny") :]
    assert problems(tmp_path, text) == [
        " groups: tiny occurs twice; give one of them another `name`",
        " tiny: models: a occurs twice; give one of them another `name`",
        " tiny: datasets: arithmetic occurs twice; give one of them another `name`",
        " tiny: policies: truncation@32 occurs twice; give one of them another `name`",
    ]


def test_two_policies_of_one_kind_are_no_twins_when_one_has_a_name(tmp_path: Path) -> None:
    text = edited(
        "      - unconstrained\n",
        "      - unconstrained\n      - {name: free, kind: unconstrained}\n",
    )
    assert [use.name for use in load(tmp_path, text).groups[0].policies][:2] == [
        "unconstrained",
        "free",
    ]


def test_all_problems_of_a_file_are_told_at_once_and_each_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("top_p: 0.95", "top_p: 1.5")
        .replace("engine: transformers", "engin: transformers")
        .replace("problems: 8", "problem: 8")
        .replace("role: baseline", "role: base")
        .replace("kind: truncation", "kind: truncate")
        .replace("answer_tokens: 16", "answer_tokens: 0")
    )
    found = problems(tmp_path, text)
    assert sorted(line.split(": ")[1] for line in found) == [
        "groups[0].datasets[0].problem",
        "groups[0].engin",
        "groups[0].engine",
        "groups[0].models[0].role",
        "groups[0].policies[1]",
        "groups[0].policies[2].answer_tokens",
        "sampling.top_p",
    ]


# Anything at all: it loads, or is told why not

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.sampled_from(
        ["arithmetic", "unconstrained", "transformers", "a:b", "~x", "embedded:", "../x"]
    ),
)
KEYS = st.one_of(
    st.sampled_from(
        [
            "name",
            "groups",
            "engine",
            "datasets",
            "models",
            "policies",
            "load",
            "kind",
            "budget",
            "path",
        ]
    ),
    st.text(max_size=5),
    st.integers(),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)
WORDS = st.sampled_from(
    [*":-?,[]{}#&*!|>%@`'\"\n\t ~=<\0", "name", "groups:", "\n- ", "\n  ", "!!int ", "!!timestamp ", "0x",
     "<<: ", "&a", "*a", ".inf", "2026-", "1:2", "---\n", "'\\ud800'", '"\\UFFFFFFFF"', "é", "\ufeff"]
)  # fmt: skip


@st.composite
def suites_with_another_value(draw: st.DrawFn) -> str:
    """The good suite as a tree, with one value of it replaced by anything."""
    tree = yaml.safe_load(GOOD)
    places = list(_places(tree))
    holder, key = draw(st.sampled_from(places))
    holder[key] = draw(TREES)
    return yaml.dump(tree, allow_unicode=draw(st.booleans()))


def _places(tree: Any) -> Any:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


@st.composite
def suites_with_another_stretch(draw: st.DrawFn) -> str:
    """The good suite as a text, with a stretch of it replaced by signs that mean something in YAML."""
    start = draw(st.integers(0, len(GOOD)))
    end = min(len(GOOD), start + draw(st.integers(0, 20)))
    middle = "".join(draw(st.lists(WORDS | st.text(string.printable, max_size=3), max_size=6)))
    return GOOD[:start] + middle + GOOD[end:]


ANYTHING = st.one_of(
    st.text(),
    st.lists(WORDS).map("".join),
    TREES.map(yaml.dump),
    suites_with_another_value(),
    suites_with_another_stretch(),
)


def check_it_loads_or_is_told_why_not(folder: Path, text: str | bytes) -> None:
    try:
        load(folder, text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    except SuiteError as error:
        lines = str(error).splitlines()
        assert lines
        assert all(line.strip() for line in lines)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANYTHING | st.binary())
def test_whatever_the_file_holds_it_loads_or_is_told_why_not(
    tmp_path: Path, text: str | bytes
) -> None:
    check_it_loads_or_is_told_why_not(tmp_path, text)


@pytest.mark.slow
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANYTHING | st.binary())
def test_whatever_the_file_holds_it_loads_or_is_told_why_not_many_times(
    tmp_path: Path, text: str | bytes
) -> None:
    check_it_loads_or_is_told_why_not(tmp_path, text)


WISHES = """\
decision: {accuracy_at_least: 0.9, p95_latency_s: 30, usd_per_wrong_answer: 0.5}
demand: {answers_per_month: 1.0e+6, peak_to_mean: 3}
"""


def test_a_suite_may_say_what_figures_are_wanted_for(tmp_path: Path) -> None:
    path = write_small_suite(tmp_path)
    assert load_suite(path).demand is None
    path.write_text(WISHES + path.read_text())
    suite = load_suite(path)
    assert (suite.decision.accuracy_at_least, suite.decision.usd_per_wrong_answer) == (0.9, 0.5)
    assert suite.demand is not None
    assert (suite.demand.answers_per_month, suite.demand.peak_to_mean) == (1e6, 3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("decision: {accuracy: 0.9}", "accuracy_at_least"),
        ("decision: {accuracy_at_least: 90}", "accuracy_at_least"),
        ("demand: {peak_to_mean: 3}", "answers_per_month"),
        ("demand: {answers_per_month: 0}", "answers_per_month"),
    ],
)
def test_wishes_that_cannot_be_are_told_with_their_line(
    tmp_path: Path, wrong: str, told: str
) -> None:
    path = write_small_suite(tmp_path)
    path.write_text(f"{wrong}\n{path.read_text()}")
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    assert f"{path}:1" in str(caught.value)
    assert told in str(caught.value)
