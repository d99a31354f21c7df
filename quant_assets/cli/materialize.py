"""`quant materialize` and `quant plan`: what is not fresh is made, and what would be."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quant_assets.defs.runs import RunResult
    from quant_assets.workflows.workspace import Workspace

Selection = Annotated[
    str, typer.Argument(help="Assets in Dagster's syntax, for example bars or '*'.")
]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", help="Only these symbols.")]
First = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First session.")
]
Last = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last session.")]
Strategies = Annotated[
    list[str] | None, typer.Option("--strategy", help="Only these strategies and their symbols.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]


def materialize(
    selection: Selection,
    symbol: Symbols = None,
    strategy: Strategies = None,
    first: First = None,
    last: Last = None,
    workers: Annotated[int, typer.Option(min=1, help="Runs beside each other.")] = 1,
    json: Json = False,
) -> None:
    """Make assets and what they need; partitions that are fresh are kept."""
    import dagster as dg

    from quant_assets.cli.home import use_dagster_home
    from quant_assets.cli.progress import run_progress
    from quant_assets.defs.runs import materialize as run
    from quant_assets.defs.selection import ranges_of
    from quant_assets.storage.tracker import MlflowTracker
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    names, symbols = strategy or [], _symbols(workspace, symbol, strategy)
    ranges = ranges_of(workspace, symbols=symbols, first=_day(first), last=_day(last))
    _warn_of_early_sessions(workspace, symbols)
    use_dagster_home()
    MlflowTracker(workspace.root / "mlflow").create_databases()
    with dg.DagsterInstance.get() as instance, run_progress() as tell:
        results = list(
            run(workspace, instance, selection, ranges, names=names, workers=workers, tell=tell)
        )
    say_results(results, json=json)
    if not all(result.success for result in results):
        raise typer.Exit(1)


def _symbols(
    workspace: "Workspace", symbols: Sequence[str] | None, names: Sequence[str] | None
) -> Sequence[str]:
    """Return the symbols of a request: those it names, else those of its strategies, else all."""
    from quant_assets.defs.selection import symbols_of

    found = symbols_of(workspace, names) if names else []
    return symbols or found


def _warn_of_early_sessions(workspace: "Workspace", symbols: Sequence[str]) -> None:
    """Say that landed sessions lie before the partitions' start and are left out."""
    from quant_assets.defs.selection import sessions_before_start

    early = sessions_before_start(workspace, symbols)
    if early:
        start = workspace.settings.partitions.start
        print(
            f"{early:,} landed sessions before {start} are left out: set partitions.start in "
            "settings.yaml to include them.",
            file=sys.stderr,
        )


def _day(moment: datetime | None) -> date | None:
    """Return the date of an option."""
    return moment.date() if moment else None


def say_results(results: "Sequence[RunResult]", *, json: bool) -> None:
    """Print how the runs ended, failures last and whole."""
    from json import dumps

    if json:
        for result in results:
            line = {
                "assets": list(result.request.assets),
                "partitions": result.request.name.removeprefix(", ".join(result.request.assets)),
                "success": result.success,
                "counts": result.counts,
                "message": result.message,
            }
            print(dumps(line))
        return
    print(closing_line(results))
    for result in results:
        if not result.success:
            print(f"failed: {result.request.name}: {result.message}", file=sys.stderr)


def closing_line(results: "Sequence[RunResult]") -> str:
    """Return what was made and kept, in one line."""
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
    made = counts.pop("made", 0)
    rest = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    head = f"{made:,} partitions made" if made else "Nothing was made anew"
    return f"{head}; {rest or 'nothing else was asked for'}."


def plan(
    selection: Selection,
    symbol: Symbols = None,
    strategy: Strategies = None,
    first: First = None,
    last: Last = None,
    json: Json = False,
) -> None:
    """Say what `materialize` would make, why, and about how long it would take."""
    from quant_assets.defs.runs import load_graph
    from quant_assets.defs.selection import ranges_of, select_assets
    from quant_assets.workflows.plan import plan_assets
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    names, symbols = strategy or [], _symbols(workspace, symbol, strategy)
    ranges = ranges_of(workspace, symbols=symbols, first=_day(first), last=_day(last))
    _, graph = load_graph()
    assets = [key.to_user_string() for key in select_assets(graph, selection)]
    keys = [key for one in ranges for key in one.keys]
    lines = plan_assets(workspace, assets, keys, names=names)
    if json:
        from json import dumps

        for line in lines:
            print(dumps(line.to_json()))
        return
    print(f"{'asset':<15}{'would run':>10}{'fresh':>8}{'seconds':>9}  why")
    for line in lines:
        seconds = "-" if line.seconds is None else f"{line.seconds:.1f}"
        print(f"{line.asset:<15}{line.would_run:>10,}{line.fresh:>8,}{seconds:>9}  {line.why}")
    total = sum(line.would_run for line in lines)
    print(f"{total:,} partitions would be made." if total else "Everything is fresh.")
