"""Back-adjusted prices: the newest contract's are its own, older ones fit onto them."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.bars.adjustment import (
    GAPS,
    PRICES,
    Adjustment,
    adjust_bars,
    adjustments_by_session,
    find_rolls,
    parse_adjustment,
)
from quant_assets.market.errors import InputError

FIRST = date(2013, 12, 2)
CODES = ["ESZ13", "ESH14", "ESM14", "ESU14"]
BOTH = pytest.mark.parametrize("by", list(Adjustment))

Path = list[dict[str, float]]
"""Closes of each session by contract."""


def day(n: int) -> date:
    """Return the n-th session."""
    return FIRST + timedelta(days=n)


@st.composite
def markets(draw) -> tuple[Path, list[str]]:
    """Draw closes of all contracts, and the contract that is read on each session."""
    count = draw(st.integers(1, 12))
    price = st.integers(500, 6_000).map(lambda ticks: ticks / 4)
    path = [{code: draw(price) for code in CODES} for _ in range(count)]
    places = sorted(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)))
    return path, [CODES[place] for place in places]


def bars_of(path: Path, read: list[str]) -> pl.DataFrame:
    """Return two bars a session of the contract that is read; the second ends at its close."""
    rows = [
        {
            "session": day(n),
            "bar_start": 2 * n + half,
            "contract": code,
            "open": path[n][code] - 1,
            "high": path[n][code] + 2,
            "low": path[n][code] - 3,
            "close": path[n][code] - (1 - half),
        }
        for n, code in enumerate(read)
        for half in (0, 1)
    ]
    return pl.DataFrame(rows)


def gaps_of(path: Path, read: list[str]) -> pl.DataFrame:
    """Return the gap of each roll, by the closes of the session before."""
    rows = [
        (day(n + 1), old, new, day(n), path[n][old], path[n][new])
        for n, (old, new) in enumerate(pairwise(read))
        if old != new
    ]
    return pl.DataFrame(rows, schema=GAPS, orient="row")


def oracle(session: date, gaps: list[tuple], by: Adjustment) -> float | None:
    """Return the adjustment of a session: over all rolls after it, the last one first."""
    total = 0.0 if by is Adjustment.DIFFERENCE else 1.0
    for roll, _, _, _, old, new in reversed(gaps):
        if roll <= session:
            continue
        if old is None or (by is Adjustment.RATIO and (old <= 0 or new <= 0)):
            return None
        total = total + (new - old) if by is Adjustment.DIFFERENCE else total * (new / old)
    return total


@BOTH
@given(market=markets(), holes=st.sets(st.integers(0, 3)))
def test_prices_are_raw_prices_and_all_gaps_that_follow(by, market, holes):
    """Each bar by a slow sum or product; where a gap that follows is missing there is no price."""
    bars, whole = bars_of(*market), gaps_of(*market).rows()
    gaps = [(*row[:3], None, None, None) if n in holes else row for n, row in enumerate(whole)]
    found = adjust_bars(bars, pl.DataFrame(gaps, schema=GAPS, orient="row"), by=by)
    assert found.select(bars.columns).equals(bars)
    for row in found.iter_rows(named=True):
        expected = oracle(row["session"], gaps, by)
        assert row["adjustment"] == expected
        for name in PRICES:
            raw = row[name]
            of = raw.__add__ if by is Adjustment.DIFFERENCE else raw.__mul__
            adjusted = None if expected is None else of(row["adjustment"])
            assert row[f"adjusted_{name}"] == adjusted


@given(market=markets())
def test_a_step_over_a_roll_is_the_new_contracts_own(market):
    """Differences by `difference` and returns by `ratio`, from session to session."""
    path, read = market
    bars, gaps = bars_of(path, read), gaps_of(path, read)
    closes = {
        by: adjust_bars(bars, gaps, by=by)
        .filter(pl.col("bar_start") % 2 == 1)["adjusted_close"]
        .to_numpy()
        for by in Adjustment
    }
    steps = range(len(read) - 1)
    own = np.array([[path[n][read[n + 1]], path[n + 1][read[n + 1]]] for n in steps]).reshape(-1, 2)
    ratio, difference = closes[Adjustment.RATIO], closes[Adjustment.DIFFERENCE]
    assert np.allclose(np.diff(difference), own[:, 1] - own[:, 0], rtol=0, atol=1e-9)
    # The ratio keeps the returns of each contract within its time, too.
    assert np.allclose(ratio[1:] / ratio[:-1], own[:, 1] / own[:, 0], rtol=1e-12, atol=0)


@BOTH
@given(market=markets())
def test_the_newest_contract_keeps_its_prices_and_a_later_roll_changes_only_older_ones(by, market):
    """What is adjusted today is adjusted anew tomorrow: the view is no feature."""
    path, read = market
    bars, gaps = bars_of(path, read), gaps_of(path, read)
    found = adjust_bars(bars, gaps, by=by)
    newest = found.filter(pl.col("contract") == read[-1])
    assert all(
        newest[f"adjusted_{name}"].equals(newest[name], check_names=False) for name in PRICES
    )
    assert found["low"].gt(0).all()
    assert (found["adjusted_low"] <= found["adjusted_high"]).all()
    if gaps.height:
        last = gaps["session"][-1]
        before = adjust_bars(bars.filter(pl.col("session") < last), gaps.head(-1), by=by)
        scale = gaps.tail(1)
        old, new = scale["from_price"].item(), scale["to_price"].item()
        shown = found.filter(pl.col("session") < last)["adjusted_close"].to_numpy()
        earlier = before["adjusted_close"].to_numpy()
        expected = earlier + (new - old) if by is Adjustment.DIFFERENCE else earlier * (new / old)
        assert np.allclose(shown, expected, rtol=1e-9, atol=1e-9)


def test_prices_below_zero_have_a_difference_and_no_ratio():
    """Crude oil of May 2020 closed at -37.63 on April 20."""
    session = date(2020, 4, 21)
    gaps = pl.DataFrame(
        [(session, "CLK20", "CLM20", date(2020, 4, 20), -37.63, 20.43)], schema=GAPS, orient="row"
    )
    found = adjustments_by_session(pl.Series([date(2020, 4, 20), session]), gaps)
    assert found["difference"].to_list() == [20.43 + 37.63, 0.0]
    assert found["ratio"].to_list() == [None, 1.0]


def test_a_roll_is_where_the_contract_changes():
    """Also back, also over a session that has no bars; the first bar is no roll."""
    series = pl.DataFrame(
        {
            "session": [day(0), day(0), day(1), day(4), day(5)],
            "contract": ["ESZ13", "ESZ13", "ESH14", "ESM14", "ESH14"],
        }
    )
    assert find_rolls(series).rows() == [
        (day(1), "ESZ13", "ESH14"),
        (day(4), "ESH14", "ESM14"),
        (day(5), "ESM14", "ESH14"),
    ]
    assert find_rolls(series.clear()).height == 0


def test_bars_without_contracts_are_refused():
    """There is nothing to adjust, and a raw price must not look adjusted."""
    bars = bars_of([{"ESZ13": 1.0}], ["ESZ13"]).with_columns(contract=pl.lit(None, pl.String))
    with pytest.raises(InputError, match="never roll"):
        adjust_bars(bars, pl.DataFrame(schema=GAPS), by=Adjustment.RATIO)


def test_an_unknown_adjustment_is_refused_with_those_there_are():
    """Nothing is chosen in the user's place."""
    with pytest.raises(InputError, match="difference, ratio"):
        parse_adjustment("panama")
    assert parse_adjustment("ratio") is Adjustment.RATIO
