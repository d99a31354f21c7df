"""The look-ahead law for every column of levels, and a leaky twin of each that must be caught."""

from functools import partial

import numpy as np
import polars as pl
import pytest

from quant_assets.features.integrity import find_leaks
from quant_assets.levels.build import Earlier, build_levels
from quant_assets.levels.marks import Marks, Opening
from quant_assets.levels.schema import LEVEL_NAMES
from quant_assets.levels.stretches import Stretch
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_MINUTE
from quant_assets_tests.features.markets import MINUTE, cuts_of, random_bars, session_of
from quant_assets_tests.levels.markets import profile_of, random_rows

N_BARS, CUTS, CUTS_OF_TWINS = 110, 100, 20
TICK = 0.01
WAYS = ("with_footprint", "of_bars_alone")
KEYS = {"session", "bar_start", "known_at"}
_WEEK = Stretch.empty().extended(profile_of(random_rows(50, seed=4)))
_MARKS = Marks(101.0, 99.0, 100.0)
EARLIER = Earlier(_WEEK, _WEEK, _WEEK, _MARKS, _MARKS)


@pytest.fixture(scope="module")
def market() -> pl.DataFrame:
    """Three sessions of one contract."""
    return random_bars(3, N_BARS, seed=31)


def footprint_from(bars: pl.DataFrame) -> pl.DataFrame:
    """Return a footprint whose rows follow from their own bar alone: whoever changes it, both."""
    parts = [
        bars.select(
            "session",
            "bar_start",
            ((pl.col(name) / TICK).round() * TICK).round(2).alias("price"),
            (pl.col("volume") * share).alias("bid_volume"),
            (pl.col("volume") * share / 2).alias("ask_volume"),
        )
        for name, share in (("low", 0.3), ("close", 0.5), ("high", 0.2))
    ]
    rows = pl.concat(parts).group_by("session", "bar_start", "price").agg(pl.all().sum())
    return rows.with_columns(unknown_volume=pl.lit(0.0)).sort("bar_start", "price")


def levels_of(bars: pl.DataFrame, *, way: str, number: int) -> pl.DataFrame:
    """Return the levels of a session from all bars that are known."""
    day = session_of(number)
    here = bars.filter(pl.col("session") == day)
    start = int(bars["bar_start"].to_physical()[0]) + number * 24 * 60 * NS_PER_MINUTE
    bounds = SessionBounds(day, start, start + 5 * NS_PER_MINUTE, start * 2, start * 2)
    return build_levels(
        here,
        before=bars.filter(pl.col("session") < day),
        footprint=footprint_from(here) if way == "with_footprint" else None,
        opening=Opening(bounds, MINUTE, 30),
        tick=10_000_000,
        tick_size=TICK,
        earlier=EARLIER,
    )


def packed(bars: pl.DataFrame, *, way: str, number: int) -> pl.DataFrame:
    """Return the bits of a whole row of levels as one value: one comparison sees all columns."""
    levels = levels_of(bars, way=way, number=number)
    rows = levels.select(pl.all().to_physical().cast(pl.Float64)).to_numpy(order="c")
    return levels.select("session", "bar_start").with_columns(
        every_column=pl.Series([row.tobytes() for row in rows])
    )


def early(bars: pl.DataFrame, *, way: str, number: int) -> pl.DataFrame:
    """Return levels that are shown one bar too early."""
    levels = levels_of(bars, way=way, number=number)
    return levels.with_columns(
        pl.col(name).shift(-1).alias(name) for name in levels.columns if name not in KEYS
    )


@pytest.mark.parametrize("way", WAYS)
def test_no_level_knows_the_future(market: pl.DataFrame, way: str):
    """Two hundred cuts over two sessions, rows removed and scrambled: no bit changes."""
    for number in (1, 2):
        known = market.filter(pl.col("session") <= session_of(number))
        cuts = cuts_of(market, session=session_of(number), count=CUTS, seed=number)
        compute = partial(packed, way=way, number=number)
        assert find_leaks(compute, known, cuts, seed=number) == []


@pytest.mark.parametrize("way", WAYS)
def test_every_leaky_twin_is_caught(market: pl.DataFrame, way: str):
    """The same guard sees each column that is one bar early."""
    known = market.filter(pl.col("session") <= session_of(2))
    cuts = cuts_of(market, session=session_of(2), count=CUTS_OF_TWINS, seed=2)
    found = find_leaks(partial(early, way=way, number=2), known, cuts, seed=2)
    columns = set(levels_of(known, way=way, number=2).columns) - KEYS
    assert {leak.feature for leak in found} == columns
    assert len(columns) == 1 + 3 * len(LEVEL_NAMES)


@pytest.mark.parametrize("way", WAYS)
def test_the_market_that_is_cut_has_every_level(market: pl.DataFrame, way: str):
    """A column of nulls would keep the law and prove nothing."""
    levels = levels_of(market, way=way, number=2)
    assert all(levels[name].null_count() < levels.height for name in levels.columns)
    assert np.isfinite(levels["atr"].to_numpy()).all()
