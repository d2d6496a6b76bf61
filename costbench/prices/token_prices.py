"""Prices of tokens as genai-prices has them, turned into an entry with figures.

It prices text by input, cached and output tokens. A tier applies to all tokens of a request with more
input than its start, which an entry can say exactly. What needs more than that (a fee for each request,
reasoning tokens at a price of their own, a price that depends on the hour) is refused: our counts do not
say it.
"""

import datetime
import difflib
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costbench.errors import SuiteError
from costbench.prices.entries import ApiEntry, ApiTier

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_PACKAGE = "genai_prices"
_COUNTED = {
    "input_mtok": "usd_per_million_input",
    "cache_read_mtok": "usd_per_million_cached_input",
    "output_mtok": "usd_per_million_output",
}
_NEVER_SENT = re.compile("audio|image|video|document|search")
"""We send text, and give no tools."""
_NOT_COUNTED = re.compile("cache_write")
"""Servers do not tell how many tokens they wrote to a cache; that is said beside the price."""


class LibraryPriceError(Exception):
    """What genai-prices cannot price, and the key of the entry that is to blame."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


def installed() -> bool:
    """Whether genai-prices is there; nothing is imported."""
    return importlib.util.find_spec(_PACKAGE) is not None


def look_up_or_refuse(entry: ApiEntry, date: datetime.date, place: int) -> ApiEntry:
    """The entry of a book with its figures; raises SuiteError that names it by its place in `api`."""
    try:
        return look_up(entry, date)
    except LibraryPriceError as error:
        raise SuiteError(f"price book: api[{place}].{error.key}: {error}") from error


def look_up(entry: ApiEntry, date: datetime.date) -> ApiEntry:
    """The entry with the figures that held on a date; raises LibraryPriceError."""
    if not installed():
        raise LibraryPriceError(
            "model",
            "prices by name come from genai-prices, which is not installed: pip install "
            "'costbench[api]', or write the figures (usd_per_million_input, …) instead of `model`",
        )
    provider, model = _find(entry)
    price = _price_on(model, date)
    _refuse_what_is_not_counted(price)
    figures = _figures(price, above=None)
    tiers = [_figures(price, above) for above in _starts(price)]
    if not entry.free and 0 in {figure for row in (figures, *tiers) for figure in row.values()}:
        raise LibraryPriceError(
            "model",
            f"genai-prices has a price of 0 for {model.id}, and unknown is not free "
            "(where nothing is paid, say `free: true`)",
        )
    known_to = _newest_change(date)
    version = importlib.metadata.version("genai-prices")
    return entry.model_copy(
        update=figures
        | {
            "tiers": tuple(ApiTier(free=entry.free, **tier) for tier in tiers) or None,
            "not_priced": tuple(key for key in _keys(price) if _NOT_COUNTED.search(key)) or None,
            "source": f"genai-prices {version}: {model.id} of {provider.id}, as charged on {date} "
            f"(its newest change of a price by then: {known_to})",
            "as_of": known_to,
        }
    )


def _find(entry: ApiEntry) -> tuple["Provider", "ModelInfo"]:
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    snapshot = get_snapshot()
    provider = find_provider_by_id(snapshot.providers, entry.provider)
    if provider is None:
        ids = [each.id for each in snapshot.providers]
        raise LibraryPriceError(
            "provider", f"genai-prices knows no {entry.provider!r}{_near(entry.provider, ids)}"
        )
    assert entry.model
    by_id = {each.id: each for each in provider.models}
    model = by_id.get(entry.model) or provider.find_model(
        entry.model, all_providers=snapshot.providers
    )
    if model is None:
        raise LibraryPriceError(
            "model",
            f"genai-prices knows no {entry.model!r} of {provider.id}{_near(entry.model, [*by_id])}",
        )
    return provider, model


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else "; write the figures instead of `model`"


def _price_on(model: "ModelInfo", date: datetime.date) -> "ModelPrice":
    """The standard price on that day; refuses one that changes within it."""
    prices = [model.get_prices(moment) for moment in _moments(model, date)]
    if any(price != prices[0] for price in prices):
        raise LibraryPriceError(
            "model",
            f"the price of {model.id} depends on the time of day; write the figures that you mean "
            "instead of `model`",
        )
    return prices[0]


def _moments(model: "ModelInfo", date: datetime.date) -> Iterator[datetime.datetime]:
    """Of a day, all at which another price may begin."""
    from genai_prices.types import ModelPrice, TimeOfDateConstraint

    yield datetime.datetime.combine(date, datetime.time(), datetime.UTC)
    for conditional in [] if isinstance(model.prices, ModelPrice) else model.prices:
        limit = conditional.constraint
        if isinstance(limit, TimeOfDateConstraint):
            for time in (limit.start_time, limit.end_time):
                at = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
                moved = datetime.datetime.combine(date, at).astimezone(datetime.UTC).timetz()
                yield datetime.datetime.combine(date, moved)


def _refuse_what_is_not_counted(price: "ModelPrice") -> None:
    keys = _keys(price)
    for key in keys:
        if key not in _COUNTED and not _NEVER_SENT.search(key) and not _NOT_COUNTED.search(key):
            raise LibraryPriceError(
                "model",
                f"genai-prices charges `{key}` for it, which cannot be told from counts of input, "
                "cached and output tokens; write figures that come near instead of `model`",
            )
    for key in ("input_mtok", "output_mtok"):
        if key not in keys:
            raise LibraryPriceError(
                "model", f"genai-prices has no `{key}` for it; write the figures instead of `model`"
            )


def _keys(price: "ModelPrice") -> list[str]:
    return [key for key, value in vars(price).items() if value is not None]


def _figures(price: "ModelPrice", above: int | None) -> dict[str, Any]:
    """Of requests with more input tokens than that."""
    found: dict[str, Any] = {} if above is None else {"above_input_tokens": above}
    for key, ours in _COUNTED.items():
        value = getattr(price, key)
        found[ours] = None if value is None else float(_at(value, above))
    return found


def _at(price: Any, above: int | None) -> Decimal:
    """The price where there is more input than that; None: as little as can be."""
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if above is not None and tier.start <= above]
    found: Decimal = reached[-1] if reached else price.base
    return found


def _starts(price: "ModelPrice") -> list[int]:
    """Where any of the prices that we use changes."""
    prices = [getattr(price, key) for key in _COUNTED]
    return sorted({tier.start for each in prices for tier in getattr(each, "tiers", ())})


def _newest_change(date: datetime.date) -> datetime.date:
    """The newest start of a price by then: the data, which carry no date, are at least that new."""
    from genai_prices.data_snapshot import get_snapshot
    from genai_prices.types import ModelPrice, StartDateConstraint

    starts = (
        conditional.constraint.start_date
        for provider in get_snapshot().providers
        for model in provider.models
        for conditional in ([] if isinstance(model.prices, ModelPrice) else model.prices)
        if isinstance(conditional.constraint, StartDateConstraint)
    )
    return max((start for start in starts if start <= date), default=date)
