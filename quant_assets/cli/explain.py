"""The command `quant explain`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quant_assets.workflows.explanation import Explanation


def explain(
    trades: Annotated[
        list[str],
        typer.Argument(
            metavar="TRADE_ID...", help="Ids of trades; ten digits of a run are all of its trades."
        ),
    ],
    raw: Annotated[
        list[Path] | None,
        typer.Option(help="File or folder of vendors' files, besides raw of the data root."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Walk from a trade to the row of the raw file that its prices come from, read again.

    Ends with 1 where a price is not shown to be in its file, or the file is not there.
    """
    from quant_assets.workflows.explain import explain_trades
    from quant_assets.workflows.workspace import Workspace

    found = explain_trades(
        Workspace.open(), trades, raw=raw or (), progress=lambda line: typer.echo(line, err=True)
    )
    for one in found:
        _print_json(one) if json else _print_steps(one)
    if not json:
        typer.echo(_closing(found))
    if not all(one.is_resolved for one in found):
        raise typer.Exit(1)


def _print_json(one: "Explanation") -> None:
    """Print an explanation as one line."""
    from json import dumps

    typer.echo(dumps(one.to_json()))


def _print_steps(one: "Explanation") -> None:
    """Print an explanation, a line a step; what did not go well has its state before it."""
    from quant_assets.workflows.explanation import StepState

    mark = ", SYNTHETIC data" if one.synthetic else ""
    typer.echo(f"{one.trade_id}{mark}")
    width = max(len(step.name) for step in one.steps)
    quiet = {StepState.FOUND, StepState.ENDED}
    for step in one.steps:
        state = "" if step.state in quiet else f"{step.state.value.upper()}: "
        typer.echo(f"  {step.name:<{width}}  {state}{step.told}")


def _closing(found: "list[Explanation]") -> str:
    """Return the last line: how many trades are resolved to their files."""
    noun = "trade" if len(found) == 1 else "trades"
    resolved = sum(one.is_resolved for one in found)
    wrong = sum(one.contradicts for one in found)
    told = f"{resolved:,} of {len(found):,} {noun} resolved to the raw file"
    return f"{told}, {wrong:,} contradicted" if wrong else told
