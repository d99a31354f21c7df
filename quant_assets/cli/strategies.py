"""`quant strategy`: a strategy to begin with, and those that there are."""

import json as json_text
from typing import Annotated

import typer

strategies = typer.Typer(
    help="Strategies: those that there are, and a new one.", invoke_without_command=True
)


@strategies.callback()
def list_all(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the strategies that have bars to trade."""
    if context.invoked_subcommand is not None:
        return
    from quant_assets.defs.selection import expected_research
    from quant_assets.workflows.strategies import strategies as known
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    found = known(workspace, expected=expected_research(workspace))
    if json:
        for one in found.values():
            print(json_text.dumps(one.to_mapping()))
        return
    from rich.table import Table

    from quant_assets.cli.leaderboard_table import console_of

    table = Table(box=None, pad_edge=False)
    for title in ("strategy", "signals", "timeframe", "realism", "symbols"):
        table.add_column(title)
    for one in found.values():
        symbols = ", ".join(one.symbols or ())
        table.add_row(one.name, one.signal.kind, one.timeframe, one.execution.realism, symbols)
    console_of().print(table)
    print(f"{len(found)} strategies; write your own with: quant strategy new NAME")


@strategies.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the strategy, and of its file.")],
    kind: Annotated[
        str,
        typer.Option(help="Where signals come from: model, sma_cross, random or python; or sweep."),
    ] = "model",
    symbol: Annotated[
        str | None, typer.Option(help="Symbol to trade; default the first with bars.")
    ] = None,
) -> None:
    """Write a strategy that runs as it stands, to change from there."""
    from quant_assets.workflows.strategy_templates import new_strategy
    from quant_assets.workflows.workspace import Workspace

    for path in new_strategy(Workspace.open(), name, kind=kind, symbol=symbol):
        print(path)
    command = "sweep" if kind == "sweep" else "materialize tear_sheet --strategy"
    print(f"Run it: quant {command} {name}")
