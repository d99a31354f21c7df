"""The possibility engine: equal to its definition, in the published columns and order."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.bronze.engine import count_winning_trades, find_winning_trades
from quant_assets.bronze.kernels import find_winning_trades_numba
from quant_assets.bronze.presets import Grid, preset
from quant_assets.bronze.schema import BRONZE_TRADES
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import NS_PER_MINUTE, Timeframe
from quant_assets_tests.bronze.oracle import winning_trades

# Steps of 1/8 on prices about 16 make levels that are met exactly, ties and flat stretches.
STEP = 0.125
RATIOS = st.lists(
    st.sampled_from([1 / 128, 1 / 64, 1 / 64, 1 / 32, 3 / 64, 0.0123, 1 / 16]),
    min_size=1,
    max_size=5,
).map(lambda levels: tuple(sorted(levels)))


@st.composite
def candles(draw):
    """Draw high, low and close: steps, flats, and now and then a NaN."""
    n = draw(st.integers(1, 40))
    steps = draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n))
    close = 16.0 + STEP * np.cumsum(steps)
    up = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    down = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    high, low = close + STEP * up, close - STEP * down
    for column in (high, low, close):
        for place in draw(st.lists(st.integers(0, n - 1), max_size=2)):
            column[place] = np.nan
    return high, low, close


@st.composite
def grids(draw):
    """Draw a grid with any of its rules."""
    return Grid(
        sl_ratios=draw(RATIOS),
        tp_ratios=draw(RATIOS),
        max_lookforward=draw(st.integers(1, 45)),
        tie=draw(st.sampled_from(["loss", "win"])),
        spread_on=draw(st.sampled_from(["tp", "both"])),
        tail=draw(st.sampled_from(["keep", "drop"])),
    )


def frame_of(high, low, close, *, start_ns=0) -> pl.DataFrame:
    """Return candles of a minute each."""
    starts = start_ns + np.arange(len(close)) * NS_PER_MINUTE
    return pl.DataFrame(
        {
            "bar_start": pl.Series(starts).cast(pl.Datetime("ns", "UTC")),
            "high": high,
            "low": low,
            "close": close,
        }
    )


def expected_frame(bars: pl.DataFrame, wins, grid: Grid) -> pl.DataFrame:
    """Put the oracle's rows into the published columns, one by one."""
    close = bars["close"].to_list()
    times = bars["bar_start"].dt.replace_time_zone(None).to_list()
    rows = []
    for entry, side, tp, sl, leave in wins:
        sign = 1.0 if side == "buy" else -1.0
        price, tp_ratio, sl_ratio = close[entry], grid.tp_ratios[tp], grid.sl_ratios[sl]
        stop, target = price * (1.0 - sign * sl_ratio), price * (1.0 + sign * tp_ratio)
        row = (times[entry], side, price, stop, target, sl_ratio, tp_ratio, times[leave], "win")
        rows.append(row)
    return pl.DataFrame(rows, schema=BRONZE_TRADES.empty().schema, orient="row", strict=False)


def oracle_rows(bars, *, n_entries, grid, spread):
    """Run the oracle with a grid's rules."""
    return winning_trades(
        bars["high"].to_list(),
        bars["low"].to_list(),
        bars["close"].to_list(),
        n_entries=n_entries,
        sl_ratios=grid.sl_ratios,
        tp_ratios=grid.tp_ratios,
        max_lookforward=grid.max_lookforward,
        spread=spread,
        tie=grid.tie,
        spread_on=grid.spread_on,
        tail=grid.tail,
    )


@settings(max_examples=200, deadline=None)
@given(candles(), grids(), st.sampled_from([0.0, 0.01, STEP, 0.3]), st.data())
def test_rows_are_those_of_the_definition_in_its_order(market, grid, spread, data):
    """Ties, flats, NaN, doubled levels and short data: rows and their order are the oracle's."""
    bars = frame_of(*market)
    n_entries = data.draw(st.integers(0, bars.height))
    wins = oracle_rows(bars, n_entries=n_entries, grid=grid, spread=spread)
    found = find_winning_trades(bars, n_entries=n_entries, grid=grid, spread=spread)
    assert found.equals(expected_frame(bars, wins, grid))
    assert count_winning_trades(bars, n_entries=n_entries, grid=grid, spread=spread) == len(wins)


@settings(max_examples=50, deadline=None)
@given(candles(), grids(), st.integers(1, 17))
def test_blocks_of_entries_give_the_rows_of_one_call(market, grid, block):
    """Whatever the size of a block, the rows under each other are those of one call."""
    bars = frame_of(*market)
    n = bars.height
    whole = find_winning_trades(bars, n_entries=n, grid=grid, spread=0.0)
    parts = [
        find_winning_trades(
            bars, first_entry=first, n_entries=min(first + block, n), grid=grid, spread=0.0
        )
        for first in range(0, n, block)
    ]
    assert pl.concat(parts).equals(whole)


@settings(max_examples=50, deadline=None)
@given(candles(), grids(), st.integers(1, 20))
def test_a_longer_look_forward_never_loses_a_winner(market, grid, more):
    """Each row stays when the look-forward grows, where cut windows are kept."""
    bars = frame_of(*market)
    short = Grid(grid.sl_ratios, grid.tp_ratios, grid.max_lookforward, grid.tie, grid.spread_on)
    long = Grid(
        grid.sl_ratios, grid.tp_ratios, grid.max_lookforward + more, grid.tie, grid.spread_on
    )
    few = find_winning_trades(bars, n_entries=bars.height, grid=short, spread=0.0)
    many = find_winning_trades(bars, n_entries=bars.height, grid=long, spread=0.0)
    assert few.join(many, on=few.columns, how="anti").is_empty()


GRID = Grid((0.01,), (0.01,), max_lookforward=3)


@pytest.mark.parametrize(
    ("high", "low", "grid", "spread", "sides"),
    [
        pytest.param([100, 101.0], [100, 100], GRID, 0.0, ["buy"], id="a_touch_is_a_hit"),
        pytest.param([100, 101.0], [100, 100], GRID, 0.1, [], id="a_move_without_the_spread_loses"),
        pytest.param([100, 101.2], [100, 100], GRID, 0.1, ["buy"], id="a_move_with_it_wins"),
        pytest.param([100, 101.0], [100, 99.0], GRID, 0.0, [], id="both_in_one_candle_is_a_loss"),
        pytest.param(
            [100, 101.0],
            [100, 99.0],
            Grid((0.01,), (0.01,), 3, tie="win"),
            0.0,
            ["buy", "sell"],
            id="both_in_one_candle_wins_where_asked",
        ),
        pytest.param(
            [100, 100, 101.2],
            [100, 99.05, 100],
            Grid((0.01,), (0.01,), 3, spread_on="both"),
            0.1,
            [],
            id="the_spread_brings_a_stop_nearer_where_asked",
        ),
        pytest.param([100, 101.2], [100, 99.05], GRID, 0.1, ["buy"], id="else_it_does_not"),
        pytest.param([105, 100], [95, 100], GRID, 0.0, [], id="the_entry_candle_does_not_count"),
        pytest.param(
            [100, 100, 100, 100, 102], [100] * 5, GRID, 0.0, [], id="the_window_has_an_end"
        ),
        pytest.param(
            [100, 100, 100, 102], [100] * 4, GRID, 0.0, ["buy"], id="which_is_part_of_the_window"
        ),
        pytest.param(
            [100, 102],
            [100, 100],
            Grid((0.01,), (0.01,), 3, tail="drop"),
            0.0,
            [],
            id="a_cut_window_is_dropped_where_asked",
        ),
    ],
)
def test_a_trade_wins_by_rule(high, low, grid, spread, sides):
    """One entry at 100, by hand."""
    bars = frame_of(np.array(high, float), np.array(low, float), np.full(len(high), 100.0))
    found = find_winning_trades(bars, n_entries=1, grid=grid, spread=spread)
    assert found["trade_type"].to_list() == sides


def test_published_columns_have_their_names_types_and_values():
    """A buy and a sell, by hand: the target is stored without the spread, prices as float32."""
    bars = frame_of(
        np.array([100.0, 101.2, 100.0]), np.array([100.0, 100.0, 98.8]), np.array([100.0, 101, 99])
    )
    found = find_winning_trades(bars, n_entries=2, grid=GRID, spread=0.1)
    assert found.schema == {
        "entry_time": pl.Datetime("ns"),
        "trade_type": pl.Enum(["buy", "sell"]),
        "entry_price": pl.Float32,
        "sl_price": pl.Float32,
        "tp_price": pl.Float32,
        "sl_ratio": pl.Float32,
        "tp_ratio": pl.Float32,
        "exit_time": pl.Datetime("ns"),
        "outcome": pl.Enum(["win"]),
    }
    f32 = np.float32
    assert found.drop("entry_time", "exit_time").rows() == [
        ("buy", 100.0, 99.0, 101.0, f32(0.01), f32(0.01), "win"),
        ("sell", 101.0, f32(102.01), f32(99.99), f32(0.01), f32(0.01), "win"),
    ]
    assert (
        found["entry_time"].to_list() == bars["bar_start"].dt.replace_time_zone(None)[:2].to_list()
    )
    assert (
        found["exit_time"].to_list() == bars["bar_start"].dt.replace_time_zone(None)[1:].to_list()
    )


def test_a_file_is_read_as_categories_and_naive_nanoseconds(tmp_path: Path):
    """Read by pandas: category and datetime64[ns], whichever library wrote it."""
    bars = frame_of(np.array([100.0, 102]), np.array([100.0, 100]), np.array([100.0, 101]))
    found = find_winning_trades(bars, n_entries=1, grid=GRID, spread=0.0)
    found.write_parquet(tmp_path / "polars.parquet")
    pq.write_table(found.to_arrow(), tmp_path / "pyarrow.parquet")
    for path in sorted(tmp_path.iterdir()):
        types = pq.read_table(path).to_pandas().dtypes.astype(str).to_dict()
        assert types == {
            "entry_time": "datetime64[ns]",
            "trade_type": "category",
            "entry_price": "float32",
            "sl_price": "float32",
            "tp_price": "float32",
            "sl_ratio": "float32",
            "tp_ratio": "float32",
            "exit_time": "datetime64[ns]",
            "outcome": "category",
        }, path.name


@pytest.mark.parametrize("close", [np.nan, np.inf, -np.inf, 0.0, -5.0])
def test_a_close_that_is_no_price_enters_nothing(close):
    """No level can stand at a share of it."""
    bars = frame_of(np.array([1e9, 1e9]), np.array([-1e9, -1e9]), np.array([close, 1.0]))
    grid = Grid((0.01,), (0.01,), 3, tie="win")
    assert find_winning_trades(bars, n_entries=1, grid=grid, spread=0.0).is_empty()


def test_no_bars_give_no_rows():
    """An empty session has an empty, typed table."""
    found = find_winning_trades(
        frame_of([], [], []).cast({"close": pl.Float64}), n_entries=0, grid=GRID, spread=0.0
    )
    assert found.equals(BRONZE_TRADES.empty())


@pytest.mark.parametrize("spread", [-0.1, float("nan"), float("inf")])
def test_a_spread_that_is_no_price_is_refused(spread):
    """It would make every trade a win, or none."""
    bars = frame_of(np.array([1.0]), np.array([1.0]), np.array([1.0]))
    with pytest.raises(InputError, match="spread"):
        find_winning_trades(bars, n_entries=1, grid=GRID, spread=spread)


@pytest.mark.parametrize("first_entry", [-1, -1_000_000])
def test_a_block_before_the_first_candle_is_refused(first_entry):
    """The kernel would read memory that is not the candles'."""
    bars = frame_of(np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.array([1.0, 1.0]))
    for search in (find_winning_trades, count_winning_trades):
        with pytest.raises(InputError, match="candle"):
            search(bars, first_entry=first_entry, n_entries=1, grid=GRID, spread=0.0)


def test_ten_thousand_pairs_a_candle_are_searched():
    """A hundred stops by a hundred targets, both directions, equal to the oracle."""
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, 60)))
    bars = frame_of(close * 1.003, close * 0.997, close)
    levels = tuple(np.linspace(0.0005, 0.02, 100).tolist())
    grid = Grid(levels, levels, max_lookforward=50)
    found = find_winning_trades(bars, n_entries=2, grid=grid, spread=0.01)
    wins = oracle_rows(bars, n_entries=2, grid=grid, spread=0.01)
    assert len(wins) > 1_000
    assert found.equals(expected_frame(bars, wins, grid))


def test_the_kernel_is_compiled_without_python_objects():
    """Each compiled signature is nopython."""
    bars = frame_of(np.array([1.0, 1.1]), np.array([1.0, 1.0]), np.array([1.0, 1.1]))
    find_winning_trades(bars, n_entries=1, grid=GRID, spread=0.0)
    compiled = find_winning_trades_numba.signatures
    assert compiled
    assert len(find_winning_trades_numba.nopython_signatures) == len(compiled)


def read_minutes(path: Path) -> pl.DataFrame:
    """Read an MT4 file without header."""
    names = ["day", "minute", "open", "high", "low", "close", "volume"]
    rows = pl.read_csv(path, has_header=False, new_columns=names)
    stamp = pl.concat_str("day", "minute", separator=" ")
    return rows.with_columns(
        bar_start=stamp.str.to_datetime("%Y.%m.%d %H:%M", time_unit="ns", time_zone="UTC")
    )


@pytest.mark.shared
@pytest.mark.parametrize("first", [480, 11_000, 30_117 - 230])
def test_real_minutes_give_the_rows_of_the_definition(shared_data: Path, first: int):
    """GBPUSD of February 2012 on a coarser minute grid, the file's tail among the slices."""
    minutes = read_minutes(shared_data / "ohlcv" / "GBPUSD1.csv")[first : first + 230]
    chosen = preset(Timeframe.parse("1m"))
    grid = Grid(chosen.sl_ratios[::3], chosen.tp_ratios[:6], chosen.max_lookforward)
    wins = oracle_rows(minutes, n_entries=minutes.height, grid=grid, spread=0.0002)
    found = find_winning_trades(minutes, n_entries=minutes.height, grid=grid, spread=0.0002)
    assert len(wins) > 50
    assert found.equals(expected_frame(minutes, wins, grid))
