"""The footprint of one file of trades, without a lake of the user's.

The file is landed in a lake of its own for the time being, and goes the way of every other: the
same readers, sessions, roll map and cleaning, so a file and the asset give the same figures.
"""

import tempfile
from collections.abc import Callable, Iterator
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
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.report import FileReport, FileStatus
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import BROKEN, Key, Recipe
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
    path: Path, options: FootprintOptions, *, tell: Tell = lambda _: None
) -> FileFootprint:
    """Return the footprints of a file of trades.

    Parameters
    ----------
    tell
        Told what a reader of the result should know: rows set aside, the tick size.

    Raises
    ------
    InputError
        If the file cannot be read or holds no trades, the bars, symbol, contract or a price step
        are none of it, or the tick size does not fit the prices.
    """
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
        tick = tick or _inferred_tick(view, symbol, tell)
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
    for line in _remarks(report):
        tell(line)


def _remarks(report: FileReport) -> Iterator[str]:
    """Yield what a reader should know of a landed file."""
    for reason in report.reasons:
        yield f"{reason.rule} ({reason.count:,}): {reason.where}".removesuffix(": ")


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
            remedy="Choose one of them with --contract.",
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
            if outcome.status in BROKEN:
                tell(f"{recipe.asset} {outcome.key.session}: {outcome.reason}")
            if aside := outcome.counts.get("ticks_set_aside"):
                tell(f"{outcome.key.session}: {aside:,.0f} ticks set aside by the cleaning rules")
    found = [entry for key in keys for entry in view.at("clean_ticks", symbol, key.session)]
    if not found:
        raise InputError(
            asked=f"the footprint of {symbol}",
            found="no session of it could be cleaned",
            remedy="See the lines above; --contract takes one contract without a roll map.",
        )
    return found


def _prices(view: LakeView, table: str, symbol: str) -> npt.NDArray[np.int64]:
    """Return the first five million prices of a table, in 1e-9."""
    parts: list[npt.NDArray[np.int64]] = []
    for entry in view.workspace.lake.index.entries(table, symbol=symbol):
        if sum(part.size for part in parts) < _MOST_PRICES:
            parts.append(view.workspace.lake.read(entry, columns=["price"])["price"].to_numpy())
    return np.concatenate(parts)


def _inferred_tick(view: LakeView, symbol: str, tell: Tell) -> int:
    """Return the tick size that the prices tell, and say so."""
    prices = _prices(view, "clean_ticks", symbol)
    tick = infer_tick_units(prices) or 1
    listed = view.workspace.instrument(symbol).tick_size
    beside = f"; the list says {listed:g}" if listed and price_units(listed) != tick else ""
    tell(f"tick size {price_name(tick)} inferred from {prices.size:,} prices{beside}")
    return tick
