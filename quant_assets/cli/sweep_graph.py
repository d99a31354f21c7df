"""What stands around a sweep in the graph: what it starts from, and the leaderboard after it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from quant_assets.cli.home import use_dagster_home

if TYPE_CHECKING:
    from quant_assets.defs.runs import RunResult
    from quant_assets.optimization.sweep_spec import SweepSpec
    from quant_assets.workflows.workspace import Workspace

_READ_BY_CELLS = "key:features or key:contract_table or key:regimes"
"""What the cells of a base that is written out read, in Dagster's syntax."""


def make_bases(workspace: "Workspace", specs: "Sequence[SweepSpec]", *, workers: int) -> None:
    """Make what sweeps start from: each base's own model, backtest and tear sheet.

    A base that is written out in the spec has none of these: what its cells read is made.

    Raises
    ------
    typer.Exit
        With 1, where a run failed; what failed is said.
    """
    import dagster as dg

    from quant_assets.cli.progress import run_progress
    from quant_assets.defs.runs import materialize
    from quant_assets.defs.selection import ranges_of, symbols_of
    from quant_assets.storage.tracker import MlflowTracker

    use_dagster_home()
    MlflowTracker(workspace.root / "mlflow").create_databases()
    named = sorted({spec.base for spec in specs if isinstance(spec.base, str)})
    written = [spec.base for spec in specs if not isinstance(spec.base, str)]
    wanted: list[tuple[str, list[str], list[str]]] = []
    if named:
        wanted.append(("tear_sheet", symbols_of(workspace, named), named))
    if written:
        symbols = {symbol for base in written for symbol in base.get("symbols") or ()}
        wanted.append((_READ_BY_CELLS, sorted(symbols), []))
    results: list[RunResult] = []
    with dg.DagsterInstance.get() as instance, run_progress() as tell:
        for selection, symbols_of_run, names in wanted:
            ranges = ranges_of(workspace, symbols=symbols_of_run)
            results += materialize(
                workspace, instance, selection, ranges, names=names, workers=workers, tell=tell
            )
    _end_where_failed(results)


def publish_trials(workspace: "Workspace") -> None:
    """Bring the assets `trials` and `leaderboard` up to date, with their pages.

    Raises
    ------
    typer.Exit
        With 1, where the run failed.
    """
    import dagster as dg

    from quant_assets.cli.progress import run_progress
    from quant_assets.defs.landed import register
    from quant_assets.defs.runs import RunRequest, execute

    use_dagster_home()
    with dg.DagsterInstance.get() as instance, run_progress() as tell:
        register(instance, workspace)
        _end_where_failed([execute(RunRequest(("trials", "leaderboard")), instance, tell)])


def _end_where_failed(results: "Sequence[RunResult]") -> None:
    """End with 1 where a run failed, and say which."""
    from quant_assets.cli.materialize import say_results

    if not all(result.success for result in results):
        say_results(results, json=False)
        raise typer.Exit(1)
