"""From what a price book says to what it means: other currencies, places and names of models looked up."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from costbench.errors import SuiteError
from costbench.prices.book import PriceBook
from costbench.prices.exchange import Place, in_usd
from costbench.prices.grid_table import PlaceError, intensity
from costbench.prices.token_prices import LibraryPriceError, installed, look_up
from costbench.yaml_file import problem, read_yaml


class BookError(Exception):
    """All that is wrong with the content of a book."""

    def __init__(self, problems: list[ErrorDetails]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def load_prices(path: Path) -> PriceBook:
    """Read a price book; raises SuiteError that names every wrong figure."""
    file = read_yaml(path)
    try:
        return book_of(file.content)
    except BookError as error:
        raise SuiteError(file.tell(error.problems)) from error


def book_of(content: Any, *, stored: bool = False) -> PriceBook:
    """The book with this content; `stored`: a book was dumped to it. Raises BookError."""
    problems: list[ErrorDetails] = []
    written: dict[Place, Place] = {}
    book = None
    if isinstance(content, dict):
        money = in_usd(content)
        content, wrong_place = _with_grid(money.content, stored)
        problems, written = [*money.problems, *wrong_place], money.written
    try:
        book = PriceBook.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [
            _where_it_stands(one, written) for one in found if not _is_of_a_rate(one, written)
        ]
    if problems or book is None:
        raise BookError(problems)
    return _with_library_prices(book)


def _with_grid(content: dict[str, Any], stored: bool) -> tuple[dict[str, Any], list[ErrorDetails]]:
    """With the intensity of a country that is named; without a grid where that cannot be told."""
    grid = content.get("grid")
    if not isinstance(grid, dict) or "country" not in grid:
        return content, []
    if stored and "gco2e_per_kwh" in grid:
        return content, []  # looked up already
    for key in ("gco2e_per_kwh", "place", "year"):
        if key in grid:
            said = f"the grid's country says its {key} already; leave one of the two out"
            return content | {"grid": None}, [problem(("grid", key), said)]
    try:
        found = intensity(str(grid["country"]), _text(grid.get("region")))
    except PlaceError as error:
        return content | {"grid": None}, [problem(("grid", error.key), str(error))]
    source = "; ".join(filter(None, (_text(grid.get("source")), found.source)))
    looked_up = {
        "gco2e_per_kwh": found.gco2e_per_kwh,
        "place": found.place,
        "year": found.year,
        "source": source,
    }
    return content | {"grid": grid | looked_up}, []


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _is_of_a_rate(found: ErrorDetails, written: dict[Place, Place]) -> bool:
    """Whether it is told of the exchange already, whose rate was copied into an entry."""
    place = found["loc"]
    if "converted" not in place:
        return False
    at = place.index("converted")
    return (*place[:at], *place[at + 1 : at + 2]) in written


def _where_it_stands(found: ErrorDetails, written: dict[Place, Place]) -> ErrorDetails:
    place = found["loc"]
    for length in range(len(place), 0, -1):
        if place[:length] in written:
            moved = found.copy()
            moved["loc"] = (*written[place[:length]], *place[length:])
            return moved
    return found


def _with_library_prices(book: PriceBook) -> PriceBook:
    """With figures where models are named, so that a stored book says them; not where the library is not.

    A machine that only measures has no need of it: `api_price` looks up what is still missing.
    """
    if all(entry.looked_up for entry in book.api) or not installed():
        return book
    entries, problems = [], []
    for at, entry in enumerate(book.api):
        try:
            entries.append(entry if entry.looked_up else look_up(entry, book.date))
        except LibraryPriceError as error:
            problems.append(problem(("api", at, error.key), str(error)))
    if problems:
        raise BookError(problems)
    return book.model_copy(update={"api": tuple(entries)})
