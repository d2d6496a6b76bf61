"""What a person's answer costs."""

from fnmatch import fnmatchcase

from costbench.prices.book import PriceBook


def human_usd(book: PriceBook | None, dataset: str) -> float | None:
    """USD per problem of a dataset, by the first glob that matches its name; None where nobody said."""
    if book is None or book.human is None:
        return None
    prices = book.human.usd_per_problem.items()
    return next((usd for match, usd in prices if fnmatchcase(dataset, match)), None)
