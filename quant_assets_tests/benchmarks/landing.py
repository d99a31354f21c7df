"""What both ingest benchmarks share: a run of ingest, and the totals of what it landed."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from quant_assets.ticks.schema import RAW_TICKS
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.report import FileReport, FileStatus
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.benchmarks.measure import ResultsDifferError, Side, equal


@dataclass(frozen=True)
class Totals:
    """What two readings of one file must agree on; prices are counts of 1e-9."""

    rows: int
    volume: int
    prices: int


def landed_totals(workspace: Workspace) -> dict[str, Totals]:
    """Return the totals of the landed ticks, by contract or symbol, read back from the lake."""
    found: dict[str, Totals] = {}
    index = workspace.lake.index
    for entry in index.entries(RAW_TICKS.name):
        name = entry.levels.get("contract") or entry.symbol
        frame = workspace.lake.read(entry, columns=["price", "qty"])
        before = found.get(name, Totals(0, 0, 0))
        found[name] = Totals(
            before.rows + frame.height,
            before.volume + int(frame["qty"].sum()),
            before.prices + int(frame["price"].sum()),
        )
    return found


def ingest(workspace: Workspace, path: Path) -> FileReport:
    """Land one file, from its first byte to the last commit."""
    return next(iter(ingest_files(workspace, [path])))


def check_equal(folder: Path, path: Path, reference: dict[str, Totals]) -> int:
    """Compare what ingest lands with the reference's reading; return the number of files."""
    with TemporaryDirectory(dir=folder) as name:
        workspace = Workspace.open(Path(name))
        report = ingest(workspace, path)
        if report.status is FileStatus.REJECT:
            raise ResultsDifferError(f"{path.name} was rejected: {report.reasons}")
        equal("rows committed", report.committed, sum(one.rows for one in reference.values()))
        equal("rows, volume and prices", landed_totals(workspace), reference)
        return len(workspace.lake.index.entries(RAW_TICKS.name))


def ingest_side(path: Path, rows: int) -> Side:
    """Return ingest of a file into an empty data root, as a side of a contest."""
    return Side(
        "ingest to landed commits",
        Workspace.open,
        lambda workspace: ingest(workspace, path),
        lambda report: equal("rows committed", report.committed, rows),
    )


def fixed(prices: pl.Series) -> int:
    """Return the sum of decimal prices as a count of 1e-9, each rounded on its own."""
    return int((prices * 1e9).round().cast(pl.Int64).sum())
