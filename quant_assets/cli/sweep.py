"""`quant sweep` and `quant worker`: many strategies computed, by workers here and elsewhere."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quant_assets.cli.sweep_table import SweepProgress, print_sweep

if TYPE_CHECKING:
    from quant_assets.optimization.sweep_spec import SweepSpec
    from quant_assets.workflows.sweep import Queued, RankedCell
    from quant_assets.workflows.workspace import Workspace

_WORKER = (sys.executable, "-m", "quant_assets.cli.main", "worker", "--idle-exit", "30")
"""A local worker; should `quant sweep` be killed, it ends by itself."""


def sweep(
    specs: Annotated[
        list[Path], typer.Argument(help="YAML files, or names of sweeps under `strategies`.")
    ],
    make: Annotated[
        bool,
        typer.Option(
            "--make",
            help="Make each base's model, backtest and tear sheet before, the leaderboard after.",
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0, help="Local workers; 0 leaves the work to others. [default: processors]"
        ),
    ] = None,
    best: Annotated[int, typer.Option("-n", min=1, help="How many of the best to print.")] = 10,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try cells again that failed before.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
) -> None:
    """Compute all cells of sweeps that were never computed; rank them and write the reports."""
    from quant_assets.cli.sweep_graph import make_bases, publish_trials
    from quant_assets.workflows.sweep import find_sweep, read_sweep, refuse_unsound
    from quant_assets.workflows.workspace import Workspace, data_root

    chosen = [read_sweep(find_sweep(data_root(), spec)) for spec in specs]
    workspace = Workspace.open()
    count = workspace.threads if workers is None else workers
    for one in chosen:
        refuse_unsound(workspace, one)
    if make:
        make_bases(workspace, chosen, workers=max(count, 1))
    failed = False
    for one in chosen:
        failed |= _sweep(workspace, one, count, best=best, retry=retry_failed, json=json)
    if make:
        publish_trials(workspace)
    if failed:
        raise typer.Exit(1)


def _sweep(
    workspace: "Workspace", spec: "SweepSpec", workers: int, *, best: int, retry: bool, json: bool
) -> bool:
    """Run one sweep, print its best trials and write its report; return whether a cell failed."""
    from quant_assets.workflows.sweep import ranked_cells, sweep_page

    queued, executed = _run(workspace, spec, workers, retry=retry)
    cells = ranked_cells(workspace, spec)
    page = sweep_page(workspace, spec, cells)
    print_sweep(spec, cells, best=best, json=json)
    _say_end(spec.name, queued, cells, executed, page)
    return any(cell.result.state == "failed" for cell in cells)


def _run(
    workspace: "Workspace", spec: "SweepSpec", workers: int, *, retry: bool
) -> "tuple[Queued, int]":
    """Run a sweep with its progress on stderr; return what was queued, and how many were run."""
    from quant_assets.workflows.sweep_run import run_sweep
    from quant_assets.workflows.sweep_worker import stopping_on_signals

    with stopping_on_signals(), SweepProgress(spec.name) as progress:
        queued = run_sweep(
            workspace,
            spec,
            command=_WORKER,
            workers=workers,
            retry=retry,
            watch=progress.watch,
        )
    return queued, progress.executed


def _say_end(
    name: str, queued: "Queued", cells: "list[RankedCell]", executed: int, page: Path
) -> None:
    """Say on stderr what was done, and each distinct reason of what was not."""
    print(
        f"{queued.cells:,} cells, {queued.invalid:,} invalid: {executed:,} trials executed, "
        f"{queued.known:,} known from before.",
        file=sys.stderr,
    )
    reasons: dict[tuple[str, str], int] = {}
    for one in cells:
        state = one.result.state or "invalid"
        if one.result.message and state != "completed":
            # The same reason, whichever cell it names.
            reason = one.result.message.replace(f"{name}_{one.result.cell:05d}", name)
            reasons[state, reason] = reasons.get((state, reason), 0) + 1
    for (state, reason), count in list(reasons.items())[:10]:
        print(f"{state}: {count:,} x {reason}", file=sys.stderr)
    print(f"report: {page}", file=sys.stderr)


def worker(
    once: Annotated[
        bool, typer.Option("--once", help="End as soon as nothing is pending.")
    ] = False,
    idle_exit: Annotated[
        float | None, typer.Option(min=0.0, help="End after so many seconds without work.")
    ] = None,
    lease: Annotated[
        float, typer.Option(min=1.0, help="Seconds of silence after which it is taken for dead.")
    ] = 60.0,
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait for a database that is gone.")
    ] = 120.0,
    sweep: Annotated[str | None, typer.Option(help="Only this sweep's trials.")] = None,
    name: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Pull trials from the queue and compute them; any number, on any machine of one state."""
    from quant_assets.storage.job_queue import JobQueue
    from quant_assets.workflows.configuration import ConfigurationRunner
    from quant_assets.workflows.sweep_jobs import sweep_code_version
    from quant_assets.workflows.sweep_worker import (
        Worker,
        WorkerRules,
        stopping_on_signals,
        worker_name,
    )
    from quant_assets.workflows.view import LakeView
    from quant_assets.workflows.workspace import Workspace

    with stopping_on_signals():
        workspace = Workspace.open()
        rules = WorkerRules(
            lease_s=lease, patience_s=patience, idle_exit_s=0.0 if once else idle_exit
        )
        tally = Worker(
            JobQueue(workspace.state),
            ConfigurationRunner(LakeView(workspace)),
            name=name or worker_name(),
            code=sweep_code_version(),
            sweep=sweep,
            rules=rules,
            tell=lambda line: print(line, file=sys.stderr),
        ).work()
    print(
        f"{tally.completed:,} trials computed, {tally.failed:,} failed, "
        f"{tally.given_back:,} given back."
    )
