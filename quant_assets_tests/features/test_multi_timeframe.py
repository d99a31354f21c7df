"""Longer bars: complete ones only, anchored at midnight, against plain Python bar by bar."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.features.catalog import BarArrays, Catalog, Family, feature
from quant_assets.features.integrity import find_leaks
from quant_assets.features.standard import standard_catalog
from quant_assets.features.window import compute_features
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import Timeframe
from quant_assets_tests.features.markets import (
    MINUTE,
    cuts_of,
    joined_bars,
    random_bars,
    session_of,
    with_breaks,
)

HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
INPUTS = ("open", "high", "low", "close", "volume", "bid_close")


def picked(name: str, multiple: int, *, look_back: int = 10_000):
    """Declare a feature that shows one column of the longer bars as it is."""

    @feature(
        name=name,
        family=Family.CUSTOM,
        unit="any",
        inputs=INPUTS,
        look_back=look_back,
        source="test",
        multiple=multiple,
    )
    def show(bars: BarArrays) -> np.ndarray:
        """A column of the longer bars."""
        return bars[name]

    return replace(show, name=f"{name}_shown")


def shown(bars: pl.DataFrame, multiple: int, timeframe: Timeframe = MINUTE) -> pl.DataFrame:
    """Return what the last session's bars see of the longer bars, each column."""
    catalog = Catalog(tuple(picked(name, multiple) for name in INPUTS))
    session = bars["session"][-1]
    return compute_features(bars, session=session, timeframe=timeframe, catalog=catalog)


def put_together(rows: list[dict]) -> dict[str, float]:
    """Return one longer bar of some own bars."""
    total = 0.0
    for row in rows:
        total += row["volume"]
    return {
        "open": rows[0]["open"],
        "high": max(row["high"] for row in rows),
        "low": min(row["low"] for row in rows),
        "close": rows[-1]["close"],
        "volume": total,
        "bid_close": rows[-1]["bid_close"],
    }


def seen_by_hand(bars: pl.DataFrame, multiple: int) -> list[dict[str, float | None]]:
    """Go bar by bar: gather a longer bar, close it once it is over, forget all at a break."""
    nothing = dict.fromkeys(INPUTS)
    out, gathered, last, contract, usable = [], [], nothing, None, False
    begun = None
    for row in bars.to_dicts():
        minute = int(row["bar_start"].timestamp()) // 60
        longer = minute // multiple
        if any(row[name] is None for name in INPUTS):
            out.append(nothing)
            begun = None
            continue
        if begun is None or row["contract"] != contract:
            gathered, last, contract = [], nothing, row["contract"]
            begun, usable = longer, minute % multiple == 0
        elif longer != begun:
            # The longer bar before is over, though none of its last minutes had a bar.
            last = put_together(gathered) if gathered and usable else last
            gathered, begun, usable = [], longer, True
        gathered.append(row)
        if minute + 1 == (longer + 1) * multiple:
            last = put_together(gathered) if usable else last
            gathered = []
        out.append(last)
    return out


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from([2, 4, 5, 12]), st.data())
def test_an_own_bar_sees_the_last_complete_longer_bar(seed, multiple, data):
    """Whatever minutes have no bar, are null, or belong to another contract."""
    bars = with_breaks(random_bars(2, 60, seed=seed), seed=seed + 1)
    kept = data.draw(st.sets(st.integers(0, 119), min_size=20))
    bars = bars[sorted(kept | {119})]
    found = shown(bars, multiple)
    expected = seen_by_hand(bars, multiple)[-found.height :]
    for name in INPUTS:
        assert found[f"{name}_shown"].to_list() == [row[name] for row in expected], name


def test_a_longer_bar_shows_at_the_close_of_its_last_minute_and_not_before():
    """Four-minute bars of minutes from 14:30: the first is dropped, for it lacks two minutes."""
    bars = random_bars(1, 12, seed=1)
    found = shown(bars, 4)["close_shown"].to_list()
    close = bars["close"].to_list()
    assert found == [None] * 5 + [close[5]] * 4 + [close[9]] * 3


def test_the_first_longer_bar_counts_where_the_run_starts_with_it():
    """Minutes from 14:32 on: 14:32 is a multiple of four minutes from midnight."""
    bars = random_bars(1, 12, seed=1)[2:]
    found = shown(bars, 4)["open_shown"].to_list()
    assert found == [None] * 3 + [bars["open"][0]] * 4 + [bars["open"][4]] * 3


def test_a_longer_bar_that_a_break_interrupts_never_shows():
    """A null minute in its midst: neither half of it is a bar."""
    bars = random_bars(1, 20, seed=1)[2:]
    at = pl.int_range(pl.len())
    gap = bars.with_columns(close=pl.when(at == 5).then(None).otherwise(pl.col("close")))
    found = shown(gap, 4)["open_shown"].to_list()
    first, later = bars["open"][0], bars["open"][8]
    assert found[:11] == [None] * 3 + [first] * 2 + [None] * 6
    assert found[11:15] == [later] * 4


def test_a_longer_bar_is_over_when_the_next_bar_ends_behind_it():
    """Its last minutes may be without trades."""
    bars = random_bars(1, 20, seed=1)[2:]
    sparse = bars.filter(~pl.int_range(pl.len()).is_in([2, 3]))
    found = shown(sparse, 4)["close_shown"].to_list()
    assert found[:3] == [None, None, bars["close"][1]]


def test_longer_bars_are_told_apart_by_session_and_length():
    """Bar numbers count from the session's first; the timeframe is the longer one."""
    seen = []

    @feature(
        name="spy",
        family=Family.CUSTOM,
        unit="any",
        inputs=("close",),
        look_back=60,
        source="test",
        multiple=4,
    )
    def spy(bars: BarArrays) -> np.ndarray:
        """Nothing."""
        seen.append((bars.timeframe.name, bars.bar_of_session.tolist(), bars.bar_start_ns.tolist()))
        return bars["close"]

    bars = random_bars(2, 10, seed=1)
    compute_features(bars, session=session_of(1), timeframe=MINUTE, catalog=Catalog((spy,)))
    starts = bars["bar_start"].dt.epoch("ns").to_list()
    # 14:32 and 14:36 of the first day; 14:28, which begins without bars, and so on of the second.
    expected = [starts[2], starts[6], starts[10] - 2 * 60 * 10**9, starts[12], starts[16]]
    assert seen == [("4m", [-2, -1, 0, 1, 2], expected)]


@pytest.mark.parametrize("timeframe", ["1d", "7m", "2h"])
def test_what_midnight_cannot_anchor_has_no_longer_bars(timeframe):
    """Sessions, lengths that do not divide a day, and multiples longer than a day are null."""
    length = Timeframe.parse(timeframe)
    one = picked("close", 24)
    assert one.look_back_bars(length) == 0
    bars = random_bars(1, 30, seed=1)
    steps = pl.int_range(pl.len()) * timedelta(minutes=length.minutes)
    bars = bars.with_columns(bar_start=pl.lit(bars["bar_start"][0]) + steps)
    found = compute_features(bars, session=session_of(0), timeframe=length, catalog=Catalog((one,)))
    assert found["close_shown"].null_count() == 30


def test_a_longer_indicator_is_that_of_longer_bars():
    """Minutes put together by another hand, then the one-bar feature on them."""
    bars = joined_bars(1, 1400, seed=5)
    longer = (
        bars.group_by_dynamic("bar_start", every="4m")
        .agg(pl.col("session", "close").last(), pl.len().alias("n"))
        .with_columns(session=pl.lit(session_of(0)))[1:]
    )
    plain = compute_features(
        longer, session=session_of(0), timeframe=Timeframe.parse("4m"), names=["rsi_14"]
    )
    found = compute_features(
        bars, session=session_of(0), timeframe=MINUTE, names=["rsi_14_x4"]
    ).with_columns((pl.col("bar_start") - timedelta(minutes=3)).cast(UTC_NS))
    both = plain.join(found, on="bar_start", how="inner")
    assert both.height > 300
    assert both["rsi_14"].drop_nulls().len() > 300
    assert both["rsi_14"].equals(both["rsi_14_x4"].alias("rsi_14"))


def test_a_twin_that_shows_the_forming_bar_is_caught():
    """It gives each minute the value of the longer bar that the minute belongs to."""

    def forming(bars: BarArrays) -> np.ndarray:
        key = bars.bar_start_ns // (4 * bars.timeframe.ns)
        last = np.searchsorted(key, key, side="right") - 1
        return bars["close"][last]

    bars = random_bars(1, 300, seed=7)
    one = replace(picked("close", 1), compute=forming)
    sound = picked("close", 4)
    cuts = cuts_of(bars, session=session_of(0), count=200, seed=8)

    def leaks(catalog: Catalog):
        return find_leaks(
            lambda rows: compute_features(
                rows, session=session_of(0), timeframe=MINUTE, catalog=catalog
            ),
            bars,
            cuts,
        )

    assert len({leak.cut for leak in leaks(Catalog((one,)))}) >= 100
    assert leaks(Catalog((sound,))) == []


def test_the_packages_longer_features_have_values_on_a_day_of_minutes():
    """Their look-backs are long enough, and none asks for more than 1,500 bars."""
    longer = [one for one in standard_catalog().features if one.multiple > 1]
    assert {one.multiple for one in longer} == {4, 12}
    bars = joined_bars(2, 1400, seed=9)
    names = [one.name for one in longer]
    found = compute_features(bars, session=session_of(1), timeframe=MINUTE, names=names)
    assert all(found[name].null_count() == 0 for name in names)
    assert all(one.look_back_bars(MINUTE) <= 1500 for one in longer)
