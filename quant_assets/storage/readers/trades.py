"""Trades as text or typed columns, turned into the value columns of `raw_ticks`."""

from collections.abc import Collection

import polars as pl

from quant_assets.market.columns import PRICE_SCALE, SIDES, UTC_NS

TICK_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "ts": UTC_NS,
    "ts_recv": UTC_NS,
    "price": pl.Int64,
    "bid": pl.Int64,
    "ask": pl.Int64,
    "qty": pl.Float64,
    "bid_qty": pl.Float64,
    "ask_qty": pl.Float64,
    "side": pl.Enum(SIDES),
}
"""Value columns of `raw_ticks` that a reader gives."""

_SIDES = {
    "buy": "buy",
    "b": "buy",
    "bid": "buy",
    "sell": "sell",
    "s": "sell",
    "ask": "sell",
    "": "unknown",
    "n": "unknown",
    "none": "unknown",
    "null": "unknown",
    "unknown": "unknown",
}
_BUYER_IS_MAKER = {"true": "sell", "t": "sell", "1": "sell", "false": "buy", "f": "buy", "0": "buy"}
_TRADE_KINDS = ("", "market", "spot", "trade", "null")

_EXACT_PRODUCT = 4_000_000.0
_MAX_PRICE = 9_200_000_000.0
_DECIMAL = r"^([+-]?)([0-9]{1,10})(?:\.([0-9]*))?$"


def side_of(cell: pl.Expr) -> pl.Expr:
    """Return the aggressor side that a text names, null where it names none.

    `buy` and `b` are buy, `sell` and `s` are sell, in any case; a missing side is unknown.
    """
    return _told(cell, _SIDES).cast(pl.Enum(SIDES))


def side_of_maker(cell: pl.Expr) -> pl.Expr:
    """Return the aggressor side where a text says whether the buyer was the maker.

    The aggressor is the other one: a buyer who was the maker was hit by a seller.
    """
    return _told(cell, _BUYER_IS_MAKER).cast(pl.Enum(SIDES))


def is_trade_kind(cell: pl.Expr) -> pl.Expr:
    """Whether a row's kind is a trade at market; insurance fund and the like are none."""
    return cell.fill_null("").str.to_lowercase().is_in(_TRADE_KINDS)


def trade_rules(roles: Collection[str]) -> tuple[tuple[str, pl.Expr], ...]:
    """Return name and expression, true for bad rows, of the rules on texts that trades have.

    Parameters
    ----------
    roles
        Columns of the rows: `side` or `buyer_is_maker`, and `kind` where there is one.
    """
    kind = [("not_a_trade", ~is_trade_kind(pl.col("kind")))] if "kind" in roles else []
    return (*kind, ("bad_side", side_from(roles).is_null()))


def side_from(roles: Collection[str]) -> pl.Expr:
    """Return the aggressor side from whichever column tells it."""
    if "side" in roles:
        return side_of(pl.col("side"))
    return side_of_maker(pl.col("buyer_is_maker"))


def fixed_price(values: pl.Series) -> pl.Series:
    """Return prices as Int64 counts of 1e-9, rounded to the nearest.

    Parameters
    ----------
    values : Series[Float64]
        Prices; what is null, not finite or beyond 9.2e9 gives null.

    Notes
    -----
    Above 4e6 a Float64 times 1e9 is not exact, so the digits of its shortest text count there.
    """
    usable = (values.is_finite() & (values.abs() <= _MAX_PRICE)).fill_null(value=False)
    is_large = usable & (values.abs() > _EXACT_PRODUCT).fill_null(value=False)
    small = values.set(~usable | is_large, None)
    fixed = (small * PRICE_SCALE).round(mode="half_away_from_zero").cast(pl.Int64)
    if is_large.any():
        written = values.cast(pl.String).set(~is_large, None)
        fixed = fixed.zip_with(~is_large, _digits_to_fixed(written))
    return fixed


def trade_frame(rows: pl.DataFrame) -> pl.DataFrame:
    """Return trades in the value columns of `raw_ticks`; those that trades lack are null.

    Parameters
    ----------
    rows : DataFrame
        `place`, `raw` where there is one, `ts`; `price`, `qty` Float64; `side` or
        `buyer_is_maker` as text.
    """
    typed = rows.with_columns(
        fixed_price(rows["price"]).alias("price"), side_from(rows.columns).alias("side")
    )
    return typed.select(
        *(name for name in ("place", "raw") if name in rows.columns),
        *(
            pl.col(name) if name in typed.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in TICK_COLUMNS.items()
        ),
    )


def _told(cell: pl.Expr, words: dict[str, str]) -> pl.Expr:
    return cell.fill_null("").str.to_lowercase().replace_strict(words, default=None)


def _digits_to_fixed(texts: pl.Series) -> pl.Series:
    """Turn decimals into counts of 1e-9 without a float; null where the text is no decimal."""
    parts = texts.str.extract_groups(_DECIMAL).struct.unnest()
    parts.columns = ["sign", "whole", "fraction"]
    digits = pl.col("fraction").fill_null("").str.pad_end(10, "0")
    magnitude = (
        pl.col("whole").cast(pl.Int64) * PRICE_SCALE
        + digits.str.slice(0, 9).cast(pl.Int64)
        + (digits.str.slice(9, 1) >= "5").cast(pl.Int64)
    )
    signed = pl.when(pl.col("sign") == "-").then(-magnitude).otherwise(magnitude)
    return parts.select(signed.alias("price"))["price"]
