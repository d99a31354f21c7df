"""The leaderboard as one HTML page, sortable, with links to the tear sheets beside it."""

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from quant_assets.market.errors import InputError
from quant_assets.optimization.leaderboard import rank_leaderboard
from quant_assets.optimization.schema import LEADERBOARD as TABLE
from quant_assets.reports.meanings import LEADERBOARD as TITLES
from quant_assets.reports.numbers import amount, count, percent
from quant_assets.reports.templates import LEADERBOARD, render

_LINK = re.compile(r"^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./=-]*$")
_PERCENTS = frozenset({"psr", "dsr", "pbo", "quality_share"})
_HASHES = frozenset({"trial_id", "data_version", "model_version", "code_version"})
_WORDS = _HASHES | {"strategy", "is_stale"}


def build_leaderboard_page(
    board: pl.DataFrame,
    *,
    links: Mapping[str, str] | None = None,
    synthetic: bool = False,
    command: str = "quant materialize leaderboard",
) -> str:
    """Return the page as HTML, best deflated Sharpe first; the same input gives the same bytes.

    Parameters
    ----------
    board
        In the columns of LEADERBOARD.
    links
        Trial id to the path of its tear sheet, relative to the page.

    Raises
    ------
    InputError
        If a link is no plain relative path.
    """
    paths = dict(links or {})
    for path in paths.values():
        if not _LINK.fullmatch(path):
            raise InputError(
                asked=f"a link to {path[:60]!r}",
                found="not a plain path relative to the page",
                remedy="Give the tear sheet's path below the page's folder.",
            )
    ranked = rank_leaderboard(board)
    rows = [
        [_cell(name, row[name], row, paths) for name in TITLES]
        for row in ranked.iter_rows(named=True)
    ]
    return render(
        LEADERBOARD,
        title="Leaderboard",
        subtitle=f"{count(ranked.height)} trials, out of sample, best deflated Sharpe ratio first",
        synthetic=synthetic,
        columns=_columns(),
        sorted_by="dsr",
        rows=rows,
        footer=f"Made by: {command}",
    )


def _columns() -> list[dict[str, Any]]:
    """Return name, title, meaning and kind of each column."""
    told = {name: column.metadata or {} for name, column in TABLE.schema.columns().items()}
    return [
        {
            "name": name,
            "title": title,
            "meaning": told[name].get("meaning", ""),
            "text": name in _WORDS,
        }
        for name, title in TITLES.items()
    ]


def _cell(
    name: str, value: Any, row: Mapping[str, Any], links: Mapping[str, str]
) -> dict[str, str]:
    """Return a cell's text, the key it sorts by, and its link."""
    cell = {"text": _text(name, value), "key": "" if value is None else str(value)}
    cell["href"] = links.get(row["trial_id"], "") if name == "strategy" else ""
    cell["mark"] = "text" if name in _WORDS else ""
    if name == "is_stale" and value:
        cell["mark"] = "stale"
    cell["hint"] = str(value) if name in _HASHES and value is not None else ""
    if isinstance(value, bool):
        cell["key"] = str(int(value))
    return cell


def _text(name: str, value: Any) -> str:
    """Return a value in its unit."""
    if value is None:
        return "-"
    if name in _PERCENTS:
        return percent(value, 1)
    if name in _HASHES:
        return str(value)[:10]
    if name == "is_stale":
        return "stale" if value else "fresh"
    if isinstance(value, int):
        return count(value)
    return amount(value, 2) if isinstance(value, float) else str(value)
