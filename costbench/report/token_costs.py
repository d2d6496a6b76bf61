"""What the tokens of attempts cost at an API's price."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costbench.errors import SuiteError
from costbench.prices import ApiPrice, PriceBook, api_price

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TokenCost:
    """USD of each attempt; NaN with a reason where it is not known, and maybe the most that it can be."""

    usd: Floats
    price: ApiPrice | None
    reason: str | None = None
    at_most: Floats | None = None


def token_cost(
    columns: Mapping[str, Floats], book: PriceBook | None, model: str
) -> TokenCost | None:
    """Attempts at the price of their model, from their columns of tokens; None where the book has none."""
    unknown = np.full_like(columns["input_tokens"], np.nan)
    try:
        price = api_price(book, model)
    except SuiteError:  # a stored book whose model was never looked up, and the library is not here
        return TokenCost(unknown, None, "api_price_not_looked_up")
    return None if price is None else _at(price, columns, unknown)


def _at(price: ApiPrice, columns: Mapping[str, Floats], unknown: Floats) -> TokenCost:
    """What is stored are sums over the calls of an attempt: exact where no tier can have begun."""
    read, again, written = (columns[f"{name}_tokens"] for name in ("input", "cached", "output"))
    if np.isnan(read).any() or np.isnan(written).any():
        return TokenCost(unknown, price, "not_measured")
    limit = price.linear_up_to_input_tokens
    if limit is not None and (read > limit).any():
        return TokenCost(unknown, price, "api_tier_by_request")
    usd = price.usd(read, again, written)
    if not np.isnan(usd).any():
        return TokenCost(usd, price)
    if (again > read).any():
        return TokenCost(unknown, price, "more_cached_than_read")
    at_most = price.usd(read, np.zeros_like(read), written)
    return TokenCost(unknown, price, "cached_tokens_unknown", at_most)
