"""Files of winning trades: one from each bar file, whole or not at all, made again when stale."""

import json
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quant_assets.bronze.chunks import RowGroup, row_groups, search_blocks
from quant_assets.bronze.engine import Candles, FinePrices, Found, Search
from quant_assets.bronze.presets import Grid, Levels, SpreadOn, Tail, Tie, check_distances
from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.market.errors import InputError, QuantError
from quant_assets.storage.commit import FOOTER_KEY, read_footer
from quant_assets.storage.readers.base import SourceFile
from quant_assets.storage.readers.names import BarName, parse_bar_name
from quant_assets.storage.source_code import code_version
from quant_assets.storage.writers.bronze_parquet import BronzeFileWriter, Writer
from quant_assets.storage.writers.files import file_sha256, replace_file
from quant_assets.workflows.bronze_grid import grid_of, spread_of
from quant_assets.workflows.bronze_source import CandleFile, read_candles
from quant_assets.workflows.landing.marks import origin_of
from quant_assets.workflows.recipes.bronze_window import finer_prices
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

BRONZE_FOLDER, RAW_FOLDER = "bronze", "raw"
_MODULES = ("quant_assets.bronze.engine", "quant_assets.bronze.chunks")

Progress = Callable[[str, float], None]
"""Told what is done, and which share of it."""


def silent(_what: str, _share: float) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class BronzeOptions:
    """What a user asks for in place of presets and settings."""

    sl_ratios: Levels | None = None
    tp_ratios: Levels | None = None
    lookforward: int | None = None
    spread_pips: float | None = None
    tie: Tie | None = None
    spread_on: SpreadOn | None = None
    tail: Tail | None = None
    out: Path | None = None

    def grid(self, workspace: Workspace, name: BarName) -> Grid:
        """Return the grid of a file by its timeframe, with what the user asks for."""
        if name.timeframe is None:
            raise InputError(
                asked="a grid by the timeframe of a file's name",
                found="a name that carries no bar length",
                remedy="Name it like EURUSD15.csv.",
            )
        asked = {
            "sl_ratios": self.sl_ratios,
            "tp_ratios": self.tp_ratios,
            "max_lookforward": self.lookforward,
            "tie": self.tie,
            "spread_on": self.spread_on,
            "tail": self.tail,
        }
        given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
        return replace(grid_of(workspace.settings, name.timeframe), **given)


@dataclass(frozen=True)
class BronzeFile:
    """A file of wins: what it was made of, and what it holds.

    `is_kept` says that it stood there already, made from the same bytes in the same way.
    """

    source: Path
    path: Path
    candles: int
    combinations: int
    wins: int
    ambiguous: int
    ambiguous_candles: int
    bytes: int
    is_kept: bool = False


@dataclass(frozen=True)
class _Job:
    """One file that is to be searched, as far as its name and the options say."""

    source: SourceFile
    name: BarName
    grid: Grid
    spread: float
    target: Path
    writer: Writer

    @property
    def lineage(self) -> dict[str, Any]:
        """What the result depends on: equal for equal results."""
        origin = origin_of(self.source.path, self.source.sha256)
        return {
            "source": {"name": self.source.name, "sha256": self.source.sha256},
            "symbol": self.name.symbol,
            "timeframe": str(self.name.timeframe),
            "sl_ratios": list(self.grid.sl_ratios),
            "tp_ratios": list(self.grid.tp_ratios),
            "max_lookforward": self.grid.max_lookforward,
            "tie": self.grid.tie,
            "spread_on": self.grid.spread_on,
            "tail": self.grid.tail,
            "spread": self.spread,
            "code_version": code_version(_MODULES, ()),
            "synthetic": origin.synthetic,
            "seed": origin.seed,
        }


def write_bronze_file(
    workspace: Workspace, file: Path, options: BronzeOptions, *, progress: Progress = silent
) -> BronzeFile:
    """Search a bar file, and write its wins to one Parquet file, a row group an OUTPUT_CHUNK_SIZE.

    A file that was made from the same bytes in the same way is kept. With `tie="drill_down"` it is
    made anew, because landed finer prices decide, and ties without any are lost.

    Raises
    ------
    FileRejectedError
        If a row of it is not sound; no result is written.
    InputError
        If the grid or the spread cannot be meant, before any search.
    CommitError
        If the result cannot be stored; what stood there still stands.
    """
    job = _job(workspace, _found(workspace, file), options)
    if (kept := _standing(job)) is not None:
        return kept
    with tempfile.TemporaryDirectory(prefix="quant-bronze-") as scratch:
        read = read_candles(
            workspace, job.source, Path(scratch), lambda share: progress("reading", share)
        )
    search = _search(workspace, job, read)
    counts = _Counts()
    replace_file(
        job.target, lambda staged: _write(workspace, job, search, staged, counts, progress)
    )
    return BronzeFile(
        source=job.source.path,
        path=job.target,
        candles=counts.entries,
        combinations=counts.entries * job.grid.combinations,
        wins=counts.wins,
        ambiguous=counts.ambiguous,
        ambiguous_candles=counts.ambiguous_entries,
        bytes=job.target.stat().st_size,
    )


def offered_files(workspace: Workspace, options: BronzeOptions) -> list[Path]:
    """Return the bar files of `data/raw` that have no result which is up to date, sorted.

    A name that says no symbol and bar length is offered too: so that the user learns of it.
    """
    folder = workspace.root / RAW_FOLDER
    files = sorted(path for path in folder.rglob("*.csv") if path.is_file())
    return [file for file in files if not _is_up_to_date(workspace, file, options)]


def _is_up_to_date(workspace: Workspace, file: Path, options: BronzeOptions) -> bool:
    try:
        return _standing(_job(workspace, file, options)) is not None
    except QuantError:
        return False


def _found(workspace: Workspace, file: Path) -> Path:
    """Return the file as named, or the one of that name in `data/raw`."""
    for place in (file, workspace.root / RAW_FOLDER / file):
        if place.is_file():
            return place
    raise InputError(
        asked=f"search {file}",
        found=f"no such file here or in {workspace.root / RAW_FOLDER}",
        remedy="Check the name; without one, `quant bronze` shows what there is.",
    )


def _job(workspace: Workspace, file: Path, options: BronzeOptions) -> _Job:
    """Say how a file is to be searched, without opening more than its bytes' digest needs."""
    name = parse_bar_name(file.name)
    stat = file.stat()
    return _Job(
        source=SourceFile(file, file.name, file_sha256(file), stat.st_size),
        name=name,
        grid=options.grid(workspace, name),
        spread=spread_of(
            workspace.settings, workspace.instrument(name.symbol), pips=options.spread_pips
        ),
        target=options.out or workspace.root / BRONZE_FOLDER / f"{file.stem}.parquet",
        writer=workspace.settings.bronze.writer,
    )


def _standing(job: _Job) -> BronzeFile | None:
    """Return the result that stands there, if it is the one that would be made."""
    if job.grid.tie == "drill_down" or not job.target.is_file():
        return None
    try:
        footer = read_footer(job.target)
    except (OSError, pl.exceptions.ComputeError):
        return None
    if footer.get("lineage") != json.loads(canonical_json(job.lineage)):
        return None
    size = job.target.stat().st_size
    return BronzeFile(job.source.path, job.target, **footer["counts"], bytes=size, is_kept=True)


def _search(workspace: Workspace, job: _Job, read: CandleFile) -> Search:
    """Return the search of a file's candles."""
    check_distances(job.grid, job.spread, price=float(np.median(read.bars["close"].to_numpy())))
    candles = Candles.of(read.bars)
    fine = None
    if job.grid.tie == "drill_down":
        view = LakeView(workspace)
        prices = finer_prices(view, read.symbol, read.timeframe)
        fine = FinePrices.of(candles, prices, step_ns=read.timeframe.ns)
    return Search(candles, job.grid, job.spread, fine)


@dataclass
class _Counts:
    """What was found so far."""

    entries: int = 0
    wins: int = 0
    ambiguous: int = 0
    ambiguous_entries: int = 0

    def add(self, block: Found) -> None:
        """Add a block."""
        self.entries += block.entries
        self.wins += block.wins
        self.ambiguous += block.ambiguous
        self.ambiguous_entries += block.ambiguous_entries


def _write(
    workspace: Workspace,
    job: _Job,
    search: Search,
    staged: Path,
    counts: _Counts,
    progress: Progress,
) -> None:
    """Write all row groups; finding, making and storing rows go on beside each other."""
    settings, total = workspace.settings, search.candles.count
    metadata: dict[str, str] = {}

    def blocks() -> Iterator[Found]:
        chunk = settings.input_chunk_size
        found = search_blocks(search, total, chunk_size=chunk, workers=workspace.threads)
        for place, block in enumerate(found, start=1):
            counts.add(block)
            progress("searching", min(place * chunk / total, 1.0))
            yield block

    with BronzeFileWriter(staged, search, writer=job.writer, metadata=metadata) as writer:
        groups = row_groups(search, blocks(), group_size=settings.output_chunk_size)
        for encoded in _encoded(writer, groups, workers=workspace.threads):
            writer.append(encoded)
        told = {
            "candles": counts.entries,
            "combinations": counts.entries * job.grid.combinations,
            "wins": counts.wins,
            "ambiguous": counts.ambiguous,
            "ambiguous_candles": counts.ambiguous_entries,
        }
        metadata[FOOTER_KEY] = canonical_json(
            {"table": "bronze_trades", "lineage": job.lineage, "counts": told}
        )


def _encoded(
    writer: BronzeFileWriter, groups: Iterator[RowGroup], *, workers: int
) -> Iterator[Any]:
    """Give row groups ready to be appended, in order; a few are made ahead."""
    begun: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="encode") as pool:
        for group in groups:
            begun.append(pool.submit(writer.encode, group.runs, group.count, group.skipped))
            if len(begun) > workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
