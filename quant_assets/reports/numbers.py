"""Figures as text: one way to write a ratio, an amount, an instant."""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal


def percent(value: float | None, digits: int = 2) -> str:
    """Return a ratio in percent with its unit, or a dash."""
    return "-" if value is None else f"{100.0 * value:,.{digits}f} %"


def amount(value: float | None, digits: int = 2) -> str:
    """Return an amount with separated thousands, or a dash."""
    return "-" if value is None else f"{value:,.{digits}f}"


def count(value: float | None) -> str:
    """Return a whole number with separated thousands, or a dash."""
    return "-" if value is None else f"{value:,.0f}"


def price(value: float) -> str:
    """Return a price with the digits that tell it from its neighbours, at most six."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def exact(value: float) -> str:
    """Return a value with up to twelve digits and no exponent: 1002410, 0.00141."""
    return format(Decimal(f"{value:.12g}"), "f")


def digits_needed(values: Iterable[float]) -> int:
    """Return how many digits behind the point `price` gives the longest of some values."""
    return max((len(price(value).partition(".")[2]) for value in values), default=0)


def instant(value: datetime) -> str:
    """Return an instant of UTC to the second."""
    return value.strftime("%Y-%m-%d %H:%M:%S")


def script_json(value: object) -> str:
    """Return JSON that may stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
