"""Halts: what status records stop and why, and which silences are no chance."""

import datetime as dt
import itertools
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.execution.halts import (
    halts_of_status,
    inferred_halts,
    span_arrays,
    within_session,
)
from quant_assets.execution.reasons import REASONS
from quant_assets.market.columns import UTC_NS
from quant_assets_tests.storage.readers.dbn_files import read_dbn, source_of

SECOND = 1_000_000_000
STOPS = ("HALT", "PAUSE", "SUSPEND", "NOT_AVAILABLE_FOR_TRADING")
WORDS = {
    "LULD_PAUSE": "halt_luld",
    "NEWS_PENDING": "halt_news",
    "NEWS_AND_RESUMPTION_TIMES": "halt_news",
    "MARKET_WIDE_HALT_LEVEL1": "halt_market_wide",
    "SEC_TRADING_SUSPENSION": "suspended",
    "SCHEDULED": "session_closed",
}
PHASES = ("PRE_OPEN", "PRE_CROSS", "CROSS", "PRE_CLOSE", "CLOSE", "POST_CLOSE")


def status(*rows: tuple[int, str, str, bool | None]) -> pl.DataFrame:
    """Return status records at whole seconds, in the order given."""
    return pl.DataFrame(
        {
            "ts": pl.Series([row[0] * SECOND for row in rows], dtype=pl.Int64).cast(UTC_NS),
            "seq": pl.Series(range(len(rows)), dtype=pl.UInt32),
            "action": pl.Series([row[1] for row in rows], dtype=pl.String),
            "reason": pl.Series([row[2] for row in rows], dtype=pl.String),
            "is_trading": pl.Series([row[3] for row in rows], dtype=pl.Boolean),
        }
    )


def spans(frame: pl.DataFrame) -> list[tuple[int, int, str]]:
    """Return spans in whole seconds."""
    return [(start // SECOND, end // SECOND, reason) for start, end, reason in frame.iter_rows()]


def word_of(action: str, reason: str) -> str:
    """Return what a record that stops trading is called."""
    if reason in WORDS:
        return WORDS[reason]
    if action == "SUSPEND":
        return "suspended"
    return "session_closed" if action in PHASES else "halt_other"


def state_at(rows: list, second: int) -> str:
    """Return what keeps a second from trading, by replaying the records until then."""
    state, was_stopped = "", False
    for at, action, reason, is_trading in rows:
        if at > second:
            break
        if action in STOPS:
            state, was_stopped = word_of(action, reason), True
        elif not state and (
            is_trading is False
            or (is_trading is None and action in ("PRE_OPEN", "PRE_CROSS", "CROSS"))
        ):
            state, was_stopped = word_of(action, reason), False
        elif is_trading is not False and (
            action == "TRADING" or (is_trading is True and not was_stopped)
        ):
            state = ""
    return state


records = st.tuples(
    st.integers(0, 40),
    st.sampled_from([*STOPS, "TRADING", "TRADING", "PRE_OPEN", "CLOSE", "QUOTING", "SSR_CHANGE"]),
    st.sampled_from([*WORDS, "NONE"]),
    st.sampled_from([True, False, None]),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(records, max_size=12), st.integers(1, 45))
def test_spans_are_the_replayed_states(rows, end):
    """Second by second, a span's reason is that of the records so far; no span has no length."""
    ordered = sorted(rows, key=lambda row: row[0])
    found = spans(halts_of_status(status(*ordered), session_end_ns=end * SECOND))
    told = [""] * end
    for start, stop, reason in found:
        assert 0 <= start < stop <= end
        told[start:stop] = [reason] * (stop - start)
    assert told == [state_at(ordered, second) for second in range(end)]
    assert all(a[1] < b[0] or a[2] != b[2] for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(5, "TRADING", "NONE", True)], [], id="the_mornings_trading_is_no_halt"),
        pytest.param(
            [(5, "PAUSE", "LULD_PAUSE", False), (7, "QUOTING", "NONE", False),
             (9, "TRADING", "NONE", True)],
            [(5, 9, "halt_luld")],
            id="quoting_resumes_nothing",
        ),
        pytest.param(
            [(5, "HALT", "NEWS_PENDING", False), (8, "HALT", "MARKET_WIDE_HALT_LEVEL1", False)],
            [(5, 8, "halt_news"), (8, 99, "halt_market_wide")],
            id="a_further_halt_has_its_own_reason_and_lasts_to_the_end",
        ),
        pytest.param(
            [(1, "PRE_OPEN", "NONE", None), (9, "TRADING", "NONE", None)],
            [(1, 9, "session_closed")],
            id="before_the_open_orders_rest_alone",
        ),
        pytest.param([(5, "SSR_CHANGE", "NONE", True)], [], id="a_short_sale_rule_halts_nothing"),
    ],
)  # fmt: skip
def test_a_record_stops_by_rule(rows, expected):
    """Cases by hand."""
    assert spans(halts_of_status(status(*rows), session_end_ns=99 * SECOND)) == expected


def test_spans_become_arrays_in_order():
    """Starts, ends and numbers of reasons; none of a market without spans."""
    frame = pl.concat(
        [
            halts_of_status(status((at, "PAUSE", "LULD_PAUSE", False)), session_end_ns=20 * SECOND)
            for at in (15, 3)
        ]
    )
    starts, ends, codes = span_arrays(frame)
    assert starts.tolist() == [3 * SECOND, 15 * SECOND]
    assert ends.tolist() == [20 * SECOND, 20 * SECOND]
    assert [REASONS[code] for code in codes] == ["halt_luld"] * 2
    assert [part.size for part in span_arrays(None)] == [0, 0, 0]


def test_around_a_session_all_is_closed():
    """Halts are cut to the session; one that lies outside is gone."""
    halts = pl.concat(
        halts_of_status(status((at, "HALT", "NEWS_PENDING", False)), session_end_ns=end * SECOND)
        for at, end in ((1, 5), (12, 15), (19, 25))
    )
    bounds = {"start_ns": 10 * SECOND, "end_ns": 20 * SECOND, "horizon_ns": 100 * SECOND}
    assert spans(within_session(halts, **bounds)) == [
        (-90, 10, "session_closed"),
        (12, 15, "halt_news"),
        (19, 20, "halt_news"),
        (20, 120, "session_closed"),
    ]
    assert within_session(None, **bounds).height == 2


def slow_silences(seconds: list[int], close: int) -> list[tuple[int, int, str]]:
    """Return silences that chance does not explain, gap by gap."""
    traded = sorted({second for second in seconds if 0 <= second < close})
    found = []
    for place, second in enumerate(traded):
        until = traded[place + 1] if place + 1 < len(traded) else close
        recent = sum(1 for one in traded if second - 1800 < one <= second)
        silence = until - second - 1
        chance = silence * math.log10(1 - recent / 1801)
        if silence >= 300 and chance < -12:
            found.append((second + 1, until, "halt_inferred"))
    return found


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(-100, 6000), max_size=60),
    st.integers(0, 3000),
    st.integers(0, 900),
    st.integers(1, 8),
)
def test_inferred_halts_are_the_slow_ones(few, start, length, step):
    """Random trades around a stretch of steady ones."""
    seconds = few + list(range(start, start + length, step))
    times = pl.Series([second * SECOND + 5 for second in seconds], dtype=pl.Int64).cast(UTC_NS)
    found = inferred_halts(times, open_ns=0, close_ns=5000 * SECOND)
    assert spans(found) == slow_silences(seconds, 5000)


@pytest.mark.shared
def test_real_days_hold_no_inferred_halt_but_those_cut_into_them(shared_data: Path):
    """Second bars of three symbols and days: none is found; six minutes taken out are."""
    folder = shared_data / "dbn" / "XNAS-20131007-A7LEANSEC1"
    rng = np.random.default_rng(11)
    for path in sorted(folder.iterdir()):
        day = dt.datetime.strptime(path.name[10:18], "%Y%m%d").replace(tzinfo=dt.UTC)
        open_ns = int(day.timestamp() * SECOND) + (13 * 60 + 30) * 60 * SECOND
        close_ns = open_ns + 390 * 60 * SECOND
        for symbol in ("SPY", "AIG", "BAC"):
            times = read_dbn(source_of(path)).frame(symbol)["bar_start"]
            assert inferred_halts(times, open_ns=open_ns, close_ns=close_ns).is_empty()
            start = open_ns + int(rng.integers(1800, 390 * 60 - 900)) * SECOND
            is_kept = ~times.cast(pl.Int64).is_between(start, start + 360 * SECOND, closed="left")
            cut = times.filter(is_kept)
            (span,) = inferred_halts(cut, open_ns=open_ns, close_ns=close_ns).iter_rows()
            assert span[0] <= start
            assert span[1] >= start + 360 * SECOND
            assert span[1] - span[0] < 600 * SECOND
