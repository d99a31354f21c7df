"""Commands that show or export a table: roll map, bars, any Parquet file."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

_MOST_ABREAST = 14
"""Columns that a terminal shows side by side; more are shown under each other."""

Out = Annotated[Path | None, typer.Option(help="File to write, .parquet or .csv.")]
First = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First session.")
]
Last = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last session.")]


def roll_map(
    db: Annotated[Path, typer.Argument(help="Tick SQLite, one table a contract.")],
    root: Annotated[str | None, typer.Option(help="Futures root; default all there are.")] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="same_day, previous_day, open_interest, calendar or days_before_expiry; default "
            "the settings', which is previous_day."
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(help="Sessions before expiry, for days_before_expiry; default 5."),
    ] = None,
    date_basis: Annotated[str, typer.Option(help="session, utc or ist.")] = "session",
    raw_leader: Annotated[
        bool, typer.Option("--raw-leader", help="Let the contract go back to an earlier one.")
    ] = False,
    out: Out = None,
) -> None:
    """Say which contract is read on each day of a tick database."""
    from quant_assets.storage.settings_files import load_settings
    from quant_assets.storage.writers.export import check_export_name, export_frame
    from quant_assets.workflows.roll_map_file import roll_map_of_file
    from quant_assets.workflows.workspace import data_root

    if out is not None:
        check_export_name(out)
    chosen = mode or load_settings(data_root()).roll.mode
    made = roll_map_of_file(
        db, root=root, mode=chosen, date_basis=date_basis, raw_leader=raw_leader, days=days
    )
    frame = made.rows
    for line in made.remarks:
        typer.echo(line, err=True)
    if made.without_open_interest:
        typer.echo(
            f"{made.without_open_interest:,} of {frame.height:,} days had no open interest to go "
            "by: the volume of the last day with data decided.",
            err=True,
        )
    if out is not None:
        export_frame(frame, out)
        typer.echo(f"{frame.height:,} rows written to {out}")
        return
    _print_frame(frame)


def bars(
    symbol: Annotated[str, typer.Argument(help="Symbol in the lake.")],
    timeframe: Annotated[str, typer.Option(help="Bar length, for example 15m.")],
    out: Annotated[Path, typer.Option(help="File to write, .parquet or .csv.")],
    first: First = None,
    last: Last = None,
    adjust: Annotated[
        str | None,
        typer.Option(
            help="difference or ratio: prices continuous over rolls, beside the raw ones. Those "
            "of old bars change with each later roll: for charts and returns, never a feature."
        ),
    ] = None,
) -> None:
    """Export bars of any length, derived from each session's base."""
    from quant_assets.storage.writers.export import export_frame
    from quant_assets.workflows.bars_export import derive_adjusted_bars, derive_bars
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    begin, end = (day.date() if day else None for day in (first, last))
    if adjust is None:
        frame = derive_bars(workspace, symbol, timeframe=timeframe, first=begin, last=end)
    else:
        made = derive_adjusted_bars(
            workspace, symbol, timeframe=timeframe, adjust=adjust, first=begin, last=end
        )
        frame = made.bars
        for text in made.remarks:
            typer.echo(text, err=True)
    export_frame(frame, out)
    typer.echo(f"{frame.height:,} bars of {symbol} {timeframe} written to {out}")


def peek(
    file: Annotated[Path, typer.Argument(help="Any Parquet file.")],
    rows: Annotated[int, typer.Option("-n", min=0, help="Rows from the end.")] = 10,
    schema: Annotated[bool, typer.Option("--schema", help="Columns, row groups, lineage.")] = False,
) -> None:
    """Show the last rows of a Parquet file, or its schema and lineage."""
    from quant_assets.storage.peek import describe_file, last_rows

    if schema:
        typer.echo(describe_file(file))
    else:
        shown = last_rows(file, rows)
        _print_frame(_upright(shown) if shown.width > _MOST_ABREAST else shown)


def _upright(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return a frame's columns under each other, its rows side by side, as text."""
    import polars as pl

    rows = {
        f"row {place - frame.height}": ["" if value is None else str(value) for value in row]
        for place, row in enumerate(frame.iter_rows())
    }
    return pl.DataFrame({"column": frame.columns, **rows})


def _print_frame(frame: object) -> None:
    """Print a frame with all its columns and rows."""
    import polars as pl

    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        fmt_str_lengths=60,
    ):
        typer.echo(str(frame))
