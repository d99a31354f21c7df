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
    spec: Annotated[Path, typer.Argument(help="YAML file: name, base, vary, kind, constraints.")],
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
    """Compute all cells of a sweep that were never computed; rank them and write the report."""
    from quant_assets.workflows.sweep import ranked_cells, read_sweep
    from quant_assets.workflows.sweep_pages import write_sweep_page
    from quant_assets.workflows.workspace import Workspace

    chosen = read_sweep(spec)
    workspace = Workspace.open()
    queued, executed = _run(workspace, chosen, workers, retry=retry_failed)
    cells = ranked_cells(workspace, chosen)
    page = write_sweep_page(workspace, chosen, cells)
    print_sweep(chosen, cells, best=best, json=json)
    _say_end(queued, cells, executed, page)
    if any(cell.result.state == "failed" for cell in cells):
        raise typer.Exit(1)


def _run(
    workspace: "Workspace", spec: "SweepSpec", workers: int | None, *, retry: bool
) -> "tuple[Queued, int]":
    """Run a sweep with its progress on stderr; return what was queued, and how many were run."""
    from quant_assets.workflows.sweep_run import run_sweep

    with SweepProgress(spec.name) as progress:
        queued = run_sweep(
            workspace,
            spec,
            command=_WORKER,
            workers=workspace.threads if workers is None else workers,
            retry=retry,
            watch=progress.watch,
        )
    return queued, progress.executed


def _say_end(queued: "Queued", cells: "list[RankedCell]", executed: int, page: Path) -> None:
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
            reasons[state, one.result.message] = reasons.get((state, one.result.message), 0) + 1
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
    from quant_assets.workflows.sweep_jobs import ConfigurationRunner, sweep_code_version
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
