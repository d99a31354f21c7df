"""Longer bars: equal to their definition, and to the files that vendors' bars were regrouped to."""

import math
from collections import defaultdict
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.bars.build import bars_from_ticks
from quant_assets.bars.landed import bars_from_landed
from quant_assets.bars.resample import resample_bars
from quant_assets.bars.schema import BARS
from quant_assets.market.errors import InputError, TimeframeError
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND, Timeframe
from quant_assets.ticks.schema import RAW_BARS
from quant_assets_tests.ticks.rows import clean

DAY = date(2024, 1, 3)
DAY_NS = (DAY - date(1970, 1, 1)).days * NS_PER_DAY
COUNTED = ("volume", "trades", "buy_volume", "sell_volume")

PRICES = st.sampled_from([99.0, 100.0, 100.5, 101.25])


@st.composite
def minute_bars(draw):
    """Draw minute bars of two sessions, with gaps and nulls; the second starts at 17:00."""
    # Half of the bars stand about the change of session, which lies inside a 4h bucket.
    place = st.one_of(st.integers(0, 2800), st.integers(16 * 60, 18 * 60))
    places = sorted(draw(st.sets(place, max_size=25)))
    rows = []
    for place in places:
        first, last, one, two = (draw(PRICES) for _ in range(4))
        volume = draw(st.sampled_from([0.0, 1.0, 2.5, 0.1]))
        has_trades = draw(st.booleans())
        is_next = place >= 17 * 60
        rows.append(
            {
                "session": date(2024, 1, 4) if is_next else DAY,
                "bar_start": DAY_NS + place * NS_PER_MINUTE,
                "contract": "ESH24",
                "open": first,
                "high": max(first, last, one, two),
                "low": min(first, last, one, two),
                "close": last,
                "volume": volume,
                "trades": 3 if has_trades else None,
                "buy_volume": volume / 2 if has_trades else None,
                "sell_volume": volume / 4 if has_trades else None,
                "vwap": (first + last) / 2 if has_trades and volume else None,
                "bid_close": draw(st.sampled_from([None, 98.5])),
                "ask_close": draw(st.sampled_from([None, 101.5])),
            }
        )
    return frame_of(rows)


def frame_of(rows: list[dict]) -> pl.DataFrame:
    """Return rows, whose starts are ns, as table `bars`."""
    schema = BARS.empty().schema
    frame = pl.DataFrame(rows, schema=dict(schema) | {"bar_start": pl.Int64})
    return BARS.check(frame.cast({"bar_start": schema["bar_start"]}))


def oracle(bars: pl.DataFrame, timeframe: Timeframe) -> list[dict]:
    """Return longer bars row by row, from their definition."""
    groups = defaultdict(list)
    for row in bars.with_columns(pl.col("bar_start").dt.epoch("ns")).iter_rows(named=True):
        midnight = (row["session"] - date(1970, 1, 1)).days * NS_PER_DAY
        start = row["bar_start"] - row["bar_start"] % timeframe.ns
        groups[row["session"], midnight if timeframe.is_daily else start].append(row)
    longer = []
    for (session, start), rows in sorted(groups.items()):
        bar = {"session": session, "bar_start": start, "contract": rows[0]["contract"]}
        bar |= {"open": rows[0]["open"], "close": rows[-1]["close"]}
        bar |= {"high": max(r["high"] for r in rows), "low": min(r["low"] for r in rows)}
        for name in COUNTED:
            total = 0.0
            for row in rows:
                total = None if total is None or row[name] is None else total + row[name]
            bar[name] = total
        weighted = [0.0 if r["volume"] == 0 else r["vwap"] for r in rows]
        bar["vwap"] = None
        if None not in weighted and bar["volume"]:
            turnover = 0.0
            for average, row in zip(weighted, rows, strict=True):
                turnover += average * row["volume"]
            bar["vwap"] = min(max(turnover / bar["volume"], bar["low"]), bar["high"])
        bar |= {name: rows[-1][name] for name in ("bid_close", "ask_close")}
        longer.append(bar)
    return longer


@settings(max_examples=150, deadline=None)
@given(minute_bars(), st.sampled_from(["1m", "5m", "15m", "1h", "4h", "1d"]))
def test_longer_bars_are_their_definition(bars, name):
    """Every column to the bit; sessions are never mixed, also inside a 4h bucket."""
    timeframe = Timeframe.parse(name)
    found = resample_bars(bars, timeframe=timeframe, source=Timeframe.parse("1m"))
    plain = found.with_columns(pl.col("bar_start").dt.epoch("ns"))
    expected = oracle(bars, timeframe)
    order = ["session", "bar_start", *found.columns[2:]]
    # A 4h bucket that two sessions share has a bar of each: the table orders them by start alone.
    by_time = sorted(expected, key=lambda bar: (bar["bar_start"], bar["session"]))
    found_rows = plain.select(order).sort("bar_start", "session").to_dicts()
    assert found_rows == by_time


def test_two_sessions_in_one_bucket_have_a_bar_each():
    """A futures session starts at 22:00 or 23:00 UTC, inside a 4h bucket."""
    evening = DAY_NS + 20 * 60 * NS_PER_MINUTE
    rows = [
        {"session": DAY, "ts": evening - DAY_NS, "price": 100.0},
        {"session": date(2024, 1, 4), "ts": evening - DAY_NS + 130 * NS_PER_MINUTE, "price": 101.0},
    ]
    ticks = clean(*rows)
    four_hours = Timeframe.parse("4h")
    direct = bars_from_ticks(ticks, timeframe=four_hours)
    fine = bars_from_ticks(ticks, timeframe=Timeframe.parse("1m"))
    assert direct.select("session", "close").rows() == [(DAY, 100.0), (date(2024, 1, 4), 101.0)]
    assert direct["bar_start"].dt.epoch("ns").to_list() == [evening, evening]
    assert resample_bars(fine, timeframe=four_hours).equals(direct)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 86_399), PRICES, st.sampled_from([0.5, 1.0, 2.0, 4.0])),
        max_size=40,
    ).map(sorted),
    st.sampled_from(["5m", "15m", "1h", "1d"]),
)
def test_bars_of_bars_are_bars_of_ticks(trades, name):
    """Two ways to one bar, in all that dyadic quantities keep exact."""
    rows = [{"ts": s * NS_PER_SECOND, "price": p, "qty": q, "side": "buy"} for s, p, q in trades]
    ticks, timeframe = clean(*rows), Timeframe.parse(name)
    fine = bars_from_ticks(ticks, timeframe=Timeframe.parse("1m"))
    longer = resample_bars(fine, timeframe=timeframe)
    direct = bars_from_ticks(ticks, timeframe=timeframe)
    assert longer.drop("vwap").equals(direct.drop("vwap"))
    assert longer["vwap"].to_list() == pytest.approx(direct["vwap"].to_list(), rel=1e-12)


def test_an_average_of_equal_averages_is_that_average():
    """Rounding never moves it out of the bar."""
    quantities = (0.1, 0.7, 0.1, 2.5, 0.7, 0.1)
    rows = [
        {"ts": minute * NS_PER_MINUTE, "price": 100.1, "qty": qty}
        for minute, qty in enumerate(quantities)
    ]
    # Without the bound it is another number: the case is worth its test.
    assert sum(100.1 * qty for qty in quantities) / sum(quantities) != 100.1
    fine = bars_from_ticks(clean(*rows), timeframe=Timeframe.parse("1m"))
    assert resample_bars(fine, timeframe=Timeframe.parse("1h"))["vwap"].to_list() == [100.1]


def test_bars_out_of_order_are_refused():
    """First and last would be anybody's."""
    bars = bars_from_ticks(clean({}, {"ts": NS_PER_MINUTE}), timeframe=Timeframe.parse("1m"))
    with pytest.raises(InputError, match="time order"):
        resample_bars(bars.reverse(), timeframe=Timeframe.parse("5m"))


@pytest.mark.parametrize(
    ("timeframe", "source"), [("7m", "1m"), ("10m", "15m"), ("20m", "15m"), ("1m", "5m")]
)
def test_lengths_that_do_not_fit_are_refused(timeframe, source):
    """Into each other, or into a day."""
    bars = bars_from_ticks(clean({}), timeframe=Timeframe.parse(source))
    with pytest.raises(TimeframeError, match=timeframe):
        resample_bars(bars, timeframe=Timeframe.parse(timeframe), source=Timeframe.parse(source))


def test_no_bars_are_no_bars():
    """Typed as the table."""
    assert resample_bars(BARS.empty(), timeframe=Timeframe.parse("1h")).equals(BARS.empty())


def test_landed_bars_keep_their_values():
    """A vendor's bar hides its trades; its quote is the bar's last."""
    row = {
        "session": DAY,
        "bar_start": DAY_NS,
        "open": 2.0,
        "high": 3.0,
        "low": 1.0,
        "close": 2.5,
        "volume": 7.0,
        "bid": 2.4,
        "ask": None,
    }
    schema = RAW_BARS.empty().schema
    raw = pl.DataFrame([row], schema=dict(schema) | {"bar_start": pl.Int64})
    raw = raw.cast({"bar_start": schema["bar_start"]})
    for contract in ("ESZ13", None):
        found = bars_from_landed(raw, contract=contract).row(0, named=True)
        assert {name: found[name] for name in row if name not in {"bar_start", "bid", "ask"}} == {
            name: row[name] for name in row if name not in {"bar_start", "bid", "ask"}
        }
        assert found["contract"] == contract
        assert (found["bid_close"], found["ask_close"]) == (2.4, None)
        assert [found[n] for n in ("trades", "buy_volume", "sell_volume", "vwap")] == [None] * 4


def read_mt4(path: Path) -> pl.DataFrame:
    """Read an MT4 file as table `bars`; its session is the UTC date, as for pairs."""
    names = ["day", "minute", "open", "high", "low", "close", "volume"]
    types = dict.fromkeys(names[:2], pl.String) | dict.fromkeys(names[2:], pl.Float64)
    rows = pl.read_csv(path, has_header=False, schema=types)
    stamp = pl.concat_str("day", "minute", separator=" ").str.to_datetime(
        "%Y.%m.%d %H:%M", time_unit="ns", time_zone="UTC"
    )
    raw = rows.select(
        session=stamp.dt.date(),
        bar_start=stamp,
        **{name: pl.col(name) for name in names[2:]},
        bid=pl.lit(None, dtype=pl.Float64),
        ask=pl.lit(None, dtype=pl.Float64),
    )
    return bars_from_landed(raw, contract=None)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("symbol", "fine", "coarse"),
    [
        ("GBPUSD", 1, 5),
        ("GBPUSD", 1, 15),
        ("GBPUSD", 1, 60),
        ("EURUSD", 1, 5),
        ("EURUSD", 1, 15),
        ("EURUSD", 1, 60),
        ("BTCUSD", 1, 15),
        ("BTCUSD", 1, 60),
        ("XRPETH", 1, 5),
        ("XAUUSD", 5, 30),
    ],
)
def test_real_bars_regroup_to_the_shipped_files(shared_data, symbol, fine, coarse):
    """Every bar's prices and volume, and no bar more or less."""
    folder = shared_data / "ohlcv"
    bars = read_mt4(folder / f"{symbol}{fine}.csv")
    expected = read_mt4(folder / f"{symbol}{coarse}.csv")
    found = resample_bars(
        bars, timeframe=Timeframe.from_minutes(coarse), source=Timeframe.from_minutes(fine)
    )
    prices = ["bar_start", "open", "high", "low", "close"]
    assert found.select(prices).equals(expected.select(prices))
    assert found["volume"].to_list() == expected["volume"].to_list()
    assert math.isclose(math.fsum(found["volume"]), math.fsum(bars["volume"]), rel_tol=1e-12)
