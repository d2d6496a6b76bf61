import subprocess
import sys
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
import vl_convert
from pypdf import PdfReader

from costbench.errors import CostbenchError, StoreError
from costbench.report.contract import E
from costbench.report.files import write_report
from costbench.report.plot import pareto_chart, write_plots
from costbench.report.plot_axes import columns
from costbench.report.plot_frame import about_run
from costbench.report.plot_spots import Box, Label, place_labels
from tests.report.example import HOSTILE, example_report, only_abacus, two_groups, unpriced

AXES = ("tokens", "latency", "joules", "usd", "gco2e")


def layers(report, x):
    """The specification, and each layer's mark with its rows."""
    spec = pareto_chart(report, x).to_dict()
    found = [
        (layer["mark"], spec["datasets"][layer["data"]["name"]])
        for panel in spec.get("vconcat", [spec])
        for layer in panel["layer"]
    ]
    return spec, found


def data_of(found, kind, **options):
    return [
        row
        for mark, rows in found
        if mark["type"] == kind and options.items() <= mark.items()
        for row in rows
    ]


@pytest.mark.parametrize("x", AXES)
def test_every_known_cell_is_a_point(x):
    report = only_abacus(example_report())
    _, found = layers(report, x)
    known = 8 if x in {"joules", "gco2e"} else 9
    assert len(data_of(found, "point")) == known


def test_points_are_accuracy_in_percent_against_cost_per_attempt():
    report = only_abacus(example_report())
    _, found = layers(report, "usd")
    at = {(row["policy"], row["budget"]): row for row in data_of(found, "point")}
    row, cell = at["truncation", 64], report.cells[2]
    assert row["y"] == pytest.approx(100 * cell.accuracy.value)
    assert row["x"] == pytest.approx(1e6 * cell.usd_per_attempt.value)
    assert row["x_high"] == pytest.approx(1e6 * cell.usd_per_attempt.high)


def test_tokens_are_sampled_and_injected():
    _, found = layers(only_abacus(example_report()), "tokens")
    at = {(row["policy"], row["budget"]): row for row in data_of(found, "point")}
    assert at["budget_forcing", 32]["x"] == pytest.approx(35.9 + 9.0)


@pytest.mark.parametrize("x", AXES)
def test_on_a_labeled_line_accuracy_times_its_value_is_the_cost(x):
    spec, found = layers(only_abacus(example_report()), x)
    first, last = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    rows = [row for row in data_of(found, "line") if "per_correct" in row]
    ends = [row for row in data_of(found, "text") if "per_correct" in row]
    assert len(ends) >= 2
    for row in rows + ends:
        assert row["y"] / 100 * row["per_correct"] == pytest.approx(row["x"])
        assert 0 <= row["y"] <= 100.0001
        assert first * 0.999 <= row["x"] <= last * 1.001
    for row in ends:
        written = float(row["label"].split()[0].replace(",", ""))
        assert written == pytest.approx(row["per_correct"])


def test_the_frontier_runs_through_the_points_the_report_puts_there():
    report = only_abacus(example_report())
    _, found = layers(report, "usd")
    steps = data_of(found, "line", interpolate="step-after")
    assert len(steps) == sum(bool(cell.on_frontier["usd"].now) for cell in report.cells)
    assert [row["x"] for row in steps] == sorted(row["x"] for row in steps)
    assert [row["y"] for row in steps] == sorted(row["y"] for row in steps)


def test_the_frontier_of_tokens_has_no_dominated_point():
    _, found = layers(only_abacus(example_report()), "tokens")
    rows = data_of(found, "point")
    for mine in rows:
        better = [o for o in rows if o["x"] < mine["x"] and o["y"] > mine["y"]]
        assert not (mine["on_frontier"] and better)


def test_the_plot_says_what_the_model_is_and_where_its_joules_come_from():
    spec, _ = layers(only_abacus(example_report()), "joules")
    said = " ".join(spec["title"]["subtitle"])
    assert "a demonstration of the method, not a model to choose." in said
    assert "CodeCarbon's model of this machine, not measured" in said
    assert "protocol quick" in said
    assert "Not shown, since a figure is not known: truncation@192" in said


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (0.01, "Least energy per correct answer: truncation@128 (83.8\u00a0%)"),
        (0.5, "No other has clearly less energy per correct answer"),
    ],
)
def test_the_title_claims_only_what_the_intervals_exclude(width, said):
    def within(figure):
        if figure.value is None:
            return figure
        low, high = figure.value * (1 - width), figure.value * (1 + width)
        return figure.model_copy(update={"low": low, "high": high})

    report = only_abacus(example_report())
    cells = [
        cell.model_copy(update={"joules_per_correct": within(cell.joules_per_correct)})
        for cell in report.cells
    ]
    spec, _ = layers(report.model_copy(update={"cells": tuple(cells)}), "joules")
    assert spec["title"]["text"] == [f"Most accurate: unconstrained (90.2\u00a0%). {said}"]


def test_the_plot_names_its_models_where_the_report_has_no_notes():
    spec, _ = layers(example_report().model_copy(update={"notes": ()}), "tokens")
    assert spec["title"]["subtitle"][0].startswith("Models: abacus-base, =cmd")


def test_there_is_a_panel_per_group_only_where_there_are_several():
    assert "vconcat" not in layers(example_report(), "usd")[0]
    assert len(layers(two_groups(example_report()), "usd")[0]["vconcat"]) == 2


def test_every_panel_has_shapes_and_colors_of_its_own():
    """Shared among panels, the first one's would be dealt out again to what only the others show."""
    spec = pareto_chart(two_groups(example_report()), "usd").to_dict()
    drawn = vl_convert.vegalite_to_vega(spec)["scales"]
    for kind in ("color", "shape"):
        own = [each for each in drawn if each["name"].endswith(kind)]
        assert len(own) == 2
        assert all(len(each["range"]) == len(each["domain"]) for each in own)


@pytest.mark.parametrize(
    ("names", "fit"), [(["a"], 1), (["a", "b"], 2), (["x" * 40] * 5, 2), (["x" * 200], 1)]
)
def test_a_legend_is_no_wider_than_the_frame(names, fit):
    assert columns(names) == fit


def test_an_unknown_axis_says_which_ones_are_known():
    with pytest.raises(CostbenchError, match=r"--x usd: .* use --x tokens or latency or joules"):
        pareto_chart(unpriced(example_report()), "usd")


def test_without_accuracy_there_is_nothing_to_plot():
    report = example_report()
    cells = tuple(c.model_copy(update={"accuracy": E(value=None)}) for c in report.cells)
    with pytest.raises(CostbenchError, match="accuracy"):
        pareto_chart(report.model_copy(update={"cells": cells}), "tokens")


def test_a_run_without_a_correct_answer_is_plotted():
    report = example_report()
    wrong = report.cells[1]
    spec, _ = layers(report.model_copy(update={"cells": (wrong,)}), "usd")
    assert spec["title"]["text"] == ["No answer was correct"]


def test_labels_do_not_cover_each_other():
    labels = [Label(100 + 8 * at, 100 + 3 * at, "128") for at in range(5)]
    spots = place_labels(labels, [], Box(0, 0, 400, 300))
    boxes = [
        (label.x + spot.dx, label.y + spot.dy, spot.align)
        for label, spot in zip(labels, spots, strict=True)
    ]
    assert len(set(boxes)) == 5
    for at, (_, y, align) in enumerate(boxes):
        for x_other, y_other, align_other in boxes[at + 1 :]:
            if align == align_other:
                assert abs(y - y_other) >= 10 or abs(boxes[at][0] - x_other) >= 18


def test_files_are_written_and_a_hostile_name_is_only_text(tmp_path):
    svg, png, pdf = write_plots(example_report(), tmp_path, "usd")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.stat().st_size > 10_000
    assert pdf.read_bytes().startswith(b"%PDF-")
    text = svg.read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "<b>" not in text
    root = ElementTree.fromstring(text)
    shown = "".join(root.itertext())
    assert r'=cmd|"/x"\x1b[31m<b>`|\u202e&amp;' in shown


def test_of_many_models_a_few_are_named_and_the_others_counted():
    report = example_report()
    cells = tuple(report.cells[0].model_copy(update={"model": f"m{at}"}) for at in range(200))
    lines = about_run(report.model_copy(update={"cells": cells, "notes": ()}))
    assert lines[0] == "Models: m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11 and 188 more."


def pdf_in_a_process_of_its_own(folder):
    """The converter's order of fonts and resources changes from process to process, and from call to call."""
    folder.mkdir()
    code = (
        "import sys; from pathlib import Path; from tests.report.example import *;"
        "from costbench.report.plot import write_plots;"
        "write_plots(two_groups(example_report()), Path(sys.argv[1]), 'usd')"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=root, check=True)
    return (folder / "pareto.pdf").read_bytes()


def test_a_pdf_is_the_same_bytes_in_another_process_and_has_its_fonts_and_text(tmp_path):
    one, other = (pdf_in_a_process_of_its_own(tmp_path / name) for name in ("one", "other"))
    assert one == other
    (page,) = PdfReader(BytesIO(one)).pages
    fonts = page["/Resources"]["/Font"].values()
    for font in (each.get_object() for each in fonts):
        (descendant,) = font["/DescendantFonts"]
        assert "/FontFile2" in descendant.get_object()["/FontDescriptor"]
    text = page.extract_text()
    assert "accuracy, % of graded attempts" in text
    assert r"\u202e&amp;" in text
    assert "CreationDate" not in one.decode("latin-1")


def test_all_files_are_written_and_the_page_shows_the_plot(tmp_path):
    folder = tmp_path / "deep" / "report"
    paths = write_report(example_report(), folder, x="tokens", pareto=True)
    plots = [
        f"{n}.{kind}" for n in ("pareto", "levels", "budgets") for kind in ("svg", "png", "pdf")
    ]
    texts = ["report.json", "table.csv", "report.md", "report.html"]
    assert [path.name for path in paths] == [*texts, *plots]
    assert all(path.stat().st_size for path in paths)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "(pareto.svg)" in page
    assert "(levels.svg)" in page


def test_a_report_read_back_from_its_json_is_the_same(tmp_path):
    report = example_report()
    path = write_report(report, tmp_path, x="usd", pareto=False)[0]
    assert type(report).model_validate_json(path.read_bytes()) == report


def test_a_folder_that_cannot_be_written_is_a_stated_failure(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be made"):
        write_report(example_report(), tmp_path / "file" / "report", x="usd", pareto=False)
