"""From a tick database to cleaned Parquet, against a plain ADBC `SELECT` of the same columns."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from quant_assets.storage.readers.sqlite_sql import quote_identifier
from quant_assets.ticks.schema import CLEAN_TICKS, RAW_TICKS
from quant_assets.workflows.landing.report import FileReport
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.benchmarks import cleaning_memory, landing, sqlite
from quant_assets_tests.benchmarks.measure import Contest, Side, compete, equal, say

TARGET = 0.85
_ACTIVE = "GCZ13"


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Check that what is cleaned is what the driver reads, then time both, and weigh the memory."""
    path = folder / "clean.sqlite"
    sqlite.write_database(path, quick=quick, seed=seed)
    reference = sqlite.totals(path)
    count = sum(one.rows for one in reference.values())
    files = _check_equal(folder, path, reference)
    met = compete(
        Contest(
            title=f"Tick database to cleaned Parquet: {len(reference)} contracts, {files} cleaned "
            f"sessions of the active one, {path.stat().st_size / 1e6:,.0f} MB",
            unit="ticks",
            count=count,
            target=TARGET,
            ours=_side(path, count),
            reference=sqlite.select_side(path),
        ),
        folder,
        pairs=pairs,
    )
    _tell_parts(folder, path, pairs)
    _tell_guarded(folder, path, count, pairs)
    return cleaning_memory.run(folder, quick=quick, seed=seed) and met


def clean_file(workspace: Workspace, path: Path) -> tuple[FileReport, list[Outcome]]:
    """Land a file, map its contracts and clean its sessions, each step with its commits."""
    report = landing.ingest(workspace, path)
    _, outcomes = (_make(workspace, asset) for asset in ("roll_map", "clean_ticks"))
    return report, outcomes


def _make(workspace: Workspace, asset: str) -> list[Outcome]:
    """Make an asset of every landed session in one range, as the graph does."""
    landed = workspace.lake.index.entries(RAW_TICKS.name)
    keys = {Key(entry.symbol, entry.day) for entry in landed}
    return list(make_range(workspace, recipes()[asset], keys))


def _side(path: Path, count: int) -> Side:
    """Return all of our work as a side of a contest."""

    def check(done: tuple[FileReport, list[Outcome]]) -> None:
        report, outcomes = done
        equal("rows landed", report.committed, count)
        equal("how sessions ended", {one.status.value for one in outcomes}, {"made"})

    return Side("to cleaned commits", Workspace.open, lambda ws: clean_file(ws, path), check)


def _check_equal(folder: Path, path: Path, reference: dict[str, landing.Totals]) -> int:
    """Compare the cleaned ticks with the reference's reading; return the number of sessions."""
    with TemporaryDirectory(dir=folder) as name:
        workspace = Workspace.open(Path(name))
        clean_file(workspace, path)
        equal("landed rows, volume and prices", landing.landed_totals(workspace), reference)
        entries = workspace.lake.index.entries(CLEAN_TICKS.name)
        frames = [workspace.lake.read(entry) for entry in entries]
        cleaned = landing.Totals(
            sum(frame.height for frame in frames),
            sum(int(frame["qty"].sum()) for frame in frames),
            sum(int(frame["price"].sum()) for frame in frames),
        )
        equal("cleaned rows, volume and prices", cleaned, reference[_ACTIVE])
        equal("in order of time", all(frame["ts"].is_sorted() for frame in frames), True)
        return len(entries)


def _tell_parts(folder: Path, path: Path, rounds: int) -> None:
    """Print what each step takes."""
    spent: dict[str, list[float]] = {"ingest": [], "roll_map": [], "clean_ticks": []}
    for _ in range(rounds):
        with TemporaryDirectory(dir=folder) as name:
            workspace = Workspace.open(Path(name))
            for step, seconds in spent.items():
                began = time.perf_counter()
                if step == "ingest":
                    landing.ingest(workspace, path)
                else:
                    _make(workspace, step)
                seconds.append(time.perf_counter() - began)
    say("  of it: " + ", ".join(f"{step} {median(took):.2f} s" for step, took in spent.items()))


def _tell_guarded(folder: Path, path: Path, count: int, rounds: int) -> None:
    """Print what a database takes that holds a text among the prices: it is read row by row."""
    with closing(sqlite3.connect(path)) as database, database:
        table = quote_identifier(f"{_ACTIVE}_TICK")
        database.execute(f"UPDATE {table} SET price = 'n/a' WHERE rowid = 1000")
    took = []
    for _ in range(rounds):
        with TemporaryDirectory(dir=folder) as name:
            workspace = Workspace.open(Path(name))
            began = time.perf_counter()
            report, _ = clean_file(workspace, path)
            took.append(time.perf_counter() - began)
        equal("rows landed, and set aside", (report.committed, report.quarantined), (count - 1, 1))
    say(
        f"  with one text among the prices of {_ACTIVE}: {median(took):.2f} s, "
        f"{count / median(took):,.0f} ticks a second; no target\n"
    )
