"""How large report.html is, how long it takes to be made, and until it can be used in headless Chromium.

    python benchmarks/report_page.py REPORT.json [--cells 40] [--rounds 7]

The report's cells are repeated until there are so many. Usable is: scripts have run, charts are drawn. Each
round opens the file in a fresh browser context; told are medians and the slowest.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from costbench.report.contract import Report
from costbench.report.files import write_report


def enlarged(report: Report, count: int) -> Report:
    """The same cells again and again, each with a name of its own."""
    cells = []
    for at in range(count):
        again, which = divmod(at, len(report.cells))
        cell = report.cells[which]
        new = {"cell": f"{cell.cell}-{again}", "model": f"{cell.model}-{again}"}
        cells.append(cell.model_copy(update=new))
    return report.model_copy(update={"cells": tuple(cells)})


def opened_s(file: Path, rounds: int) -> list[float]:
    """Seconds from asking for the page until it is ready."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("COSTBENCH_CHROMIUM") or shutil.which("chromium")
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(rounds):
            context = browser.new_context(viewport={"width": 1366, "height": 800})
            page = context.new_page()
            began_s = time.perf_counter()
            page.goto(file.as_uri())
            page.wait_for_selector("body.ready")
            found.append(time.perf_counter() - began_s)
            context.close()
        browser.close()
    return found


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path, help="a report.json")
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    report = enlarged(Report.model_validate_json(options.report.read_text()), options.cells)
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.perf_counter()
        write_report(report, Path(folder), x=None, pareto=True)
        made_s = time.perf_counter() - began_s
        file = Path(folder) / "report.html"
        seconds = opened_s(file, options.rounds)
        told = {
            "cells": len(report.cells),
            "mb": file.stat().st_size / 1e6,
            "all_files_made_s": made_s,
            "usable_s": statistics.median(seconds),
            "usable_s_slowest": max(seconds),
        }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
