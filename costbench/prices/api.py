"""What the tokens of a served model cost."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costbench.prices.book import PriceBook
from costbench.prices.entries import ApiEntry, ApiTier
from costbench.types import Provenance

Floats = NDArray[np.float64]

_PER = 1e6


@dataclass(frozen=True)
class ApiPrice:
    """USD for tokens of requests."""

    entry: ApiEntry

    @property
    def provider(self) -> str:
        """Who serves the model."""
        return self.entry.provider

    @property
    def provenance(self) -> Provenance:
        """How the figures are known."""
        return self.entry.provenance

    @property
    def basis(self) -> dict[str, Any]:
        """The entry of the book, as JSON."""
        return self.entry.model_dump(mode="json")

    @property
    def linear_up_to_input_tokens(self) -> int | None:
        """Below this many input tokens (included) a sum over requests costs what they cost; None: always.

        Above it the price of all tokens of a request changes, so that sums over requests say too little.
        """
        return self.entry.tiers[0].above_input_tokens if self.entry.tiers else None

    def usd(
        self, input_tokens: Floats, cached_tokens: Floats | None, output_tokens: Floats
    ) -> Floats:
        """USD of requests: an element is a request, `input_tokens` with its `cached_tokens` in them.

        NaN where a count is not known that makes a difference, and where more is cached than was read.
        """
        tier = np.searchsorted(self._above, input_tokens, side="left")
        read, again, written = (prices[tier] for prices in self._per_token)
        full = input_tokens * read + output_tokens * written
        if cached_tokens is None:
            return np.where(read == again, full, np.nan)
        with np.errstate(invalid="ignore"):
            less = np.where(read == again, 0.0, cached_tokens * (again - read))
            return np.where(cached_tokens > input_tokens, np.nan, full + less)

    @cached_property
    def _above(self) -> NDArray[np.int64]:
        return np.array(
            [tier.above_input_tokens for tier in self.entry.tiers or ()], dtype=np.int64
        )

    @cached_property
    def _per_token(self) -> tuple[Floats, Floats, Floats]:
        """Of input, of cached input, of output; by tier, the first is below all of them."""
        steps: list[ApiEntry | ApiTier] = [self.entry, *(self.entry.tiers or ())]
        rows = [
            (
                step.usd_per_million_input,
                step.usd_per_million_input
                if step.usd_per_million_cached_input is None
                else step.usd_per_million_cached_input,
                step.usd_per_million_output,
            )
            for step in steps
        ]
        read, again, written = np.array(rows, dtype=np.float64).T / _PER
        return read, again, written


def api_price(book: PriceBook | None, model: str) -> ApiPrice | None:
    """The price of a model of a suite, by its name; None where the book has none.

    Raises SuiteError where it is to be looked up in genai-prices, and is not there or cannot be used.
    """
    for place, entry in enumerate(book.api if book else ()):
        if fnmatchcase(model, entry.match):
            if entry.looked_up or book is None:
                return ApiPrice(entry)
            from costbench.prices.token_prices import look_up_or_refuse

            return ApiPrice(look_up_or_refuse(entry, book.date, place))
    return None
