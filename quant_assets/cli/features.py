"""`quant features` and `quant check-leaks`: what features there are, and what they know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from quant_assets.workflows.leak_check import LeakReport

_WIDTH = 200
"""Columns of a page or pipe, which has no width of its own."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]


def features(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    json: Json = False,
) -> None:
    """List the features there are, with what the lake holds of them and how far they have moved."""
    from quant_assets.workflows.feature_catalog import feature_catalog
    from quant_assets.workflows.workspace import Workspace

    frame = feature_catalog(Workspace.open(), symbol=symbol)
    rows = frame.to_dicts()
    if json:
        _print_json(rows)
        return
    _print_table(_LISTED, [_shown(row) for row in rows], numbers=_LISTED_NUMBERS)
    periods = dict.fromkeys((row["symbol"], row["training_period"]) for row in rows)
    for name, period in periods:
        if name:
            typer.echo(f"{name}: training period {period}", err=True)
    made = frame.filter(frame["sessions_with_values"] > 0)["name"].n_unique()
    closing = f"{made} with values" if made else "nothing made yet: quant materialize features"
    typer.echo(f"{_counted(frame['name'].n_unique())}, {closing}")


_LISTED = {
    "name": "feature",
    "symbol": "symbol",
    "timeframe": "bars",
    "family": "family",
    "unit": "unit",
    "parameters": "parameters",
    "version": "version",
    "look_back_bars": "look-back bars",
    "coverage": "coverage %",
    "first_session": "first",
    "last_session": "last",
    "null_share": "null %",
    "drift": "drift",
}
_LISTED_NUMBERS = ("version", "look_back_bars", "coverage", "null_share", "drift")


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the catalogue as a reader wants it."""
    shares = {
        name: None if row[name] is None else f"{100 * row[name]:.1f}"
        for name in ("coverage", "null_share")
    }
    drift = None if row["drift"] is None else f"{row['drift']:.3f}"
    return {**row, **shares, "drift": drift}


def check_leaks(
    file: Annotated[
        Path | None,
        typer.Argument(help="Python file with features; default the whole catalogue."),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Judge on this symbol's newest bars of the lake too.")
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="Bar length; default 5m, or the symbol's.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bars and of the cuts.")] = 0,
    json: Json = False,
) -> None:
    """Change or remove all rows after a cut, at 200 cuts and more: no value before may change."""
    from quant_assets.workflows.leak_check import check_leaks as check
    from quant_assets.workflows.workspace import Workspace

    report = check(Workspace.open(), file, symbol=symbol, timeframe=timeframe, seed=seed)
    rows = [one.to_json() for one in report.verdicts]
    if json:
        _print_json(rows)
    else:
        _print_report(report, rows)
    if not report.is_clean:
        raise typer.Exit(1)


_REPORTED = {
    "feature": "feature",
    "status": "state",
    "cut": "rows changed after",
    "change": "how",
    "time": "value that changed",
    "bars": "on",
    "message": "why",
}


def _print_report(report: "LeakReport", rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what is not clean, and how many features were judged on which bars."""
    found = [row for row in rows if row["status"] != "clean"]
    if found:
        has_message = any(row["message"] for row in found)
        columns = {k: v for k, v in _REPORTED.items() if k != "message" or has_message}
        _print_table(columns, found, numbers=())
    least = min(row["cuts"] for row in rows)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(report.counts.items()))
    typer.echo(f"{_counted(len(rows))}, {least} cuts of each at least: {counts}")
    typer.echo(f"Judged on {', '.join(report.markets)}.", err=True)


def _counted(features: int) -> str:
    """Return how many features there are."""
    return f"{features} feature{'s' * (features != 1)}"


def _print_json(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print one JSON object a line."""
    from json import dumps

    for row in rows:
        typer.echo(dumps(row, default=str))


def _print_table(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], *, numbers: Sequence[str]
) -> None:
    """Print rows under their titles, numbers to the right."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    table = Table(box=None, pad_edge=False)
    for name, title in columns.items():
        table.add_column(title, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*("-" if row[name] in (None, "") else str(row[name]) for name in columns))
    console.print(table)
