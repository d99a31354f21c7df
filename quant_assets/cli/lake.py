"""`quant lake`: care of the lake itself."""

import sys
from pathlib import Path

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


def _tell(path: Path, reason: str) -> None:
    """Name a file of the lake's folder that is none of the lake's."""
    print(f"passed over {path}: {reason}", file=sys.stderr)
