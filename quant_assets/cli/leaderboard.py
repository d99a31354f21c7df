"""The command `quant leaderboard`."""

from typing import Annotated

import typer


def leaderboard(
    by: Annotated[str, typer.Option(help="Column to rank by.")] = "dsr",
    sweep: Annotated[str | None, typer.Option(help="Only the trials of this sweep.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Trials to show; default all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Rank all trials ever computed, each deflated by how many there were on its data."""
    from quant_assets.cli.leaderboard_table import print_leaderboard
    from quant_assets.workflows.leaderboard import ranked
    from quant_assets.workflows.workspace import Workspace

    frame = ranked(Workspace.open(), by=by, sweep=sweep)
    shown = frame if limit is None else frame.head(limit)
    if json:
        from json import dumps

        for row in shown.iter_rows(named=True):
            typer.echo(dumps(row))
        return
    print_leaderboard(shown, n_found=frame.height)
