"""Outcomes of all pairs: counted without rows, equal to those of three loops."""

import math
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.bronze.engine import Candles, FinePrices, Search, find_winning_trades
from quant_assets.bronze.presets import Grid, preset
from quant_assets.bronze.schema import BRONZE_STATS
from quant_assets.bronze.statistics import count_outcomes, summarize_outcomes
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import NS_PER_HOUR, NS_PER_MINUTE, Timeframe
from quant_assets_tests.bronze.oracle import Outcome, all_outcomes
from quant_assets_tests.bronze.test_engine import STEP, candles, frame_of, grids, read_minutes

KEYS = ["direction", "sl", "tp", "weekday", "hour"]
COUNTS = ["wins", "losses", "timeouts", "ambiguous", "sum_bars_to_win"]


def outcomes_of(bars: pl.DataFrame, grid: Grid, spread: float, n_entries: int, **fine):
    """Run the oracle with a grid's rules."""
    columns = (bars[name].to_list() for name in ("high", "low", "close"))
    return all_outcomes(
        *columns,
        n_entries=n_entries,
        sl_ratios=grid.sl_ratios,
        tp_ratios=grid.tp_ratios,
        max_lookforward=grid.max_lookforward,
        spread=spread,
        tie=grid.tie,
        spread_on=grid.spread_on,
        tail=grid.tail,
        **fine,
    )


def expected_stats(
    bars: pl.DataFrame, found: list[Outcome], grid: Grid, spread: float
) -> dict[tuple, dict[str, float]]:
    """Add the oracle's outcomes up, by levels (as places in the grid), direction and hour."""
    starts = bars["bar_start"].dt.epoch("s").to_list()
    close = bars["close"].to_list()
    groups: dict[tuple, list[Outcome]] = defaultdict(list)
    for one in found:
        at = datetime.fromtimestamp(starts[one.entry], UTC)
        groups[one.side, one.sl, one.tp, at.isoweekday(), at.hour].append(one)
    stats = {}
    for key, ones in groups.items():
        sl, tp = grid.sl_ratios[key[1]], grid.tp_ratios[key[2]]
        cost = math.fsum(spread / close[one.entry] for one in ones) / len(ones)
        stop_cost = 0.0 if grid.spread_on == "both" else cost
        value = {"win": lambda _, tp=tp: tp, "loss": lambda _, sl=sl, c=stop_cost: -sl - c}
        value["timeout"] = lambda one, c=cost: one.last_return - c
        wins = [one for one in ones if one.kind == "win"]
        stats[key] = {
            "wins": len(wins),
            "losses": sum(one.kind == "loss" for one in ones),
            "timeouts": sum(one.kind == "timeout" for one in ones),
            "ambiguous": sum(one.ambiguous for one in ones),
            "sum_bars_to_win": sum(one.leave - one.entry for one in wins),
            "expectancy": math.fsum(value[one.kind](one) for one in ones) / len(ones),
        }
    return stats


def assert_equal(stats: pl.DataFrame, expected: dict[tuple, dict[str, float]], grid: Grid) -> None:
    """Compare row by row; doubled levels stand for themselves, in the grid's order."""
    n_pairs = len(grid.sl_ratios) * len(grid.tp_ratios)
    hours = sorted({key[3:] for key in expected})
    assert stats.height == len(expected) == 2 * n_pairs * len(hours)
    by_value = defaultdict(list)
    for key, values in sorted(expected.items()):
        side, sl, tp, *at = key
        by_value[side, grid.sl_ratios[sl], grid.tp_ratios[tp], *at].append(values)
    for row in stats.iter_rows(named=True):
        candidates = by_value[tuple(row[name] for name in KEYS)]
        counts = {name: row[name] for name in COUNTS}
        # Equal levels have equal outcomes, whichever of them comes first.
        assert counts in [{name: one[name] for name in COUNTS} for one in candidates]
        assert row["expectancy"] == pytest.approx(candidates[0]["expectancy"], abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(candles(), grids(), st.sampled_from([0.0, 0.01, STEP]), st.data())
def test_outcomes_are_those_of_the_definition(market, grid, spread, data):
    """Wins, losses, timeouts, ties, times and returns, whatever the grid and its rules."""
    bars = frame_of(*market, start_ns=23 * NS_PER_HOUR + 40 * NS_PER_MINUTE)
    n_entries = data.draw(st.integers(0, bars.height))
    stats = count_outcomes(Search(Candles.of(bars), grid, spread), n_entries)
    found = outcomes_of(bars, grid, spread, n_entries)
    assert_equal(stats, expected_stats(bars, found, grid, spread), grid)
    BRONZE_STATS.check(stats.with_columns(session=pl.date(1970, 1, 1)))


@st.composite
def fine_prices(draw, n_candles: int):
    """Draw up to four finer highs and lows a candle, some candles having none."""
    steps = st.integers(-6, 6).map(lambda step: 16.0 + STEP * step)
    pair = st.tuples(steps, steps).map(lambda two: (max(two), min(two)))
    return {j: draw(st.lists(pair, max_size=4)) for j in range(n_candles)}


@settings(max_examples=150, deadline=None)
@given(candles(), grids(), st.sampled_from([0.0, STEP]), st.data())
def test_ties_are_drilled_down_by_finer_prices(market, grid, spread, data):
    """Rows and counts follow the finer prices of a candle that reaches both levels."""
    bars = frame_of(*market)
    drilled = Grid(
        grid.sl_ratios,
        grid.tp_ratios,
        grid.max_lookforward,
        "drill_down",
        grid.spread_on,
        grid.tail,
    )
    fine = data.draw(fine_prices(bars.height))
    rows = [
        (j * NS_PER_MINUTE + place * 1_000, high, low)
        for j, prices in fine.items()
        for place, (high, low) in enumerate(prices)
    ]
    ticks = pl.DataFrame(
        rows, schema={"ts": pl.Int64, "high": pl.Float64, "low": pl.Float64}, orient="row"
    ).with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
    made = Candles.of(bars)
    prices = FinePrices.of(made, ticks, step_ns=NS_PER_MINUTE)
    search = Search(made, drilled, spread, prices)
    found = outcomes_of(bars, drilled, spread, bars.height, fine=fine)
    stats = count_outcomes(search, bars.height)
    assert_equal(stats, expected_stats(bars, found, drilled, spread), drilled)
    runs = search.run(0, bars.height)
    wins = [one for one in found if one.kind == "win"]
    assert runs.wins == len(wins)
    assert runs.ambiguous == sum(one.ambiguous for one in found)
    assert runs.ambiguous_entries == len({one.entry for one in found if one.ambiguous})
    assert runs.entries == len({one.entry for one in found})
    rows_found = search.rows(runs.runs, runs.wins)
    sides = [("buy", "sell")[int(run[1])] for run in runs.runs]
    assert rows_found["trade_type"].to_list() == [one.side for one in wins]
    assert set(sides) == {one.side for one in wins}


def test_without_finer_prices_a_tie_is_lost():
    """Drilling down into nothing is the rule that loses ties."""
    bars = frame_of(np.array([100, 101.0]), np.array([100, 99.0]), np.full(2, 100.0))
    grid = Grid((0.01,), (0.01,), 3, tie="drill_down")
    assert find_winning_trades(bars, n_entries=2, grid=grid, spread=0.0).is_empty()


def test_prices_between_candles_belong_to_none():
    """A gap in the candles takes its ticks with it; the last candle ends after its step."""
    bars = frame_of(np.full(3, 1.0), np.full(3, 1.0), np.full(3, 1.0))[[0, 2]]
    stamps = [-1, 0, 59_999_999_999, 60_000_000_000, 119_999_999_999, 120_000_000_000, 180 * 10**9]
    ticks = pl.DataFrame({"ts": stamps, "high": np.arange(7.0), "low": np.arange(7.0)})
    ticks = ticks.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
    prices = FinePrices.of(Candles.of(bars), ticks, step_ns=NS_PER_MINUTE)
    assert prices.high.tolist() == [1.0, 2.0, 5.0]
    assert prices.bounds.tolist() == [0, 2, 3]


def test_sessions_are_summarized_by_their_entries():
    """Sums of counts, and expectancy weighted by entries: equal to that of all at once."""
    rng = np.random.default_rng(11)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, 400)))
    bars = frame_of(close * 1.001, close * 0.999, close)
    search = Search(Candles.of(bars), Grid((0.002, 0.004), (0.003,), 30), 0.0)
    whole = summarize_outcomes(count_outcomes(search, 300), ["sl", "tp"])
    parts = [count_outcomes(search, end, first_entry=end - 100) for end in (100, 200, 300)]
    together = summarize_outcomes(pl.concat(parts), ["sl", "tp"])
    assert whole.drop("expectancy").equals(together.drop("expectancy"))
    assert np.allclose(whole["expectancy"], together["expectancy"], atol=1e-15)
    assert (whole["wins"] + whole["losses"] + whole["timeouts"]).to_list() == [600, 600]


def test_a_grid_beyond_the_memory_is_refused_before_any_work():
    """The message says what is needed and what is allowed."""
    bars = frame_of(np.ones(5), np.ones(5), np.ones(5))
    levels = tuple(np.linspace(0.001, 0.1, 3_000).tolist())
    search = Search(Candles.of(bars), Grid(levels, levels, 10), 0.0)
    with pytest.raises(InputError, match="481 MiB are needed, 100 are allowed"):
        count_outcomes(search, 5, memory_bytes=100 << 20)


@pytest.mark.shared
def test_real_minutes_have_the_outcomes_of_the_definition(shared_data: Path):
    """BTCUSD at the turn of a year, whose candles often reach both levels."""
    minutes = read_minutes(shared_data / "ohlcv" / "BTCUSD1.csv")[:260]
    chosen = preset(Timeframe.parse("1m"))
    grid = Grid(chosen.sl_ratios[:6], chosen.tp_ratios[:6], 60)
    stats = count_outcomes(Search(Candles.of(minutes), grid, 5.0), 200)
    found = outcomes_of(minutes, grid, 5.0, 200)
    assert sum(one.kind == "timeout" for one in found) > 100
    assert_equal(stats, expected_stats(minutes, found, grid, 5.0), grid)
