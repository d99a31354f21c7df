"""The footprint of one file of trades, without a lake of the user's.

The file is landed in a lake of its own for the time being, and goes the way of every other: the
same readers, sessions, roll map and cleaning, so a file and the asset give the same figures.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bars.footprint import RULES, FootprintBuilder, Footprints
from quant_assets.market.bar_spec import BarSpec
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.errors import InputError
from quant_assets.market.instruments import AssetClass
from quant_assets.market.tick_size import (
    check_tick_size,
    infer_tick_units,
    price_name,
    price_units,
)
from quant_assets.reports.footprint_page import build_footprint_page
from quant_assets.storage.index import Entry
from quant_assets.ticks.schema import ROLL_MAP, SIDE_METHODS
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.report import FileStatus
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import BROKEN, Key, Recipe, Status
from quant_assets.workflows.recipes.clean_ticks import CleanTicksRecipe
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.recipes.roll_map import RollMapRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

ROW_COLUMNS = (
    "bar_start",
    "price",
    "bid_volume",
    "ask_volume",
    "unknown_volume",
    "delta",
    "trades",
)
"""Columns of a file of rows, in order."""

_MOST_PRICES = 5_000_000

_UNMADE = frozenset({*BROKEN, Status.MISSING})

Tell = Callable[[str], None]


@dataclass(frozen=True)
class FootprintOptions:
    """What a user asks for.

    Parameters
    ----------
    bars
        Name of the bars: `1m`, `vol1000`.
    tick_size, bucket
        Price steps as text; without a tick size it is inferred, the bucket is one tick.
    symbol
        Symbol of the file where its name tells none, or the one to take of several.
    contract
        The contract to take; without one the roll map says which, session by session.
    zone
        Zone of stamps that carry none.
    """

    bars: str
    tick_size: str | None = None
    bucket: str | None = None
    symbol: str | None = None
    contract: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class FileFootprint:
    """The footprints of a file, and what they were made by.

    Parameters
    ----------
    tick, bucket
        In 1e-9.
    """

    footprints: Footprints
    symbol: str
    bars: str
    tick: int
    bucket: int
    synthetic: bool

    @property
    def rows(self) -> pl.DataFrame:
        """The long rows, in the columns of the command's file."""
        return self.footprints.rows.select(ROW_COLUMNS)

    def page(self, source: str) -> str:
        """Return the ladder as an interactive page."""
        return build_footprint_page(
            self.footprints.rows,
            self.footprints.bars,
            bucket=self.bucket,
            rules=RULES,
            title=f"Footprint: {self.symbol}, {self.bars}",
            source=source,
            synthetic=self.synthetic,
        )


def footprint_of_file(
    path: Path,
    options: FootprintOptions,
    *,
    outputs: Iterable[Path] = (),
    tell: Tell = lambda _: None,
) -> FileFootprint:
    """Return the footprints of a file of trades.

    Parameters
    ----------
    outputs
        Where a caller means to write: none of them may be the file itself.
    tell
        Told what a reader of the result should know: rows set aside, sides, the tick size.

    Raises
    ------
    InputError
        If the file cannot be read or holds no trades, the bars, symbol, contract or a price step
        are none of it, or the tick size does not fit the prices.
    """
    _check_input(path)
    _check_outputs(path, outputs)
    bars = BarSpec.parse(options.bars)
    bucket = price_units(options.bucket) if options.bucket else None
    tick = price_units(options.tick_size) if options.tick_size else None
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        workspace = Workspace.scratch(Path(folder))
        _land(workspace, path, options, tell)
        symbol = _chosen_symbol(workspace, path, options)
        if tick is not None:
            workspace = _with_tick_size(workspace, symbol, tick)
        view = LakeView(workspace)
        _choose_contract(view, symbol, options)
        if tick is not None:
            check_tick_size(_prices(view, "raw_ticks", symbol), tick)
        cleaned = _cleaned(view, symbol, tell)
        tick = tick or _told_tick(view, symbol, tell)
        if bucket and bucket % tick:
            tell(
                f"rows of {price_name(bucket)} are no multiple of the tick size {price_name(tick)}"
            )
        _tell_sides(view, cleaned, tell)
        builder = FootprintBuilder(
            bars, bucket=bucket or tick, tick=tick, calendar=workspace.calendar(symbol)
        )
        made = [builder.add(view.read(entry)) for entry in cleaned]
        made.append(builder.finish())
        return FileFootprint(
            Footprints(pl.concat([m.rows for m in made]), pl.concat([m.bars for m in made])),
            symbol=symbol,
            bars=bars.name,
            tick=tick,
            bucket=bucket or tick,
            synthetic=any(entry.synthetic for entry in cleaned),
        )


def _check_outputs(path: Path, outputs: Iterable[Path]) -> None:
    """Refuse to write over what is read."""
    for out in outputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise InputError(
                asked=f"write the footprint of {path.name} to {out}",
                found="that is the very file that is read",
                remedy="Give another name with --out.",
            )


def _check_input(path: Path) -> None:
    """Refuse what is no file before it is taken for one of a wrong format."""
    if path.is_dir():
        raise InputError(
            asked=f"the footprint of {path.name}",
            found="it is a folder",
            remedy="Give one file of trades; for many, ingest them and materialize footprint.",
        )


def _land(workspace: Workspace, path: Path, options: FootprintOptions, tell: Tell) -> None:
    """Land the file; say what was set aside of it."""
    report = next(iter(ingest_files(workspace, [path], symbol=options.symbol, zone=options.zone)))
    if report.status is FileStatus.REJECT:
        reason = report.reasons[0]
        raise InputError(
            asked=f"the footprint of {path.name}",
            found=f"{reason.rule}: {reason.where}",
            remedy=reason.remedy or "Give a file of trades.",
        )
    for reason in report.reasons:
        tell(reason.line)


def _chosen_symbol(workspace: Workspace, path: Path, options: FootprintOptions) -> str:
    """Return the one symbol whose trades are wanted."""
    there = sorted({entry.symbol for entry in workspace.lake.index.entries("raw_ticks")})
    if not there:
        raise InputError(
            asked=f"the footprint of {path.name}",
            found="it holds no trades",
            remedy="Give a file of trades: a tick database, DBN trades, or CSV or Parquet of them.",
        )
    wanted = there if options.symbol is None else [s for s in there if s == options.symbol]
    if len(wanted) != 1:
        raise InputError(
            asked=f"the footprint of {options.symbol or 'one symbol'} in {path.name}",
            found=f"its symbols are {', '.join(there)}",
            remedy="Choose one of them with --symbol.",
        )
    return wanted[0]


def _with_tick_size(workspace: Workspace, symbol: str, tick: int) -> Workspace:
    """Return the workspace with a tick size that the user states."""
    book = workspace.instruments
    stated = {**book.entries.get(symbol, {}), "tick_size": tick / PRICE_SCALE}
    kind = {"asset_class": workspace.instrument(symbol).asset_class}
    entries = {**book.entries, symbol: kind | stated}
    return replace(workspace, instruments=replace(book, entries=entries))


def _choose_contract(view: LakeView, symbol: str, options: FootprintOptions) -> None:
    """Leave only the wanted contract in the lake, if one is named."""
    if options.contract is None:
        return
    landed = view.workspace.lake.index.entries("raw_ticks", symbol=symbol)
    there = sorted({entry.levels.get("contract", "") for entry in landed} - {""})
    if options.contract not in there:
        raise InputError(
            asked=f"the footprint of contract {options.contract}",
            found=f"contracts of {symbol} there are {', '.join(there) or 'none'}",
            remedy="Choose one of them with --contract." if there else "Leave --contract out.",
        )
    for table in ("raw_ticks", "raw_bars"):
        for entry in view.workspace.lake.index.entries(table, symbol=symbol):
            if entry.levels.get("contract") != options.contract:
                view.workspace.lake.drop(entry)
    view.reload()


def _cleaned(view: LakeView, symbol: str, tell: Tell) -> list[Entry]:
    """Return the cleaned ticks by session; say what could not be cleaned."""
    keys = [Key(symbol, day) for day in landed_sessions(view, symbol)]
    is_future = view.workspace.instrument(symbol).asset_class is AssetClass.FUTURE
    above: tuple[Recipe, ...] = (RollMapRecipe(),) if is_future else ()
    for recipe in (*above, CleanTicksRecipe()):
        for outcome in make_range(view.workspace, recipe, keys, view=view):
            if outcome.status in _UNMADE:
                tell(f"{recipe.asset} {outcome.key.session}: {outcome.reason}")
            if aside := outcome.counts.get("ticks_set_aside"):
                tell(f"{outcome.key.session}: {aside:,.0f} ticks set aside by the cleaning rules")
    if is_future:
        _tell_bootstraps(view, symbol, tell)
    found = [entry for key in keys for entry in view.at("clean_ticks", symbol, key.session)]
    if not found:
        raise InputError(
            asked=f"the footprint of {symbol}",
            found="no session of it could be cleaned",
            remedy="The lines before say why; a future's trades come with their contracts.",
        )
    return found


def _prices(view: LakeView, table: str, symbol: str) -> npt.NDArray[np.int64]:
    """Return the first five million prices of a table, in 1e-9."""
    parts: list[npt.NDArray[np.int64]] = []
    for entry in view.workspace.lake.index.entries(table, symbol=symbol):
        if sum(part.size for part in parts) < _MOST_PRICES:
            parts.append(view.workspace.lake.read(entry, columns=["price"])["price"].to_numpy())
    return np.concatenate(parts)


def _tell_bootstraps(view: LakeView, root: str, tell: Tell) -> None:
    """Say which contract was read where no earlier session told one, and how little it may be."""
    for entry in view.workspace.lake.index.entries(ROLL_MAP.name, symbol=root):
        row = view.read(entry).filter(pl.col("date") == entry.day).row(0, named=True)
        if row["bootstrap"] and row["contract"] != row["leader"]:
            read = f"{row['contract']} was read, volume {row['volume']:,.0f}"
            led = f"{row['leader']} had {row['leader_volume']:,.0f}"
            tell(f"{row['date']}: no session before it tells a leader, so {read}; {led}")


def _tell_sides(view: LakeView, cleaned: Iterable[Entry], tell: Tell) -> None:
    """Say by which method the aggressors were told."""
    counts: Counter[str] = Counter()
    for entry in cleaned:
        counts.update(view.read(entry)["side_method"].cast(pl.String).to_list())
    told = (f"{name} {100 * counts[name] / counts.total():.1f} %" for name in SIDE_METHODS)
    tell(f"aggressors told by: {', '.join(told)}")


def _told_tick(view: LakeView, symbol: str, tell: Tell) -> int:
    """Return the tick size that the prices tell, and say so.

    The list's counts where it is coarser and fits: few prices may lie on a finer grid by chance.
    """
    prices = _prices(view, "clean_ticks", symbol)
    inferred = infer_tick_units(prices) or 1
    listed = view.workspace.instrument(symbol).tick_size
    step = price_units(listed) if listed else inferred
    if step > inferred and not (prices % step).any():
        tell(f"tick size {price_name(step)} of {symbol} by the list of instruments")
        return step
    beside = f"; the list of instruments says {price_name(step)}" if step != inferred else ""
    tell(f"tick size {price_name(inferred)} inferred from {prices.size:,} prices{beside}")
    return inferred
