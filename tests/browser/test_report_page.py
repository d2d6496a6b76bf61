"""What a reader does with report.html, and what is done to them."""

import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser.opening import PHONE, Open
from report.example import HOSTILE, example_report, only_abacus, two_groups, unpriced
from report.repricing_cases import examples

from costbench.analysis.stats import Estimate
from costbench.report.columns import Scales
from costbench.report.contract import E, Report, Sample, Spread
from costbench.report.estimates import to_e
from costbench.report.plot_data import known_axes, panels, scale_of
from costbench.report.repricing import repriced
from costbench.report.sliders import sliders
from costbench.report.wording import PROVENANCE, center, estimate, number

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_every_axis_shows_the_points_that_python_has(opened: Open) -> None:
    report = example_report()
    found = opened(report)
    for axis in known_axes(report):
        found.page.locator(f'input[name="axis"][value="{axis}"]').check()
        scale = scale_of(report, axis)
        (panel,) = panels(report, axis, scale)
        unit = scale.per("attempt", "attempts")
        wanted = [
            f"{panel.section.name(p.cell)}: accuracy {p.at[1]:.1f} %, {center(p.x)} {unit}"
            for p in panel.points
        ]
        shown = found.points()
        assert len(shown) == len(wanted)
        for words, point in zip(wanted, panel.points, strict=True):
            (mine,) = [said for said in shown if said.startswith(words)]
            assert ("on the frontier" in mine) == point.on_frontier


def test_the_keyboard_reaches_every_control(opened: Open) -> None:
    page = opened(example_report()).page
    controls = "a[href], button, summary, input, [tabindex='0']"
    page.evaluate(f"document.querySelectorAll({controls!r}).forEach((e, i) => e.dataset.at = i)")
    reached = set()
    for _ in range(page.locator(controls).count() + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.at"))
    missed = page.evaluate(
        f"[...document.querySelectorAll({controls!r})].filter(e => e.checkVisibility()"
        " && !(e.type === 'radio' && !e.checked)).map(e => [e.dataset.at, e.outerHTML.slice(0, 80)])"
    )
    assert [html for at, html in missed if at not in reached] == []


def test_an_accessibility_checker_finds_nothing_serious(opened: Open) -> None:
    axe = Path(os.environ.get("COSTBENCH_AXE", "axe.min.js"))
    if not axe.is_file() and os.environ.get("COSTBENCH_BROWSER") != "required":
        pytest.skip("axe-core is not here: COSTBENCH_AXE names its axe.min.js")
    page = opened(sampled(two_groups(example_report())), pictures=True, bypass_csp=True).page
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_names_questions_and_answers_are_inert(opened: Open) -> None:
    report = renamed(sampled(example_report()), EVIL)
    page = opened(report).page
    page.locator('input[name="axis"][value="tokens"]').check()
    assert page.evaluate("window.hacked") is None
    tags = Counter(page.evaluate("[...document.querySelectorAll('*')].map(e => e.tagName)"))
    assert (tags["IFRAME"], tags["B"] > 0, tags["SCRIPT"]) == (0, True, scripts_of(report))
    text = page.inner_text("body")
    assert (
        "<script>window.hacked" in page.content() or "&lt;script&gt;window.hacked" in page.content()
    )
    assert not {"\x1b", "\u202e"} & set(text)
    blocks = page.locator('script[type="application/json"]').all_text_contents()
    assert len(blocks) == scripts_of(report) - 3
    assert not any("<" in block for block in blocks)


def test_no_script_runs_but_the_pages_own_and_nothing_is_fetched(opened: Open) -> None:
    """Even where markup got into the page past all that escapes it."""
    found = opened(example_report())
    found.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            const image = document.createElement("img");
            image.src = "http://evil.invalid/x.png";
            const handler = document.createElement("p");
            handler.setAttribute("onclick", "window.hacked = 2");
            document.body.append(script, image, handler);
            handler.click();
        }"""
    )
    found.page.wait_for_timeout(200)
    assert found.page.evaluate("window.hacked") is None
    assert len(found.said) == 3
    assert all("Content Security Policy" in each for each in found.said)
    found.said.clear()
    assert found.asked.pop() == "http://evil.invalid/x.png"  # told of, and stopped


EVIL = f"</script><script>window.hacked=1</script><iframe src=//evil.invalid>{{{{7*7}}}}{HOSTILE}"


def scripts_of(report: Report) -> int:
    """The data, a chart for each section, and the three that run."""
    return 1 + len({(cell.group, cell.dataset) for cell in report.cells}) + 3


def renamed(report: Report, name: str) -> Report:
    """A report whose first two cells, suite and machine have this name."""
    first, second, *rest = report.cells
    cells = (
        first.model_copy(update={"model": name, "policy": name}),
        second.model_copy(update={"model": name}),
        *rest,
    )
    machine = report.machine | {"label": name, "cpu": name}
    return report.model_copy(update={"cells": cells, "suite": name, "machine": machine})


def sampled(report: Report) -> Report:
    """With a question and an answer that are meant ill."""
    sample = Sample(
        cell=report.cells[0].cell,
        problem=EVIL,
        outcome="wrong",
        question=EVIL,
        response=f"<img src=x onerror=alert(1)>\n{EVIL}",
        reference=None,
        extracted=EVIL,
        error=None,
    )
    return report.model_copy(update={"samples": (sample,)})


def test_texts_are_shown_only_where_somebody_asked(opened: Open) -> None:
    page = opened(sampled(only_abacus(example_report()))).page
    assert page.get_by_role("heading", name="Samples", exact=True).count() == 1
    page.locator("section:has(#samples-title) summary").first.click()
    assert "<img src=x onerror" in page.inner_text("main")
    assert (
        not opened(only_abacus(example_report()))
        .page.get_by_role("heading", name="Samples", exact=True)
        .count()
    )


def cut(report: Report, count: int) -> Report:
    return report.model_copy(update={"cells": report.cells[:count], "comparisons": ()})


def many(report: Report, count: int) -> Report:
    """So many cells, with the same figures over and over."""
    cells = tuple(
        report.cells[at % 9].model_copy(update={"cell": f"c{at}", "model": f"model-{at // 9}"})
        for at in range(count)
    )
    return report.model_copy(update={"cells": cells, "comparisons": ()})


@pytest.mark.parametrize(
    "report",
    [
        cut(example_report(), 1),
        unpriced(example_report()),
        two_groups(example_report()),
        many(example_report(), 200),
    ],
    ids=["one cell", "no prices", "two groups", "200 cells"],
)
def test_any_report_makes_a_page(opened: Open, report: Report) -> None:
    page = opened(report).page
    rows = page.locator("table.results tbody tr").count()
    assert rows == len(report.cells)
    assert page.locator(".chart svg").count() == len({(c.group, c.dataset) for c in report.cells})


def test_a_page_of_40_cells_is_below_3_mb(opened: Open) -> None:
    assert opened(many(example_report(), 40)).file.stat().st_size < 3e6


def test_a_phone_does_not_scroll_sideways(opened: Open) -> None:
    page = opened(example_report(), PHONE).page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_without_scripts_and_on_paper_the_picture_stands_in_for_the_chart(opened: Open) -> None:
    page = opened(example_report(), pictures=True, java_script_enabled=False).page
    assert page.locator(".static img").is_visible()
    assert not page.locator("#axes").is_visible()
    page = opened(example_report(), pictures=True).page
    assert not page.locator(".static img").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".static img").is_visible()
    assert not page.locator("#axes").is_visible()
    assert page.locator("details table").first.is_visible()


def test_figures_in_the_page_are_those_of_the_other_forms(opened: Open) -> None:
    report = only_abacus(example_report())
    page = opened(report).page
    factor = Scales.of(report).usd.factor
    shown = page.locator('[data-figure="usd"]').all_inner_texts()
    assert shown == [estimate(cell.usd_per_correct, factor) for cell in report.cells]


@pytest.mark.parametrize("name", examples())
def test_sliders_price_points_and_tables_as_python_does(opened: Open, name: str) -> None:
    report = examples()[name]
    page = opened(report).page
    moved, at, dice = sliders(report).shown, report.repricing, random.Random(0)
    assert at is not None
    assert shown_in(page) == printed(report, list(report.cells))
    assert page.locator("#prices").count() == bool(moved)
    for _ in range(8 if moved else 0):
        slider = dice.choice(moved)
        stop = dice.randrange(len(slider.stops))
        page.evaluate(MOVE, [f"slider-{moved.index(slider)}", stop])
        at = slider.put(at, slider.stops[stop])
        if at != report.repricing:
            wanted = [repriced(cell.repricing, at) for cell in report.cells if cell.repricing]
            assert shown_in(page) == printed(report, wanted)
    if moved:
        page.get_by_role("button").click()
    assert shown_in(page) == printed(report, list(report.cells))


def test_a_reader_who_has_the_only_price_gets_points_for_it(opened: Open) -> None:
    report = examples()["no prices"]
    found = opened(report)
    found.page.locator('input[name="axis"][value="usd"]').check()
    assert found.points() == []
    assert "not known" in found.page.inner_text(".axis")
    (hour,) = [each for each in sliders(report).shown if each.key == "usd_per_unit_hour"]
    name = f"slider-{sliders(report).shown.index(hour)}"
    assert found.page.get_attribute(f"#{name}", "aria-valuetext") == f"not set, {hour.unit}"
    found.page.evaluate(MOVE, [name, 3])
    told = found.page.get_attribute(f"#{name}", "aria-valuetext")
    assert told == f"{number(hour.stops[3])} {hour.unit}"
    assert report.repricing is not None
    assert report.cells[0].repricing is not None
    wanted = repriced(report.cells[0].repricing, hour.put(report.repricing, hour.stops[3]))
    (said,) = found.points()
    assert said.split(", ")[1] == f"{number(1e6 * wanted.usd_per_attempt.value)} USD / 1M attempts"


def test_a_run_of_which_no_cost_is_known_has_a_page_all_the_same(opened: Open) -> None:
    report = cut(unpriced(example_report()), 2)
    nothing = E(value=None, reason="not_measured")
    costs = ("output_tokens", "injected_tokens", "tokens_per_attempt", "joules_per_attempt")
    unknown = dict.fromkeys(costs, nothing) | {
        "latency_s": Spread(mean=None, p50=None, p95=None, p99=None, basis="client")
    }
    cells = tuple(cell.model_copy(update=unknown) for cell in report.cells)
    found = opened(report.model_copy(update={"cells": cells}), pictures=True)
    assert found.points() == []
    assert found.page.locator("table.results tbody tr").count() == 2


def test_a_run_without_a_grade_has_a_page_without_a_frontier(opened: Open) -> None:
    found = opened(examples()["never graded"], pictures=True)
    assert found.points() == []
    assert "No answer was graded" in found.page.inner_text(".verdict")
    assert not (found.file.parent / "pareto.svg").exists()


def shown_in(page: "Page") -> dict[str, list[str]]:
    """Figures of the table without their signs."""
    signs = "".join(mark.sign for mark in PROVENANCE.values())
    return {
        figure: [
            text.lstrip(signs)
            for text in page.locator(f'[data-figure="{figure}"]').all_inner_texts()
        ]
        for figure in ("usd", "gco2e")
    }


def printed(report: Report, cells: Sequence[Any]) -> dict[str, list[str]]:
    """The same by Python, in the units of the report."""
    scales = Scales.of(report)
    usd = [as_e(each.usd_per_correct) for each in cells]
    carbon = [as_e(each.gco2e_per_correct) for each in cells]
    return {
        "usd": [estimate(each, scales.usd.factor) for each in usd],
        "gco2e": [center(each, scales.gco2e.factor) for each in carbon],
    }


def as_e(figure: E | Estimate) -> E:
    return figure if isinstance(figure, E) else to_e(figure)


MOVE = """([id, stop]) => {
    const input = document.getElementById(id);
    input.value = stop;
    input.dispatchEvent(new Event("input", { bubbles: true }));
}"""
