"""`quant lake`: care of the lake itself."""

import sys
from pathlib import Path
from typing import Annotated

import typer

lake = typer.Typer(help="Care of the lake itself.", no_args_is_help=True)


@lake.callback()
def group() -> None:
    """Care of the lake itself."""


@lake.command()
def reindex() -> None:
    """Rebuild the index from the files' footers; in doubt the footer wins."""
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    stands, gone = workspace.lake.reindex(passed_over=_tell)
    swept = workspace.lake.sweep()
    print(f"{stands:,} partitions indexed, {gone:,} forgotten, {swept:,} dead files swept.")


@lake.command()
def compact(
    tables: Annotated[
        list[str] | None, typer.Argument(help="Default: features and training_set, where made.")
    ] = None,
) -> None:
    """Put the days of each symbol and year into one file beside them, to be scanned faster.

    It is a cache: days that change later are read from their own files, and deleting it loses
    nothing.
    """
    from quant_assets.workflows.compaction import TABLES, compact_table
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    made = set(workspace.lake.index.tables())
    for table in tables or [name for name in TABLES if name in made]:
        done = compact_table(workspace, table, progress=_say)
        print(
            f"{table}: {done.made:,} symbol-years compacted, {done.stood:,} stood, "
            f"{done.mixed:,} left for their mixed columns, {done.forgotten:,} files deleted."
        )


def _say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr)


def _tell(path: Path, reason: str) -> None:
    """Name a file of the lake's folder that is none of the lake's."""
    print(f"passed over {path}: {reason}", file=sys.stderr)
