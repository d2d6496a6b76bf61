"""A page of a report, as a test holds it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

LAPTOP = {"width": 1366, "height": 800}
PHONE = {"width": 390, "height": 844}


@dataclass
class Opened:
    """A page, and all that it said or asked for."""

    page: "Page"
    file: Path
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def points(self, part: int = 0) -> list[str]:
        """What a screen reader says of each point."""
        marks = self.page.locator(f'.chart[data-part="{part}"] [aria-roledescription="point"]')
        return [mark.get_attribute("aria-label") or "" for mark in marks.all()]


Open = Callable[..., Opened]
