"""`quant bronze`: a file of all winning trades from a file of bars."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quant_assets.workflows.bronze_files import BronzeFile, BronzeOptions, Progress
    from quant_assets.workflows.workspace import Workspace


class _Tie(StrEnum):
    LOSS = "loss"
    WIN = "win"
    DRILL_DOWN = "drill_down"


class _SpreadOn(StrEnum):
    TP = "tp"
    BOTH = "both"


class _Tail(StrEnum):
    KEEP = "keep"
    DROP = "drop"


def bronze(
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV named like EURUSD15.csv, here or in data/raw; default: a menu."),
    ] = None,
    sl: Annotated[
        str | None, typer.Option(help="Stops A:B:N, shares of the price; default the timeframe's.")
    ] = None,
    tp: Annotated[str | None, typer.Option(help="Targets A:B:N.")] = None,
    lookforward: Annotated[
        int | None, typer.Option(help="Candles looked at after the entry's own.")
    ] = None,
    spread_pips: Annotated[
        float | None, typer.Option(help="Spread in pips, or ticks where there are no pips.")
    ] = None,
    tie: Annotated[
        _Tie | None, typer.Option(help="What a candle that reaches both levels counts as.")
    ] = None,
    spread_on: Annotated[
        _SpreadOn | None, typer.Option(help="Whether the spread is on the target, or on both.")
    ] = None,
    tail: Annotated[
        _Tail | None, typer.Option(help="Whether windows that the data's end cuts are kept.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Default data/bronze/<name>.parquet.")] = None,
) -> None:
    """Find every (candle, direction, stop, target) that would have won, and store all of them."""
    from quant_assets.bronze.presets import parse_levels
    from quant_assets.workflows.bronze_files import BronzeOptions
    from quant_assets.workflows.workspace import Workspace

    options = BronzeOptions(
        sl_ratios=parse_levels(sl) if sl else None,
        tp_ratios=parse_levels(tp) if tp else None,
        lookforward=lookforward,
        spread_pips=spread_pips,
        tie=tie.value if tie else None,
        spread_on=spread_on.value if spread_on else None,
        tail=tail.value if tail else None,
        out=out,
    )
    workspace = Workspace.open()
    files = [file] if file else _chosen(workspace, options)
    if _search_all(workspace, files, options):
        raise typer.Exit(1)


def _chosen(workspace: "Workspace", options: "BronzeOptions") -> list[Path]:
    """Ask which files are to be searched; without a terminal, say how to name one."""
    from quant_assets.market.errors import InputError
    from quant_assets.workflows.bronze_files import offered_files

    if options.out is not None:
        raise InputError(
            asked=f"write {options.out.name} from files chosen in a menu",
            found="one name for any number of results",
            remedy="Give the file too: quant bronze EURUSD15.csv --out ...",
        )
    if not sys.stdin.isatty():
        raise InputError(
            asked="a menu of raw files",
            found="no terminal to choose at",
            remedy="Name the file: quant bronze EURUSD15.csv",
        )
    offered = offered_files(workspace, options)
    if not offered:
        typer.echo("Every bar file in data/raw has a result that is up to date.")
        return []
    for place, path in enumerate(offered, start=1):
        typer.echo(f"{place:>3}  {path.name}")
    while True:
        answer = typer.prompt("Which? Numbers such as 1,3-5, all, or q")
        if (picked := pick(answer, offered)) is not None:
            return picked
        typer.echo(f"{answer!r} names no files; they run from 1 to {len(offered)}.")


def pick(answer: str, offered: Sequence[Path]) -> list[Path] | None:
    """Return the files that an answer names, in the menu's order; None where it names none.

    `all` is all of them and `q` none; else numbers and ranges with commas between them.
    """
    text = answer.strip().lower()
    if text in {"q", "quit"}:
        return []
    if text == "all":
        return list(offered)
    places: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.strip().isdecimal() or (last and not last.strip().isdecimal()):
            return None
        places |= set(range(int(first), int(last or first) + 1))
    if not places or min(places) < 1 or max(places) > len(offered):
        return None
    return [offered[place - 1] for place in sorted(places)]


def _search_all(
    workspace: "Workspace", files: Sequence[Path], options: "BronzeOptions"
) -> list[str]:
    """Search files, one bad one stopping no other; return what could not be searched."""
    from quant_assets.market.errors import FileRejectedError, InputError, QuantError
    from quant_assets.workflows.bronze_files import write_bronze_file

    failed: list[str] = []
    for file in files:
        began = time.perf_counter()
        try:
            with _progress(file.name) as progress:
                made = write_bronze_file(workspace, file, options, progress=progress)
        except (QuantError, OSError) as error:
            if isinstance(error, InputError) and not isinstance(error, FileRejectedError):
                raise
            failed.append(f"{file.name}: {_told(error)}")
        else:
            _print(made, time.perf_counter() - began)
    for line in failed:
        typer.echo(f"not searched: {line}", err=True)
    return failed


def _told(error: BaseException) -> str:
    return " ".join(str(error).split())


def _print(made: "BronzeFile", seconds: float) -> None:
    """Say in one line what was searched and found."""
    state = "is up to date" if made.is_kept else f"in {seconds:.1f} s"
    rate = "" if made.is_kept else f", {made.wins / max(seconds, 1e-9):,.0f} rows a second"
    here = Path.cwd()
    path = made.path.relative_to(here) if made.path.is_relative_to(here) else made.path
    share = 100 * made.ambiguous_candles / max(made.candles, 1)
    typer.echo(
        f"{path}: {made.candles:,} candles, {made.combinations:,} combinations, "
        f"{made.wins:,} wins {state}{rate}, {made.bytes / 1e6:,.1f} MB; "
        f"{share:.2f} % of candles have a tie in one later candle"
    )


@contextmanager
def _progress(name: str) -> "Iterator[Progress]":
    """Show how far a file is, on stderr; only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda what, share: bar.update(task, description=f"{what} {name}", completed=share)
