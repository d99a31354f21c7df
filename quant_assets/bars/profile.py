"""Volume profiles: a session's volume at each price, by tick."""

from decimal import Decimal

import numpy as np
import polars as pl

from quant_assets.bars.footprint import build_footprint
from quant_assets.bars.footprint_schema import PROFILES
from quant_assets.bars.kernels import sum_by_group
from quant_assets.market.bar_spec import BarKind, BarSpec
from quant_assets.market.columns import PRICE_SCALE

_WHOLE_SESSION = BarSpec(BarKind.TRADES, Decimal(2**40))
"""Bars of more trades than a session has."""


def profile_of_ticks(ticks: pl.DataFrame, *, tick: int) -> pl.DataFrame:
    """Return the profile of each session of some cleaned ticks, in order of (ts, seq).

    Parameters
    ----------
    ticks
        Table `clean_ticks`. Trades of quantity zero are passed over.
    tick
        Tick size in 1e-9; a price off its grid belongs to the one below.

    Returns
    -------
    DataFrame
        Table `profiles`: prices that traded, ascending.
    """
    rows = build_footprint(ticks, bars=_WHOLE_SESSION, bucket=tick).rows
    volume = pl.col("bid_volume") + pl.col("ask_volume") + pl.col("unknown_volume")
    return rows.select("session", "price", volume.alias("volume"), "bid_volume", "ask_volume")


def profile_of_bars(bars: pl.DataFrame, *, tick: int) -> pl.DataFrame:
    """Return the profile of one session from its bars alone, whose trades nobody has seen.

    Each bar's volume stands at its typical price, (high + low + close) / 3, rounded to the nearest
    tick; neither bids nor asks are known.

    Parameters
    ----------
    bars
        Table `bars` of one session. Bars without volume are passed over.
    tick
        Tick size in 1e-9.
    """
    traded = bars.filter(pl.col("volume") > 0)
    if traded.is_empty():
        return PROFILES.empty()
    keys = typical_ticks(traded, tick=tick)
    order = np.argsort(keys, kind="stable")
    prices, first = np.unique(keys[order], return_index=True)
    volume = np.ascontiguousarray(traded["volume"].to_numpy()[order])
    sums = sum_by_group(volume, first, np.append(first[1:], order.size))
    nothing = np.zeros(prices.size)
    return pl.DataFrame(
        {
            "session": pl.repeat(traded["session"][0], prices.size, dtype=pl.Date, eager=True),
            "price": prices * tick / PRICE_SCALE,
            "volume": sums,
            "bid_volume": nothing,
            "ask_volume": nothing,
        }
    )


def typical_ticks(bars: pl.DataFrame, *, tick: int) -> np.ndarray:
    """Return the typical price of each bar as a whole number of ticks: int64 of shape (n,)."""
    typical = (bars["high"].to_numpy() + bars["low"].to_numpy() + bars["close"].to_numpy()) / 3
    counts: np.ndarray = np.rint(typical * PRICE_SCALE / tick).astype(np.int64)
    return counts
