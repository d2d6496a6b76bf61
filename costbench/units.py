"""Conversions, in one place: SI inside, the reader's units at the edge."""

JOULES_PER_KWH = 3.6e6
SECONDS_PER_HOUR = 3600.0
HOURS_PER_YEAR = 8760.0
HOURS_PER_MONTH = 730.5
"""A twelfth of a year of 365.25 days."""
SECONDS_PER_YEAR = HOURS_PER_YEAR * SECONDS_PER_HOUR
SECONDS_PER_MONTH = SECONDS_PER_YEAR / 12


def joules_from_kwh(kwh: float) -> float:
    """Joules in `kwh`."""
    return kwh * JOULES_PER_KWH


def kwh_from_joules(joules: float) -> float:
    """Kilowatt-hours in `joules`."""
    return joules / JOULES_PER_KWH
