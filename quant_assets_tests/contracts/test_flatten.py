"""The flat table: one row a bar, context up to its end, and nothing of what comes after."""

from datetime import date, timedelta
from functools import partial

import numpy as np
import polars as pl
import pytest

from quant_assets.contracts.flatten import flatten_session
from quant_assets.contracts.schema import (
    CONTRACT_TABLE,
    LEVEL_COLUMNS,
    ORDER_FLOW_COLUMNS,
    RUNNING_FIELDS,
    STRETCHES,
)
from quant_assets.contracts.totals import Before, SessionTotals
from quant_assets.market.errors import SchemaError
from quant_assets.market.timeframes import Timeframe
from quant_assets_tests.contracts.markets import (
    MINUTE,
    NEXT_START_NS,
    levels_of,
    order_flow_of,
    session_bars,
)

MONDAY = date(2013, 10, 7)
WEEK = Before.of([SessionTotals(1290.0, 1302.0, 1288.5, 500.0, -20.0, 7)])
CONTRACT = WEEK.plus(SessionTotals(1301.0, 1340.0, 1299.0, 50.0, None, 3))
CUTS_A_SESSION = 50


def session_frames(n_bars: int, *, seed: int) -> dict[str, pl.DataFrame]:
    """Return the three tables of a session."""
    bars = session_bars(MONDAY, n_bars, seed=seed)
    return {
        "bars": bars,
        "order_flow": order_flow_of(bars, seed=seed),
        "levels": levels_of(bars, seed=seed),
    }


def flat(frames: dict[str, pl.DataFrame], **changes: object) -> pl.DataFrame:
    """Return the flat rows of a session in its second week of a contract."""
    values = {
        **frames,
        "timeframe": MINUTE,
        "next_start_ns": NEXT_START_NS,
        "week": WEEK,
        "contract": CONTRACT,
        **changes,
    }
    bars = values.pop("bars")
    return flatten_session(bars, **values)


def slow_context(bars: list[dict], deltas: list[float | None], before: dict) -> list[dict]:
    """Return a stretch so far, bar by bar, in plain Python."""
    told = []
    for count in range(1, len(bars) + 1):
        seen, known = bars[:count], [before["delta"], *deltas[:count]]
        volume = 0.0
        for one in seen:
            volume += one["volume"]
        delta = None
        if None not in known:
            delta = 0.0
            for one in known[1:]:
                delta += one
            delta += known[0]
        told.append(
            {
                "open": seen[0]["open"] if before["open"] is None else before["open"],
                "high": max([*before["highs"], *(one["high"] for one in seen)]),
                "low": min([*before["lows"], *(one["low"] for one in seen)]),
                "volume": before["volume"] + volume,
                "delta": delta,
                "bars": before["bars"] + count,
            }
        )
    return told


@pytest.mark.parametrize("seed", range(6))
def test_the_context_is_that_of_a_slow_walk_over_the_bars(seed):
    """Day, week and contract so far, bar by bar, as an obvious loop tells them."""
    frames = session_frames(25, seed=seed)
    gap = frames["order_flow"].with_row_index().filter(pl.col("index") != 18).drop("index")
    made = flat(frames | {"order_flow": gap if seed % 2 else frames["order_flow"]})
    deltas = made["delta"].to_list()
    assert deltas.count(None) == seed % 2
    befores = {
        "day": {"open": None, "highs": [], "lows": [], "volume": 0.0, "delta": 0.0, "bars": 0},
        "week": {
            "open": 1290.0,
            "highs": [1302.0],
            "lows": [1288.5],
            "volume": 500.0,
            "delta": -20.0,
            "bars": 7,
        },
        "contract": {
            "open": 1290.0,
            "highs": [1302.0, 1340.0],
            "lows": [1288.5, 1299.0],
            "volume": 550.0,
            "delta": None,
            "bars": 10,
        },
    }
    bars = frames["bars"].to_dicts()
    for stretch in STRETCHES:
        names = {f"{stretch}_{name}": name for name in RUNNING_FIELDS}
        told = made.select(*names).rename(names).to_dicts()
        assert told == slow_context(bars, deltas, befores[stretch])
    assert set(made["contract_session"]) == {3}


def test_no_bar_is_lost_or_doubled_and_each_keeps_its_own_values():
    """Rows are the bars' rows; each other table's values stand beside their own bar."""
    frames = session_frames(40, seed=3)
    shuffled = {name: frame.sample(fraction=1.0, shuffle=True) for name, frame in frames.items()}
    made = flat(shuffled)
    assert made.equals(flat(frames))
    assert made["bar_start"].equals(frames["bars"]["bar_start"])
    for side, names in (("order_flow", ORDER_FLOW_COLUMNS), ("levels", LEVEL_COLUMNS)):
        assert made.select(names).equals(frames[side].select(names))
    kept = [name for name in frames["bars"].columns if name != "contract"]
    assert made.select(kept).equals(frames["bars"].select(kept))
    assert (made["known_at"] - made["bar_start"] == timedelta(minutes=1)).all()


def test_a_session_from_bars_alone_has_no_order_flow_and_no_levels():
    """What is not there is null, not nought; the rest of the context stands."""
    made = flatten_session(
        session_bars(MONDAY, 9, seed=1, contract=None),
        timeframe=MINUTE,
        next_start_ns=NEXT_START_NS,
    )
    unknown = [*ORDER_FLOW_COLUMNS, *LEVEL_COLUMNS, *(f"{s}_delta" for s in STRETCHES), "contract"]
    assert all(made[name].null_count() == 9 for name in unknown)
    assert made["day_bars"].to_list() == list(range(1, 10))
    assert set(made["contract_session"]) == {1}


def test_trades_of_no_bar_are_left_out_and_levels_of_no_bar_are_refused():
    """Vendor bars may know fewer minutes than the trades; levels come from these very bars."""
    frames = session_frames(12, seed=5)
    fewer = frames["bars"].head(11)
    assert flat({**frames, "bars": fewer, "levels": frames["levels"].head(11)}).height == 11
    with pytest.raises(SchemaError, match="1 rows of levels are of no bar"):
        flat(frames | {"bars": fewer})


@pytest.mark.parametrize("side", ["bars", "order_flow", "levels"])
def test_two_rows_of_one_bar_are_refused(side):
    """A bar that comes twice would double what is joined to it."""
    frames = session_frames(12, seed=6)
    doubled = pl.concat([frames[side], frames[side].tail(1)])
    with pytest.raises(SchemaError):
        flat(frames | {side: doubled})


def test_a_session_without_bars_has_no_rows():
    """Nothing is made of nothing, in the table's columns."""
    made = flatten_session(
        session_bars(MONDAY, 1, seed=1).clear(), timeframe=MINUTE, next_start_ns=NEXT_START_NS
    )
    assert made.equals(CONTRACT_TABLE.empty())


@pytest.mark.parametrize("column", ["delta", "poc", "absorption"])
def test_order_flow_that_is_only_half_there_breaks_the_contract(column):
    """Either all of a bar's order flow is known, or none of it."""
    made = flat(session_frames(5, seed=2))
    with pytest.raises(SchemaError):
        CONTRACT_TABLE.check(made.with_columns(pl.lit(None).cast(made[column].dtype).alias(column)))


def test_a_stretch_that_does_not_hold_its_bar_breaks_the_contract():
    """The week's high cannot lie below the bar's."""
    made = flat(session_frames(5, seed=2))
    with pytest.raises(SchemaError):
        CONTRACT_TABLE.check(made.with_columns(week_high=pl.col("high") - 1.0))


def _scrambled(frame: pl.DataFrame, kept: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return a table whose rows from a place on hold the values of other rows of theirs."""
    late = frame.slice(kept)
    order = rng.permutation(late.height)
    moved = late.drop("bar_start")[order.tolist()].insert_column(1, late["bar_start"])
    figures = moved.with_columns(
        pl.col(name) * 3 + 1 for name, dtype in moved.schema.items() if dtype == pl.Float64
    )
    return pl.concat([frame.head(kept), figures.select(frame.columns)])


def leaks(make, *, seed: int) -> int:
    """Return at how many of fifty cuts a row changes by what comes after it."""
    frames = session_frames(60, seed=seed)
    rng = np.random.default_rng(seed)
    whole = make(frames)
    found = 0
    for kept in rng.integers(1, 60, CUTS_A_SESSION).tolist():
        removed = {name: frame.head(kept) for name, frame in frames.items()}
        mixed = {name: _scrambled(frame, kept, rng) for name, frame in frames.items()}
        found += not all(
            make(other).head(kept).equals(whole.head(kept)) for other in (removed, mixed)
        )
    return found


@pytest.mark.parametrize("seed", range(4))
def test_no_row_knows_a_later_bar(seed):
    """Two hundred cuts: rows removed and scrambled after a bar change nothing up to it."""
    assert leaks(flat, seed=seed) == 0


def _leaky(column: str, frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the flat table's twin that shows a column one bar early."""
    return flat(frames).with_columns(pl.col(column).shift(-1).alias(column))


@pytest.mark.parametrize(
    "column",
    [
        f"{stretch}_{name}"
        for stretch in STRETCHES
        for name in ("high", "low", "volume", "bars")
        if (stretch, name) not in {("contract", "high"), ("contract", "low")}
    ]
    + ["day_delta", "week_delta"],
)
def test_every_leaky_twin_is_caught(column):
    """The same guard sees a value that is one bar early, for each figure that moves."""
    assert leaks(partial(_leaky, column), seed=1) > 0


def test_a_daily_bar_is_known_when_the_next_session_starts():
    """Trades after midnight UTC belong to it: its own length would tell them too early."""
    bars = session_bars(MONDAY, 1, seed=1)
    day = Timeframe.parse("1d")
    made = flatten_session(bars, timeframe=day, next_start_ns=NEXT_START_NS)
    assert made["known_at"].dt.epoch("ns").to_list() == [NEXT_START_NS]
