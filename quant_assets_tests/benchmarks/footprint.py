"""Footprints of 20 M trades by the kernel, against a Polars group_by that does the same."""

from pathlib import Path

import numpy as np
import polars as pl

from quant_assets.bars.footprint import build_footprint
from quant_assets.market.bar_spec import BarSpec
from quant_assets.market.columns import SIDES, UTC_NS
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_HOUR
from quant_assets_tests.benchmarks.measure import Contest, Side, compete, equal

TARGET = 5.0
_ROWS, _QUICK_ROWS = 20_000_000, 1_000_000
_TICK = 250_000_000
_SESSIONS, _FIRST_DAY = 20, 16_000
_SWITCHES = 0.35
"""How often the price moves by a tick."""


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Make trades, check that both ways give the same rows, then time them."""
    trades = _trades(_QUICK_ROWS if quick else _ROWS, np.random.default_rng(seed))
    ours, theirs = _by_kernel(trades), _by_group(trades)
    equal("rows", ours.select(theirs.columns).equals(theirs), reference=True)
    return compete(
        Contest(
            title=f"Footprint of 1m bars: {theirs.height:,} rows of price",
            unit="trades",
            count=trades.height,
            target=TARGET,
            ours=Side("kernel, rows and bars", lambda _: trades, _by_kernel),
            reference=Side("Polars group_by, rows alone", lambda _: trades, _by_group),
            is_judged_by_cpu=True,
            is_warm=True,
        ),
        folder,
        pairs=pairs,
    )


def _trades(count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return trades of twenty sessions: a walk by ticks, sides in runs, whole quantities."""
    day = np.repeat(np.arange(_SESSIONS), -(-count // _SESSIONS))[:count] + _FIRST_DAY
    within = rng.integers(0, 23 * NS_PER_HOUR, count)
    ts = np.sort(day * NS_PER_DAY + within)
    moves = rng.integers(0, 2, count) * 2 - 1
    price = 4_000_000_000_000 + _TICK * np.cumsum(moves * (rng.random(count) < _SWITCHES))
    codes = rng.choice(3, size=count, p=(0.48, 0.48, 0.04)).astype(np.uint8)
    return pl.DataFrame(
        {
            "session": pl.Series((ts // NS_PER_DAY).astype(np.int32)).cast(pl.Date),
            "ts": pl.Series(ts).cast(UTC_NS),
            "price": price,
            "qty": rng.geometric(0.3, count).astype(np.float64),
            "side": pl.Series(np.array(SIDES)[codes]).cast(pl.Enum(SIDES)),
        }
    )


def _by_kernel(trades: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that the project makes."""
    return build_footprint(trades, bars=BarSpec.parse("1m"), bucket=_TICK).rows


def _by_group(trades: pl.DataFrame) -> pl.DataFrame:
    """Return the same rows from Polars alone, in the same order."""
    quantity = {side: pl.col("qty").filter(pl.col("side") == side).sum() for side in SIDES}
    grouped = (
        trades.lazy()
        .group_by(
            "session",
            pl.col("ts").dt.truncate("1m").alias("bar_start"),
            (pl.col("price") // _TICK).alias("key"),
        )
        .agg(
            quantity["sell"].alias("bid_volume"),
            quantity["buy"].alias("ask_volume"),
            quantity["unknown"].alias("unknown_volume"),
            pl.len().alias("trades"),
        )
        .sort("bar_start", "key")
        .with_columns(delta=pl.col("ask_volume") - pl.col("bid_volume"))
        .collect()
    )
    return grouped.select(
        "session",
        "bar_start",
        pl.Series("price", grouped["key"].to_numpy() * _TICK / 1e9),
        "bid_volume",
        "ask_volume",
        "unknown_volume",
        "delta",
        "trades",
    )
