"""`quant footprint`: who traded how much at which price, from a file of trades."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer


def footprint(
    file: Annotated[
        Path, typer.Argument(help="Trades: tick SQLite, DBN, CSV or Parquet.", metavar="FILE")
    ],
    bar: Annotated[
        str, typer.Option(help="Bars: 1s, 1m, 1h, 1d, vol1000, tick500, range8 (ticks).")
    ],
    out: Annotated[Path, typer.Option(help="File to write, .parquet or .csv.")],
    tick_size: Annotated[
        str | None, typer.Option(help="Smallest price step; default inferred from the prices.")
    ] = None,
    bucket: Annotated[
        str | None, typer.Option(help="Width of a price row; default the tick size.")
    ] = None,
    bars: Annotated[bool, typer.Option("--bars", help="Write a row a bar.")] = False,
    chart: Annotated[
        bool, typer.Option("--chart", help="Write the ladder beside it, as an HTML page.")
    ] = False,
    symbol: Annotated[
        str | None, typer.Option(help="Symbol, where the file's name tells none, or of several.")
    ] = None,
    contract: Annotated[
        str | None, typer.Option(help="Contract such as GCZ13; default by the roll map.")
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(help="Zone of stamps without one; UTC, or Asia/Kolkata for SQLite."),
    ] = None,
) -> None:
    """Write bid and ask volume by bar and price, or a row a bar with what they show."""
    from quant_assets.storage.writers.export import check_export_name, export_frame
    from quant_assets.workflows.footprint_file import FootprintOptions, footprint_of_file

    check_export_name(out)
    options = FootprintOptions(
        bars=bar,
        tick_size=tick_size,
        bucket=bucket,
        symbol=symbol,
        contract=contract,
        zone=tz,
    )
    page = out.with_suffix(".html")
    outputs = (out, page) if chart else (out,)
    with _temporary_files_removed():
        made = footprint_of_file(file, options, outputs=outputs, tell=_say)
    frame = made.footprints.bars if bars else made.rows
    export_frame(frame, out)
    n_bars = made.footprints.bars.height
    what = "" if bars else f"{frame.height:,} rows of "
    typer.echo(f"{what}{n_bars:,} {made.bars} bars written to {out}")
    if chart:
        _write_chart(page, made.page(f"Made from {file.name}."))


@contextmanager
def _temporary_files_removed() -> Iterator[None]:
    """Let a request to end unwind the stack, so that nothing is left in the temporary folder."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write_chart(path: Path, page: str) -> None:
    """Write the page, and say where it lies."""
    from quant_assets.storage.writers.files import replace_file

    replace_file(path, lambda staged: staged.write_text(page, encoding="utf-8"))
    typer.echo(f"chart written to {path}")


def _say(line: str) -> None:
    """Tell what a reader of the result should know, on stderr."""
    typer.echo(line, err=True)
