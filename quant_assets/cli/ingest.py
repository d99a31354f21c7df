"""`quant ingest`: lands files, says what became of each."""

import json as json_text
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from quant_assets.workflows.ingest import IngestProgress
    from quant_assets.workflows.landing.report import FileReport, Reason

_STYLES = {"accept": "green", "warn": "yellow", "quarantine": "yellow", "reject": "red"}


def ingest(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files, and folders that are walked through.", metavar="PATH..."),
    ],
    symbol: Annotated[
        str | None, typer.Option(help="Symbol of the files, in place of their names'.")
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(
            "--tz", help="Zone of stamps without one; default UTC for CSV, Asia/Kolkata for SQLite."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a file on stdout.")] = False,
) -> None:
    """Land market files in the lake; each ends as accept, warn, quarantine or reject."""
    from quant_assets.market.errors import InputError
    from quant_assets.workflows.ingest import ingest_files
    from quant_assets.workflows.workspace import Workspace

    with _progress(shown=not json) as progress:
        try:
            workspace = Workspace.open()
            found = ingest_files(workspace, paths, symbol=symbol, zone=tz, progress=progress)
        except InputError as error:
            typer.echo(f"{type(error).__name__}: {error}", err=True)
            raise typer.Exit(2) from error
        reports = list(_told(found, json=json))
    if not json:
        _print(reports)
    if any(report.status == "reject" for report in reports):
        raise typer.Exit(1)


def _told(found: "Iterator[FileReport]", *, json: bool) -> "Iterator[FileReport]":
    """Pass reports on; as JSON each is printed as soon as its file is done."""
    for report in found:
        if json:
            typer.echo(json_text.dumps(report.to_json()))
        yield report


@contextmanager
def _progress(*, shown: bool) -> "Iterator[IngestProgress]":
    """Show the file at hand and how much of it is read, on stderr; only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from quant_assets.workflows.ingest import IngestStep

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    hidden = not (shown and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("looking for files", total=None)

        def tell(step: IngestStep) -> None:
            name = f"{step.place} of {step.total}  {printable(step.file.name)}"
            share = step.bytes_read / step.size if step.size else 0.0
            done = step.place - 1 + share
            bar.update(task, description=name, completed=done, total=step.total)

        yield tell


def _print(reports: "list[FileReport]") -> None:
    """Print a row a file, then the reasons with what to do, then the count."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_width(reports))
    if reports:
        console.print(_table(reports))
    for report in reports:
        if report.reasons:
            console.print(printable(report.file), markup=False, style="bold", soft_wrap=True)
        for reason in report.reasons:
            console.print(_reason_line(reason), markup=False, soft_wrap=True)
    console.print(_closing_line(reports), markup=False)


def _width(reports: "list[FileReport]") -> int:
    """Return a width in which no cell is cut, for a file or a pipe."""
    return max([80, *(len(report.file) + 80 for report in reports)])


def _table(reports: "list[FileReport]") -> "Table":
    """Return a row a file: status and counts."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("status")
    for name in ("rows", "committed", "set aside", "duplicates"):
        table.add_column(name, justify="right")
    for report in reports:
        counts = (report.rows_in, report.committed, report.quarantined, report.duplicates)
        table.add_row(
            Text(printable(report.file)),
            Text(report.status.value, style=_STYLES[report.status]),
            *(f"{count:,}" for count in counts),
        )
    return table


def _reason_line(reason: "Reason") -> str:
    """Return rule, number, place and what to do, on one line."""
    from quant_assets.workflows.landing.advice import advice_on

    remedy = reason.remedy or advice_on(reason.rule)
    where = f": {printable(reason.where)}" if reason.where else ""
    return f"  {reason.rule} ({reason.count:,}){where}. {remedy}"


def _closing_line(reports: "list[FileReport]") -> str:
    """Return how many files ended in which way."""
    counts = Counter(report.status.value for report in reports)
    ends = ", ".join(f"{counts[status]} {status}" for status in _STYLES if counts[status])
    rows = sum(report.committed for report in reports)
    files = "1 file" if len(reports) == 1 else f"{len(reports):,} files"
    return f"{files}: {ends}; {rows:,} rows committed" if reports else "No file was found."


def printable(text: str) -> str:
    """Return a text without characters that could steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
