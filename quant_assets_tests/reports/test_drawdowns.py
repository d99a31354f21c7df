"""Drawdowns: against a plain walk over the marks."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.columns import UTC_NS
from quant_assets.reports.drawdowns import N_SHOWN, drawdown_section, find_drawdowns

START = datetime(2024, 3, 4, 15, tzinfo=UTC)


def account(levels: list[float], capital: float = 100.0) -> pl.DataFrame:
    """Return an account with a mark every six hours."""
    stamps = [START + timedelta(hours=6 * n) for n in range(len(levels))]
    peak, depths = capital, []
    for level in levels:
        peak = max(peak, level)
        depths.append(level / peak - 1.0)
    return pl.DataFrame(
        {
            "session": [stamp.date() for stamp in stamps],
            "ts": pl.Series(stamps, dtype=UTC_NS),
            "equity": pl.Series(levels, dtype=pl.Float64),
            "drawdown": pl.Series(depths, dtype=pl.Float64),
        }
    )


def slowly(frame: pl.DataFrame) -> list[tuple]:
    """Walk over the marks: a fall begins below the peak, and ends at it or at the last mark."""
    found, fall, before = [], None, None
    for session, ts, _, depth in frame.iter_rows():
        if depth < 0.0:
            fall = fall or {"start": before or ts, "trough": ts, "depth": depth, "days": set()}
            if depth < fall["depth"]:
                fall["trough"], fall["depth"] = ts, depth
            fall["days"].add(session)
        elif fall:
            found.append(fall | {"end": ts})
            fall = None
        before = ts
    if fall:
        found.append(fall | {"end": None})
    rows = [
        (
            f["start"], f["trough"], f["end"], f["depth"],
            ((f["end"] or before) - f["start"]).total_seconds() / 86_400.0, len(f["days"]),
        )
        for f in found
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row[3], row[0]))


@given(st.lists(st.integers(60, 140).map(float), max_size=40))
def test_drawdowns_equal_a_slow_walk(levels):
    """Start, trough, end, depth, days and sessions of each, the deepest first."""
    frame = account(levels)
    assert find_drawdowns(frame).rows() == slowly(frame)


def test_the_deepest_ten_are_shown_and_one_may_last_on():
    """The table says how many there are, and which has no end yet."""
    levels = [value for n in range(14) for value in (200.0, 199.0 - n)]
    section = drawdown_section(account(levels))
    assert section.title == f"Deepest drawdowns: {N_SHOWN} of 14"
    assert len(section.table.rows) == N_SHOWN
    assert section.table.rows[0][2] == "lasts on"
    assert section.table.rows[0][3] == "-7.00 %"


@pytest.mark.parametrize("levels", [[], [100.0, 101.0, 101.0]])
def test_an_account_that_never_fell_says_so(levels):
    """No row, no error."""
    assert "never fell" in drawdown_section(account(levels)).note
