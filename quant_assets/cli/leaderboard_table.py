"""The leaderboard on a terminal: units in headers, numbers to the right, a closing line."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

WIDTH = 200
"""Columns of a page or pipe, which has no width of its own."""

ALWAYS: Mapping[str, str] = {
    "strategy": "strategy",
    "sharpe": "Sharpe",
    "psr": "PSR",
    "dsr": "deflated",
    "n_trials": "trials",
    "min_track": "sessions needed",
    "n_sessions": "sessions",
    "n_trades": "trades",
    "net": "net",
    "max_drawdown": "drawdown %",
    "realism": "realism",
}

WHERE_TOLD: Mapping[str, str] = {
    "sharpe_ideal": "ideal",
    "sharpe_spread": "spread",
    "sharpe_latency": "latency",
    "sharpe_full": "full",
    "pbo": "PBO",
    "sweep": "sweep",
}
"""Columns that are left out where no trial has a value; the levels are Sharpe ratios."""

AT_LAST: Mapping[str, str] = {
    "quality_share": "sound data %",
    "is_stale": "state",
    "trial_id": "trial",
}

LEAST_NEEDED = (
    "quality_share", "n_sessions", "sharpe_latency", "sharpe_spread", "min_track", "max_drawdown",
    "sharpe_ideal", "sharpe_full", "psr", "n_trades", "net", "pbo", "n_trials", "realism", "sweep",
    "is_stale",
)  # fmt: skip
"""Columns in the order in which a narrow terminal goes without them."""

_GAP = 2

_TEXTS = frozenset({"strategy", "realism", "sweep", "is_stale", "trial_id"})

_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "is_stale": lambda value: "stale" if value else "fresh",
    "trial_id": lambda value: str(value)[:10],
    "quality_share": lambda value: f"{100 * value:.0f}",
    "max_drawdown": lambda value: f"{100 * value:.1f}",
    "min_track": lambda value: f"{value:,.0f}",
    "net": lambda value: f"{value:,.0f}",
}
"""How columns are written that are not written by their type."""


def console_of() -> "Console":
    """Return the console of stdout; a page or pipe is wide enough for a table."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def print_leaderboard(frame: "pl.DataFrame", *, n_found: int | None = None) -> None:
    """Print the ranked trials to stdout.

    Parameters
    ----------
    n_found
        How many trials there are, where not all of them are shown.
    """
    from rich.table import Table

    console = console_of()
    columns = shown_columns(frame)
    left_out = left_out_for_width(frame, columns, width=console.width)
    table = Table(box=None, pad_edge=False)
    shown = {name: title for name, title in columns.items() if name not in left_out}
    for name, title in shown.items():
        table.add_column(title, justify="left" if name in _TEXTS else "right", no_wrap=True)
    for row in frame.iter_rows(named=True):
        table.add_row(*(_cell(name, row[name]) for name in shown))
    console.print(table)
    if left_out:
        titles = ", ".join(columns[name] for name in columns if name in left_out)
        console.print(f"left out for the width: {titles}; --json tells all")
    for note in sorted(set(frame["pbo_note"].drop_nulls())):
        console.print(f"no PBO: {note}")
    console.print(_closing(frame, n_found))


def shown_columns(frame: "pl.DataFrame") -> dict[str, str]:
    """Return the columns that a table of some trials has, with their titles."""
    told = {
        name: title for name, title in WHERE_TOLD.items() if frame[name].null_count() < frame.height
    }
    return {**ALWAYS, **told, **AT_LAST}


def left_out_for_width(
    frame: "pl.DataFrame", columns: Mapping[str, str], *, width: int
) -> frozenset[str]:
    """Return the columns that a table of some width has no room for, the least needed first.

    Names of strategies and trials are never cut: they are what other commands ask for.
    """
    wide = {
        name: max(len(title), *(len(_cell(name, value)) for value in frame[name]), 0)
        for name, title in columns.items()
    }
    out: set[str] = set()
    for name in (one for one in LEAST_NEEDED if one in wide):
        if sum(wide[n] + _GAP for n in wide if n not in out) - _GAP <= width:
            break
        out.add(name)
    return frozenset(out)


def _closing(frame: "pl.DataFrame", n_found: int | None) -> str:
    """Return the last line: how many trials there are, and how many of them are stale."""
    stale = int(frame["is_stale"].sum())
    n_all = n_found or frame.height
    of_all = f" of {n_all:,}" if n_all > frame.height else ""
    noun = "trial" if n_all == 1 else "trials"
    return f"{frame.height:,}{of_all} {noun}, {stale:,} of them stale"


def _cell(name: str, value: Any) -> str:
    """Write one value."""
    if value is None:
        return "-"
    if name in _WRITTEN:
        return _WRITTEN[name](value)
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
