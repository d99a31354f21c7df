"""The leaderboard as one HTML page, sortable, with links to the tear sheets beside it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from quant_assets.market.errors import InputError
from quant_assets.optimization.leaderboard import rank_leaderboard
from quant_assets.optimization.schema import LEADERBOARD as TABLE
from quant_assets.reports.meanings import LEADERBOARD as TITLES
from quant_assets.reports.numbers import amount, count, percent
from quant_assets.reports.page import render
from quant_assets.reports.strip import Mark, scatter_of
from quant_assets.reports.templates import LEADERBOARD

MOST_ROWS = 2000
MOST_MARKS = 1000
_LINK = re.compile(r"^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./=-]*$")
_HASHES = frozenset({"trial_id", "data_version", "model_version", "code_version", "trade_hash"})
_HASH_DIGITS = 10
_WHOLE_UNITS = frozenset({"sessions", "trials", "trades"})


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
        In the columns of LEADERBOARD; each of them is a column of the page. Of more than 2,000
        trials the best are listed, and the page says so.
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
    shown = ranked.head(MOST_ROWS)
    columns = _columns()
    return render(
        LEADERBOARD,
        title="Leaderboard",
        subtitle=_subtitle(ranked.height),
        synthetic=synthetic,
        columns=columns,
        sorted_by="dsr",
        rows=[_row(row, columns, paths) for row in shown.iter_rows(named=True)],
        figure=_figure(ranked, paths),
        footer=f"Made by: {command}",
    )


def _subtitle(n_trials: int) -> str:
    """Say how many trials there are, and how many of them are listed."""
    cut = f", the best {count(MOST_ROWS)} are listed" if n_trials > MOST_ROWS else ""
    return f"{count(n_trials)} trials, out of sample, best deflated Sharpe ratio first{cut}"


def _columns() -> list[dict[str, Any]]:
    """Return name, title, meaning and kind of each column; those without a title come last."""
    known = TABLE.schema.columns()
    names = [name for name in TITLES if name in known]
    names += [name for name in known if name not in TITLES]
    types = TABLE.empty().schema
    return [
        {
            "name": name,
            "title": TITLES.get(name, name.replace("_", " ")),
            "meaning": (known[name].metadata or {}).get("meaning", ""),
            "unit": (known[name].metadata or {}).get("unit", ""),
            "text": not types[name].is_numeric(),
        }
        for name in names
    ]


def _row(
    row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], links: Mapping[str, str]
) -> dict[str, Any]:
    """Return a row's cells, whether it is stale, and whose it is."""
    link = links.get(row["trial_id"], "")
    return {
        "trial": row["trial_id"],
        "old": row["is_stale"],
        "cells": [
            _cell(column, row[column["name"]], link if column["name"] == "strategy" else "")
            for column in columns
        ],
    }


def _cell(column: Mapping[str, Any], value: Any, link: str) -> dict[str, str]:
    """Return a cell's text, the key it sorts by, its link, its look and its hint."""
    name = column["name"]
    key = "" if value is None else str(int(value) if isinstance(value, bool) else value)
    is_hash = name in _HASHES and value is not None
    return {
        "text": _text(name, column["unit"], value),
        "key": key,
        "href": link,
        "mark": "stale" if name == "is_stale" and value else "text" * column["text"],
        "hint": str(value) if is_hash else "",
    }


def _text(name: str, unit: str, value: Any) -> str:
    """Return a value in its unit."""
    if value is None:
        return "-"
    if name == "is_stale":
        return "stale" if value else "fresh"
    if name in _HASHES:
        return str(value)[:_HASH_DIGITS]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _figure_text(unit, value) if isinstance(value, int | float) else str(value)


def _figure_text(unit: str, value: float) -> str:
    """Return a figure in its unit."""
    if unit in {"0 to 1", "ratio"}:
        return percent(value, 1)
    return count(value) if isinstance(value, int) or unit in _WHOLE_UNITS else amount(value, 2)


def _figure(ranked: pl.DataFrame, links: Mapping[str, str]) -> dict[str, Any]:
    """Return Sharpe against deflated Sharpe, a mark each trial that has both."""
    known = ranked.drop_nulls(["sharpe", "dsr"]).head(MOST_MARKS)
    marks = [
        Mark(
            x=row["sharpe"],
            y=row["dsr"],
            trial=row["trial_id"],
            hint=(
                f"{row['strategy']}: Sharpe {row['sharpe']:.2f}, deflated {percent(row['dsr'], 1)}"
                f"{', stale' if row['is_stale'] else ''}"
            ),
            href=links.get(row["trial_id"], ""),
            hollow=row["is_stale"],
        )
        for row in known.iter_rows(named=True)
    ]
    which = f"the best {count(len(marks))}" if len(marks) == MOST_MARKS else "each trial"
    return scatter_of(
        marks,
        x="Sharpe ratio, a year",
        y="deflated Sharpe ratio",
        bar=0.95,
        note=(
            f"A mark for {which}; hollow ones are stale. Above the dashed line, at 95 %, a Sharpe "
            "ratio is hardly the best of so many trials by luck."
        ),
    )
