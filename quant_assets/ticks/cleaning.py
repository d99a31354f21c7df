"""Cleaning of landed trades: what is market stays, flagged; what is no trade is set aside."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.market.columns import PRICE_SCALE, SIDES
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.ticks.kernels import tick_rule_sides
from quant_assets.ticks.rules import judge
from quant_assets.ticks.schema import CLEAN_TICKS, SIDE_METHODS

_BUY, _SELL, _UNKNOWN = SIDES
_SIDE = pl.Enum(SIDES)
_METHOD = pl.Enum(SIDE_METHODS)


@dataclass(frozen=True)
class Cleaned:
    """Ticks of one session and contract, and what was set aside.

    Parameters
    ----------
    frame
        Table `clean_ticks`, in order of (ts, seq).
    set_aside
        Columns place, rule and raw.
    disorder
        How many rows stood after a later stamp in the source.
    sides
        Count of rows by the method that told their side.
    """

    frame: pl.DataFrame
    set_aside: pl.DataFrame
    disorder: int
    sides: dict[str, int]


def clean_ticks(ticks: pl.DataFrame, *, contract: str | None, instrument: Instrument) -> Cleaned:
    """Clean the landed trades of one session and contract.

    Prices of zero or below are set aside, and prices off the tick grid where the tick size is
    known; of equities they are market, since US venues match at the middle of the spread. Equal
    rows are market and stay, as do trades of quantity zero and those outside the calendar's hours.

    The aggressor side is the feed's where it tells one; else the quote's (at or above the ask
    bought, at or below the bid sold, where bid < ask); else the tick rule's (above the last
    different price bought, below it sold); else unknown. The tick rule starts anew in each session.

    Parameters
    ----------
    ticks
        Table `raw_ticks` of one session and contract, in any order.
    contract
        Written into each row; None where the symbol has none.
    """
    good, bad = judge(ticks, _rules(instrument))
    ordered = good.sort("ts", "seq", maintain_order=True)
    sided = _with_sides(ordered)
    frame = CLEAN_TICKS.check(sided.with_columns(contract=pl.lit(contract, dtype=pl.String)))
    counts = frame["side_method"].value_counts()
    return Cleaned(
        frame=frame,
        set_aside=_set_aside(bad),
        disorder=_disorder(ticks),
        sides={str(method): int(n) for method, n in counts.iter_rows()},
    )


def _rules(instrument: Instrument) -> dict[str, pl.Expr]:
    """Return the rules that a price must keep."""
    rules = {"non_positive_price": pl.col("price") <= 0}
    if instrument.tick_size is not None and instrument.asset_class is not AssetClass.EQUITY:
        step = round(instrument.tick_size * PRICE_SCALE)
        rules["off_tick_grid"] = pl.col("price") % step != 0
    return rules


def _disorder(ticks: pl.DataFrame) -> int:
    """Count the rows whose stamp lies before an earlier row's."""
    stamps = ticks.sort("seq")["ts"].dt.epoch("ns")
    return int((stamps < stamps.cum_max()).sum())


def _with_sides(ticks: pl.DataFrame) -> pl.DataFrame:
    """Add `side` and `side_method`."""
    quoted = pl.col("bid") < pl.col("ask")
    by_quote = (
        pl.when(quoted & (pl.col("price") >= pl.col("ask")))
        .then(pl.lit(_BUY))
        .when(quoted & (pl.col("price") <= pl.col("bid")))
        .then(pl.lit(_SELL))
    )
    moves = tick_rule_sides(
        np.ascontiguousarray(ticks["price"].to_numpy()),
        np.ascontiguousarray(ticks["qty"].to_numpy()),
    )
    by_tick = pl.Series("by_tick", moves).replace_strict(
        {1: _BUY, -1: _SELL, 0: None}, return_dtype=pl.String
    )
    from_feed = pl.when(pl.col("side") != _UNKNOWN).then(pl.col("side").cast(pl.String))
    told = ticks.with_columns(from_feed=from_feed, by_quote=by_quote, by_tick=by_tick)
    method = (
        pl.when(pl.col("from_feed").is_not_null())
        .then(pl.lit("feed"))
        .when(pl.col("by_quote").is_not_null())
        .then(pl.lit("quote"))
        .when(pl.col("by_tick").is_not_null())
        .then(pl.lit("tick"))
        .otherwise(pl.lit("none"))
    )
    side = pl.coalesce("from_feed", "by_quote", "by_tick", pl.lit(_UNKNOWN))
    return told.with_columns(side=side.cast(_SIDE), side_method=method.cast(_METHOD)).drop(
        "from_feed", "by_quote", "by_tick"
    )


def _set_aside(bad: pl.DataFrame) -> pl.DataFrame:
    """Return the bad rows as place, rule and raw."""
    values = ("ts", "price", "qty", "bid", "ask")
    return bad.select(
        place=pl.format("row {}", pl.col("seq")),
        rule=pl.col("rule"),
        raw=pl.struct(*values).struct.json_encode(),
    )
