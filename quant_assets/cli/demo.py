"""`quant demo`: the whole graph on a synthetic market, from files to leaderboard."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quant_assets.cli.home import use_dagster_home

if TYPE_CHECKING:
    from quant_assets.defs.runs import RunResult

DEMO_FOLDER = Path("data") / "demo"


def demo(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the synthetic market.")] = 7,
    workers: Annotated[int, typer.Option(min=1, help="Runs beside each other.")] = 2,
) -> None:
    """Run the whole graph on a seeded synthetic market, and show what to look at next."""
    started = time.monotonic()
    root = Path(os.environ.get("QUANT_DATA") or DEMO_FOLDER).absolute()
    os.environ["QUANT_DATA"] = str(root)
    use_dagster_home(root / "dagster_home")
    _write_and_land(root, seed)
    from quant_assets.cli.materialize import closing_line

    results = _materialize(workers)
    _show(root, seed)
    print(f"\n{closing_line(results)} {time.monotonic() - started:.0f} s in all.")
    if not all(result.success for result in results):
        for result in results:
            if not result.success:
                print(f"failed: {result.request.name}: {result.message}", file=sys.stderr)
        raise typer.Exit(1)


def _write_and_land(root: Path, seed: int) -> None:
    """Write the synthetic market's files and land them; what is landed already is a no-op."""
    from quant_assets.workflows.demo import land_demo_market

    _say(f"Synthetic market of seed {seed}: writing files to {_near(root / 'raw')}")
    reports = land_demo_market(root, seed=seed)
    rows = sum(report.committed for report in reports)
    _say(f"Landed {len(reports)} files, {rows:,} new rows")


def _materialize(workers: int) -> "list[RunResult]":
    """Make the whole graph through Dagster."""
    import dagster as dg

    from quant_assets.cli.progress import run_progress
    from quant_assets.defs.runs import materialize
    from quant_assets.defs.selection import ranges_of
    from quant_assets.storage.tracker import MlflowTracker
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    MlflowTracker(workspace.root / "mlflow").create_databases()
    with dg.DagsterInstance.get() as instance, run_progress() as tell:
        ranges = ranges_of(workspace)
        return list(materialize(workspace, instance, "*", ranges, workers=workers, tell=tell))


def _show(root: Path, seed: int) -> None:
    """Print the leaderboard and where to look next."""
    from quant_assets.cli.leaderboard_table import print_leaderboard
    from quant_assets.workflows.leaderboard import ranked
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    print(f"\nLeaderboard (SYNTHETIC market, seed {seed})")
    print_leaderboard(ranked(workspace))
    pages = sorted((root / "reports").glob("*.html"))
    print("\nPages (open in a browser):")
    for page in pages:
        print(f"  {_near(page)}")
    ticks = _near(root / "raw" / "synthetic-ES-ticks.sqlite")
    print("Order flow of the ticks, as a ladder to look at:")
    print(f"  quant footprint {ticks} --bar 5m --out footprint.parquet --chart")
    home = Path(os.environ["DAGSTER_HOME"])
    shown = f"QUANT_DATA={_near(root)} DAGSTER_HOME={_near(home)}"
    print(f"Graph, partitions and runs in the Dagster UI:\n  {shown} quant ui")


def _near(path: Path) -> Path:
    """Return a path as seen from the working folder, where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _say(text: str) -> None:
    """Tell how far the demo is, on stderr."""
    print(text, file=sys.stderr, flush=True)
