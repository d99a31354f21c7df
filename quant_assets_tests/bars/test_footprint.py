"""Footprints: every bar kind against a slow oracle, and the laws of order flow."""

from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.bars.build import bars_from_ticks
from quant_assets.bars.footprint import FootprintBuilder, Footprints, build_footprint
from quant_assets.bars.footprint_schema import FOOTPRINT, FOOTPRINT_BARS, PROFILES
from quant_assets.bars.footprint_tables import FootprintRules
from quant_assets.bars.profile import profile_of_bars, profile_of_ticks
from quant_assets.market.bar_spec import BarSpec
from quant_assets.market.columns import SIDES, UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE, Timeframe
from quant_assets.storage.package_data import load_calendars
from quant_assets_tests.bars.footprint_oracle import footprint as oracle

TICK = 250_000_000
FIRST_DAY = 16_000
KINDS = {
    "1m": ("time", NS_PER_MINUTE),
    "15m": ("time", 15 * NS_PER_MINUTE),
    "1d": ("daily", None),
    "vol7": ("vol", 7.0),
    "tick4": ("tick", 4),
    "range3": ("range", 3 * TICK),
}

trade = st.tuples(
    st.integers(0, 40_000_000_000),  # nanoseconds after the trade before
    st.integers(-6, 6),  # ticks from the middle
    st.sampled_from([0.0, 0.1, 1.0, 1.0, 2.0, 3.5, 40.0]),
    st.sampled_from(SIDES),
)


@st.composite
def trade_lists(draw, least=0, most=80):
    """Trades of up to three sessions: (ts, session, price, qty, side)."""
    drawn = draw(st.lists(trade, min_size=least, max_size=most))
    cuts = sorted(draw(st.lists(st.integers(0, len(drawn)), max_size=2)))
    ts, found = FIRST_DAY * NS_PER_DAY, []
    for place, (gap, ticks, qty, side) in enumerate(drawn):
        session = FIRST_DAY + sum(place >= cut for cut in cuts)
        ts = max(ts + gap, session * NS_PER_DAY)
        found.append((ts, session, 4_000 * TICK + ticks * TICK, qty, side))
    return found


def frame_of(trades) -> pl.DataFrame:
    """Return trades in the columns that footprints read."""
    columns = list(zip(*trades, strict=True)) if trades else [[], [], [], [], []]
    ts, session, price, qty, side = columns
    return pl.DataFrame(
        {
            "session": pl.Series(session, dtype=pl.Int32).cast(pl.Date),
            "ts": pl.Series(ts, dtype=pl.Int64).cast(UTC_NS),
            "price": pl.Series(price, dtype=pl.Int64),
            "qty": pl.Series(qty, dtype=pl.Float64),
            "side": pl.Series(side, dtype=pl.Enum(SIDES)),
        }
    )


def made(trades, name, bucket=TICK) -> Footprints:
    """Build footprints of a kind."""
    calendar = load_calendars()["CRYPTO"]
    bars = BarSpec.parse(name)
    return build_footprint(frame_of(trades), bars=bars, bucket=bucket, tick=TICK, calendar=calendar)


def told(footprints: Footprints, bucket: int) -> list[dict]:
    """Return footprints as the oracle tells them."""
    rows = footprints.rows.with_columns(
        key=(pl.col("price") * 1e9 / bucket).round().cast(pl.Int64),
        start=pl.col("bar_start").dt.epoch("ns"),
    )
    cells: dict[int, dict] = {}
    for one in rows.iter_rows(named=True):
        values = (one["bid_volume"], one["ask_volume"], one["unknown_volume"], one["trades"])
        cells.setdefault(one["start"], {})[one["key"]] = values
    bars = footprints.bars.with_columns(
        pl.col("bar_start", "bar_end").dt.epoch("ns"),
        pl.col("session").cast(pl.Int32),
        *((pl.col(name) * 1e9).round().cast(pl.Int64) for name in ("open", "high", "low", "close")),
        *((pl.col(n) * 1e9 / bucket).round().cast(pl.Int64) for n in ("poc", "vah", "val")),
    ).rename({"bar_start": "start", "bar_end": "end"})
    return [one | {"cells": cells[one["start"]]} for one in bars.iter_rows(named=True)]


@pytest.mark.parametrize("name", KINDS)
@given(trades=trade_lists(), bucket=st.sampled_from([TICK, 4 * TICK, 3 * TICK]))
def test_every_kind_of_bar_equals_the_oracle(name, trades, bucket):
    """Bars, cells and all that is read off them have the oracle's values, bit for bit."""
    kind, size = KINDS[name]
    expected = oracle(trades, kind=kind, size=size, bucket=bucket)
    found = told(made(trades, name, bucket), bucket)
    assert found == expected


@pytest.mark.parametrize("name", KINDS)
@given(trades=trade_lists(), data=st.data())
def test_any_chunking_gives_the_same_bits(name, trades, data):
    """What a chunk leaves open goes on in the next."""
    whole = made(trades, name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(trades)), max_size=6)))
    builder = FootprintBuilder(
        BarSpec.parse(name), bucket=TICK, tick=TICK, calendar=load_calendars()["CRYPTO"]
    )
    frame = frame_of(trades)
    edges = [0, *cuts, len(trades)]
    parts = [builder.add(frame[a:b]) for a, b in pairwise(edges)]
    parts.append(builder.finish())
    assert pl.concat([part.rows for part in parts]).equals(whole.rows)
    assert pl.concat([part.bars for part in parts]).equals(whole.bars)


@given(trades=trade_lists(), name=st.sampled_from(sorted(KINDS)))
def test_no_kind_of_bar_loses_or_invents_volume(trades, name):
    """Volume goes from ticks to bars to rows, and delta is ask less bid volume everywhere."""
    found = made(trades, name)
    exact = [round(10 * qty) for _, _, _, qty, _ in trades]
    bars, rows = found.bars, found.rows
    sides = pl.col("bid_volume") + pl.col("ask_volume") + pl.col("unknown_volume")
    assert round(10 * bars["volume"].sum()) == sum(exact)
    assert round(10 * (rows.select(sides).sum().item() or 0)) == sum(exact)
    assert bars["trades"].sum() == rows["trades"].sum() == sum(one > 0 for one in exact)
    for frame in (bars, rows):
        assert (frame["delta"] == frame["ask_volume"] - frame["bid_volume"]).all()
    FOOTPRINT.check(rows)
    FOOTPRINT_BARS.check(bars)


@given(trades=trade_lists(least=1))
def test_the_value_area_holds_its_share_and_the_point_of_control(trades):
    """At least 70 % of the volume lies from low to high, and the point of control within."""
    found = made(trades, "15m")
    volume = pl.col("bid_volume") + pl.col("ask_volume") + pl.col("unknown_volume")
    rows = found.rows.with_columns(volume.alias("volume")).join(
        found.bars.select("bar_start", "poc", "vah", "val"), on="bar_start"
    )
    inside = pl.col("price").is_between("val", "vah")
    held = rows.group_by("bar_start").agg(
        share=pl.col("volume").filter(inside).sum() / pl.col("volume").sum(),
        poc_inside=pl.col("poc").is_between("val", "vah").all(),
        most=pl.col("volume").max()
        == pl.col("volume").filter(pl.col("price") == pl.col("poc")).sum(),
    )
    assert (held["share"] >= 0.7 - 1e-12).all()
    assert held["poc_inside"].all()
    assert held["most"].all()


@given(trades=trade_lists())
def test_bars_of_time_are_those_of_the_bars_table(trades):
    """Open, high, low, close, volume, trades and sides of a minute are what `bars` says."""
    ticks = frame_of(trades)
    ohlcv = bars_from_ticks(
        ticks.with_columns(
            contract=pl.lit(None, dtype=pl.String),
            bid=pl.lit(None, dtype=pl.Int64),
            ask=pl.lit(None, dtype=pl.Int64),
        ),
        timeframe=Timeframe.parse("1m"),
    )
    found = made(trades, "1m").bars.rename(
        {"ask_volume": "buy_volume", "bid_volume": "sell_volume"}
    )
    shared = ["session", "bar_start", "open", "high", "low", "close", "volume", "trades"]
    shared += ["buy_volume", "sell_volume"]
    assert found.select(shared).equals(ohlcv.select(shared))


def test_prices_spread_far_and_negative_ones_have_rows_of_their_own():
    """The table of cells grows; a negative price belongs to the bucket below it."""
    rng = np.random.default_rng(7)
    prices = np.unique(rng.integers(-(10**15), 10**15, 5_000))
    rng.shuffle(prices)
    ts = FIRST_DAY * NS_PER_DAY
    trades = [(ts + n, FIRST_DAY, int(price), 1.0, "buy") for n, price in enumerate(prices)]
    found = made(trades, "1h", bucket=7)
    assert found.rows.height == len({int(price) // 7 for price in prices})
    assert found.rows["price"].is_sorted()
    assert found.rows["price"].to_numpy() == pytest.approx(
        sorted({int(price) // 7 * 7 / 1e9 for price in prices})
    )


def test_a_session_ends_its_daily_bar_when_the_calendar_says():
    """A bar of `1d` is known at the start of the next session."""
    calendar = load_calendars()["CME_METALS"]
    session = date(2013, 10, 8)
    bounds = calendar.bounds(session)
    day = (session - date(1970, 1, 1)).days
    trades = frame_of([(bounds.open_ns, day, 1_310_000_000_000, 1.0, "buy")])
    found = build_footprint(trades, bars=BarSpec.parse("1d"), bucket=100_000_000, calendar=calendar)
    assert found.bars["bar_end"].dt.epoch("ns").item() == bounds.next_start_ns


@pytest.mark.parametrize(
    ("name", "given_parts", "word"),
    [
        pytest.param("range8", {}, "tick size", id="range_needs_a_tick"),
        pytest.param("1d", {}, "calendar", id="session_needs_a_calendar"),
        pytest.param("1m", {"bucket": 0}, "finest price step", id="bucket_of_nothing"),
    ],
)
def test_what_bars_need_is_asked_for(name, given_parts, word):
    """Each message says what is not there."""
    parts = {"bucket": TICK} | given_parts
    with pytest.raises(InputError, match=word):
        FootprintBuilder(BarSpec.parse(name), **parts)


def test_ticks_out_of_order_are_refused():
    """Within a chunk, and from one chunk to the next."""
    late, early = ([(FIRST_DAY * NS_PER_DAY + n, FIRST_DAY, TICK, 1.0, "buy")] for n in (5, 4))
    with pytest.raises(InputError, match="time order"):
        made(late + early, "1m")
    builder = FootprintBuilder(BarSpec.parse("1m"), bucket=TICK)
    builder.add(frame_of(late))
    with pytest.raises(InputError, match="time order"):
        builder.add(frame_of(early))


def test_rules_are_parameters():
    """A ratio of one and a stack of one see more than the usual rules."""
    sides = ("sell", "buy", "buy", "buy")
    trades = [
        (FIRST_DAY * NS_PER_DAY + n, FIRST_DAY, n * TICK, 2.0, side) for n, side in enumerate(sides)
    ]
    usual = made(trades, "1h").bars
    loose = build_footprint(
        frame_of(trades),
        bars=BarSpec.parse("1h"),
        bucket=TICK,
        rules=FootprintRules(imbalance_ratio=1.0, stacked_rows=1),
    ).bars
    assert (usual["imbalance_buy"].item(), usual["stacked_buy"].item()) == (2, 0)
    assert (loose["imbalance_buy"].item(), loose["stacked_buy"].item()) == (3, 1)


@given(trades=trade_lists())
def test_a_session_s_profile_is_the_sum_of_its_rows(trades):
    """By price, and for whatever bars the rows were made."""
    profile = profile_of_ticks(frame_of(trades), tick=TICK)
    for (_,), of_session in profile.group_by("session"):
        PROFILES.check(of_session)
    volume = pl.col("bid_volume") + pl.col("ask_volume") + pl.col("unknown_volume")
    summed = (
        made(trades, "1m")
        .rows.group_by("session", "price")
        .agg(volume.sum().alias("volume"))
        .sort("session", "price")
    )
    assert profile.select("session", "price").equals(summed.select("session", "price"))
    assert profile["volume"].to_numpy() == pytest.approx(summed["volume"].to_numpy(), abs=1e-9)


def test_a_profile_of_bars_puts_volume_at_typical_prices():
    """(high + low + close) / 3, to the nearest tick; bars without volume are passed over."""
    bars = pl.DataFrame(
        {
            "session": [date(2024, 1, 2)] * 3,
            "high": [10.0, 10.0, 11.0],
            "low": [9.0, 9.0, 9.0],
            "close": [9.5, 9.5, 10.0],
            "volume": [3.0, 0.0, 4.0],
        }
    )
    profile = profile_of_bars(bars, tick=TICK)
    assert profile["price"].to_list() == [9.5, 10.0]
    assert profile["volume"].to_list() == [3.0, 4.0]
