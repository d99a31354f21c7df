"""Column types that all tables share, with unit and meaning kept beside the type."""

import dataframely as dy
import polars as pl

UTC_NS = pl.Datetime("ns", "UTC")
"""Every instant at rest: nanoseconds since the epoch, UTC."""

PRICE_SCALE = 1_000_000_000
"""Tick prices at rest are Int64 counts of 1e-9 of the quote currency."""

SIDES = ("buy", "sell", "unknown")
"""Aggressor side of a trade: who crossed the spread."""


def instant(meaning: str, *, nullable: bool = False, key: bool = False) -> dy.Datetime:
    """Declare an instant in UTC nanoseconds."""
    return dy.Datetime(
        time_unit="ns",
        time_zone="UTC",
        nullable=nullable,
        primary_key=key,
        metadata={"unit": "ns, UTC", "meaning": meaning},
    )


def day(meaning: str, *, key: bool = False) -> dy.Date:
    """Declare a session date."""
    return dy.Date(primary_key=key, nullable=False, metadata={"unit": "date", "meaning": meaning})


def real(meaning: str, *, unit: str, nullable: bool = False) -> dy.Float64:
    """Declare a Float64 quantity; NaN and infinities break the contract."""
    return dy.Float64(
        nullable=nullable,
        allow_inf=False,
        allow_nan=False,
        metadata={"unit": unit, "meaning": meaning},
    )


def fixed_price(meaning: str, *, nullable: bool = False) -> dy.Int64:
    """Declare a price as a count of 1e-9 of the quote currency."""
    return dy.Int64(nullable=nullable, metadata={"unit": "1e-9", "meaning": meaning})


def word(meaning: str, *, nullable: bool = False, key: bool = False) -> dy.String:
    """Declare a short text."""
    return dy.String(
        nullable=nullable, primary_key=key, metadata={"unit": "text", "meaning": meaning}
    )


def choice(
    values: tuple[str, ...], meaning: str, *, nullable: bool = False, key: bool = False
) -> dy.Enum:
    """Declare one of a fixed list of words."""
    return dy.Enum(
        values,
        nullable=nullable,
        primary_key=key,
        metadata={"unit": "one of", "meaning": meaning},
    )


def flag(meaning: str, *, nullable: bool = False) -> dy.Bool:
    """Declare a yes or no."""
    return dy.Bool(nullable=nullable, metadata={"unit": "bool", "meaning": meaning})
