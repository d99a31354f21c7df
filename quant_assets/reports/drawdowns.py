"""Drawdowns one by one: from a highest equity to the mark at which it is reached again."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.reports.numbers import instant, percent
from quant_assets.reports.sections import TEXT, Column, Section, TextTable

N_SHOWN = 10
_COLUMNS = (
    Column("start (UTC)", TEXT, "mark of the highest equity before the fall"),
    Column("trough (UTC)", TEXT, "mark of the lowest equity"),
    Column("end (UTC)", TEXT, "first mark at the highest equity again"),
    Column("depth", "", "fall from the highest equity to the trough"),
    Column("days", "", "calendar days from start to end, or to the last mark"),
    Column("sessions", "", "sessions with a mark below the highest equity"),
)

_SCHEMA = pl.Schema(
    {"start": UTC_NS, "trough": UTC_NS, "end": UTC_NS}
    | {"depth": pl.Float64(), "days": pl.Float64(), "sessions": pl.Int64()}
)


def find_drawdowns(equity: pl.DataFrame) -> pl.DataFrame:
    """Return each drawdown, the deepest first, of equal ones the earlier.

    Parameters
    ----------
    equity
        Columns session, ts, equity and drawdown of EQUITY, in time order.

    Returns
    -------
    DataFrame
        Columns start, trough, end (null where it lasts on), depth (ratio, below 0), days
        (calendar days from start to end, or to the last mark) and sessions (those with a mark
        below the highest equity). The account stood at its capital before the first mark, so a
        fall that the first mark already shows starts there.
    """
    below = equity["drawdown"].to_numpy() < 0.0
    edges = np.diff(np.concatenate(([0], below.astype(np.int8), [0])))
    firsts, nexts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    rows = [_drawdown(equity, int(a), int(b)) for a, b in zip(firsts, nexts, strict=True)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort("depth", "start")


def _drawdown(equity: pl.DataFrame, first: int, after: int) -> tuple[object, ...]:
    """Return one drawdown, whose marks are rows first to after - 1."""
    own = equity[first:after]
    ts = equity["ts"]
    start = ts[max(first - 1, 0)]
    is_over = after < equity.height
    end = ts[after] if is_over else None
    last = end if is_over else ts[-1]
    trough = own["ts"][own["drawdown"].arg_min()]  # type: ignore[index]
    days = (last - start).total_seconds() / 86_400.0
    return start, trough, end, own["drawdown"].min(), days, own["session"].n_unique()


def drawdown_section(equity: pl.DataFrame) -> Section:
    """Return the deepest drawdowns as a table."""
    found = find_drawdowns(equity)
    rows = [_cells(row) for row in found.head(N_SHOWN).iter_rows()]
    title = f"Deepest drawdowns: {len(rows)} of {found.height:,}"
    if not rows:
        return Section(title, note="The equity never fell below a mark before.")
    return Section(title, table=TextTable("drawdowns", _COLUMNS, rows))


def _cells(row: Sequence[object]) -> list[str]:
    """Return one drawdown as text."""
    start, trough, end, depth, days, sessions = row
    return [
        instant(start),  # type: ignore[arg-type]
        instant(trough),  # type: ignore[arg-type]
        "lasts on" if end is None else instant(end),  # type: ignore[arg-type]
        percent(depth),  # type: ignore[arg-type]
        f"{days:,.2f}",
        str(sessions),
    ]
