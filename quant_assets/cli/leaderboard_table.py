"""The leaderboard on a terminal: units in headers, numbers to the right, a closing line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

WIDTH = 120
"""Columns of a page or pipe, which has no width of its own."""

COLUMNS: Mapping[str, str] = {
    "strategy": "strategy",
    "sharpe": "Sharpe",
    "psr": "PSR",
    "dsr": "deflated",
    "min_track": "sessions needed",
    "n_trials": "trials",
    "quality_share": "sound data %",
    "is_stale": "state",
    "trial_id": "trial",
}


def console_of() -> "Console":
    """Return the console of stdout; a page or pipe is wide enough for a table."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def print_leaderboard(frame: "pl.DataFrame") -> None:
    """Print the ranked trials to stdout."""
    from rich.table import Table

    console = console_of()
    table = Table(box=None, pad_edge=False)
    for name, title in COLUMNS.items():
        left = name in {"strategy", "is_stale", "trial_id"}
        table.add_column(title, justify="left" if left else "right")
    for row in frame.iter_rows(named=True):
        table.add_row(*(_cell(name, row[name]) for name in COLUMNS))
    console.print(table)
    stale = int(frame["is_stale"].sum())
    noun = "trial" if frame.height == 1 else "trials"
    console.print(f"{frame.height} {noun}, {stale} of them stale")


def _cell(name: str, value: Any) -> str:
    """Write one value."""
    if value is None:
        return "-"
    if name == "is_stale":
        return "stale" if value else "fresh"
    if name == "trial_id":
        return str(value)[:10]
    if name == "quality_share":
        return f"{100 * value:.0f}"
    if name == "min_track":
        return f"{value:,.0f}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
