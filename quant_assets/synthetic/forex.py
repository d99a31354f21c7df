"""Fifteen-minute bid bars of a currency pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_MINUTE, NS_PER_SECOND
from quant_assets.synthetic.activity import Weights, fx_activity
from quant_assets.synthetic.seeds import stream
from quant_assets.synthetic.walk import LogPrices, WalkSpec, first_state, walk_session

BAR_MINUTES = 15
_BAR_NS = BAR_MINUTES * NS_PER_MINUTE


@dataclass(frozen=True)
class PairSpec:
    """A currency pair of a synthetic market.

    Parameters
    ----------
    symbol, calendar
        The pair, and the calendar it trades by.
    digits
        Decimals of a price.
    quotes_per_bar
        Mean number of quotes in a bar, which is its volume.
    walk
        How the bid moves.
    """

    symbol: str
    calendar: str
    digits: int
    quotes_per_bar: float
    walk: WalkSpec


def simulate_pair(spec: PairSpec, sessions: Sequence[SessionBounds], *, seed: int) -> pl.DataFrame:
    """Simulate the bars of a pair.

    Parameters
    ----------
    sessions
        Sessions of the pair's calendar, oldest first; at least one.

    Returns
    -------
    DataFrame
        bar_start T; open, high, low, close Float64 with `digits` decimals; volume Float64. A bar
        for each quarter of an hour in which the market is open, with its stamp at the left.
    """
    state = first_state(spec.walk)
    days = []
    for bounds in sessions:
        names = (spec.symbol, bounds.session.isoformat())
        seconds = (bounds.close_ns - bounds.open_ns) // NS_PER_SECOND
        weights = fx_activity(bounds.open_ns, seconds)
        prices, state = walk_session(stream(seed, *names, "walk"), spec.walk, state, weights)
        days.append(_session_bars(stream(seed, *names, "volume"), spec, bounds, weights, prices))
    return pl.concat(days)


def _session_bars(
    rng: np.random.Generator,
    spec: PairSpec,
    bounds: SessionBounds,
    weights: Weights,
    log_prices: LogPrices,
) -> pl.DataFrame:
    """Group one session's seconds to bars; each second holds its first and its last price."""
    ts_ns = bounds.open_ns + np.arange(weights.size, dtype=np.int64) * NS_PER_SECOND
    prices = np.round(np.exp(log_prices), spec.digits)
    seconds = pl.DataFrame(
        {"bar_start": ts_ns // _BAR_NS * _BAR_NS, "at": prices[:-1], "to": prices[1:], "w": weights}
    )
    bars = seconds.group_by("bar_start", maintain_order=True).agg(
        pl.col("at").first().alias("open"),
        pl.max_horizontal(pl.col("at").max(), pl.col("to").max()).alias("high"),
        pl.min_horizontal(pl.col("at").min(), pl.col("to").min()).alias("low"),
        pl.col("to").last().alias("close"),
        pl.col("w").mean(),
    )
    quotes = 1 + rng.poisson(spec.quotes_per_bar * (bars["w"] / weights.mean()).to_numpy())
    return bars.select(
        pl.col("bar_start").cast(UTC_NS),
        pl.col("open", "high", "low", "close"),
        pl.Series("volume", quotes, dtype=pl.Float64),
    )
