"""`quant train` and `quant models`: a strategy's model made, told, listed and promoted."""

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quant_assets.cli.home import use_dagster_home

if TYPE_CHECKING:
    from quant_assets.signals.strategy import Strategy
    from quant_assets.workflows.workspace import Workspace

_FILE_ENDINGS = (".yaml", ".yml")

models = typer.Typer(help="Models: what is stored and registered.", invoke_without_command=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]


def train(
    strategy: Annotated[
        str, typer.Argument(help="Strategy by name, or a YAML file, which is taken over.")
    ],
    workers: Annotated[int, typer.Option(min=1, help="Runs beside each other.")] = 1,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let the file take the place of one of its name.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a strategy's model; what it learns from and is not fresh is made first."""
    from quant_assets.cli.model_table import print_model
    from quant_assets.storage.tracker import MlflowTracker
    from quant_assets.workflows.model_list import list_models
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    chosen = _checked(workspace, strategy, replaces=replace)
    use_dagster_home()
    tracker = MlflowTracker(workspace.root / "mlflow")
    tracker.create_databases()
    _make(workspace, chosen, workers)
    listed = list_models(workspace, tracker.registry().versions(), strategy=chosen.name)
    for one in (one for one in listed if one.strategy == chosen.name and one.model):
        if json:
            print(json_text.dumps(one.to_json()))
        else:
            print_model(one)


def _checked(workspace: "Workspace", text: str, *, replaces: bool) -> "Strategy":
    """Return the strategy of a name or file, its symbols written out, once it may be trained."""
    from quant_assets.defs.selection import expected_research
    from quant_assets.market.errors import StrategyError, TrainingError
    from quant_assets.workflows.strategies import strategy
    from quant_assets.workflows.strategy_check import check_strategy
    from quant_assets.workflows.strategy_intake import take_strategy

    expected = expected_research(workspace)
    try:
        if text.endswith(_FILE_ENDINGS):
            return take_strategy(workspace, Path(text), expected=expected, replaces=replaces)
        chosen = strategy(workspace, text, expected=expected)
        check_strategy(workspace, chosen)
    except TrainingError as error:
        # Nothing was begun: what is wrong is the strategy, and that is asked wrongly.
        raise StrategyError(asked=error.asked, found=error.found, remedy=error.remedy) from error
    return chosen


def _make(workspace: "Workspace", strategy: "Strategy", workers: int) -> None:
    """Make the model through Dagster; end with 1 where a run of it failed."""
    import dagster as dg

    from quant_assets.cli.materialize import say_results
    from quant_assets.cli.progress import run_progress
    from quant_assets.defs.runs import materialize
    from quant_assets.defs.selection import ranges_of

    ranges = ranges_of(workspace, symbols=strategy.symbols or ())
    with dg.DagsterInstance.get() as instance, run_progress() as tell:
        results = list(
            materialize(
                workspace,
                instance,
                "model",
                ranges,
                names=[strategy.name],
                workers=workers,
                tell=tell,
            )
        )
    if not all(result.success for result in results):
        say_results(results, json=False)
        raise typer.Exit(1)


@models.callback()
def list_all(
    context: typer.Context,
    strategy: Annotated[str | None, typer.Option(help="Only this strategy's.")] = None,
    json: Json = False,
) -> None:
    """List the versions of models: scores out of sample, candidate and champion."""
    if context.invoked_subcommand is not None:
        return
    from quant_assets.cli.model_table import print_models
    from quant_assets.storage.tracker import MlflowTracker
    from quant_assets.workflows.model_list import list_models
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    registry = MlflowTracker(workspace.root / "mlflow").registry()
    listed = list_models(workspace, registry.versions(strategy), strategy=strategy)
    if json:
        for one in listed:
            print(json_text.dumps(one.to_json()))
        return
    print_models(listed)


@models.command()
def promote(
    strategy: Annotated[str, typer.Argument(help="Strategy by name.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Number by `quant models`; default the candidate.")
    ] = None,
) -> None:
    """Make a version of a strategy's model its champion."""
    from quant_assets.storage.tracker import MlflowTracker
    from quant_assets.workflows.workspace import data_root

    promoted = MlflowTracker(data_root() / "mlflow").registry().promote(strategy, number=version)
    print(f"{strategy}: version {promoted.number} is the champion, {promoted.model_version[:10]}")
