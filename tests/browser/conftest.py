"""report.html in a real browser: Debian's chromium, driven by playwright.

Tests skip where either is absent; with COSTBENCH_BROWSER=required they fail instead.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser.opening import LAPTOP, Open, Opened

from costbench.report.contract import Report
from costbench.report.files import write_report
from costbench.report.plot_data import known_axis
from costbench.report.web.page import render_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """One for all tests of a module: while it is open, playwright's event loop runs in this thread."""
    path = os.environ.get("COSTBENCH_CHROMIUM") or shutil.which("chromium")
    missing = "there is no chromium here" if path is None else None
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = "playwright is not installed"
    if missing:
        if os.environ.get("COSTBENCH_BROWSER") == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        # A container has no namespaces for the sandbox; what is opened is what the test wrote.
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser: "Browser", tmp_path: Path) -> Iterator[Open]:
    """Writes a report and opens its page; what goes wrong in there fails the test."""
    pages: list[Opened] = []

    def open_page(
        report: Report, size: dict[str, int] = LAPTOP, *, pictures: bool = False, **options: Any
    ) -> Opened:
        file = tmp_path / f"{len(pages)}.html"
        if pictures:
            write_report(report, tmp_path, x=None, pareto=True)
            file = tmp_path / "report.html"
        else:
            file.write_text(render_html(report, [], known_axis(report)), encoding="utf-8")
        scripts = options.get("java_script_enabled", True)
        page = browser.new_context(viewport=size, **options).new_page()
        found = Opened(page, file)
        page.on("console", lambda message: found.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: found.said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: found.said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: found.asked.append(request.url))
        page.goto(found.file.as_uri())
        if scripts:
            page.wait_for_selector("body.ready")
        pages.append(found)
        return found

    yield open_page
    for each in pages:
        asked = [url for url in each.asked if not url.startswith("data:")]
        assert each.said == []
        assert asked == [each.file.as_uri()]
        each.page.context.close()
