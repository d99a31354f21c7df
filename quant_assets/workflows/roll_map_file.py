"""The roll map of a tick database, straight from the file and without a lake."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from quant_assets.market.contracts import root_of
from quant_assets.market.errors import InputError
from quant_assets.market.instruments import InstrumentBook
from quant_assets.storage.package_data import load_calendars, load_instruments
from quant_assets.storage.readers.base import Landed, RawBatch, SourceFile
from quant_assets.storage.readers.sniff import FormatGuess, detect
from quant_assets.storage.readers.sqlite import TickSqliteReader
from quant_assets.ticks.roll_map import (
    DateBasis,
    build_roll_map,
    date_bounds,
    dates_of,
    parse_date_basis,
    parse_mode,
)
from quant_assets.workflows.recipes.roll_history import BUSINESS_DAYS

COLUMNS = (
    "date",
    "root",
    "contract",
    "volume",
    "leader",
    "leader_volume",
    "runner_up",
    "runner_up_volume",
    "rolled",
    "bootstrap",
    "mode",
    "date_basis",
    "known_at",
)


def roll_map_of_file(
    path: Path,
    *,
    root: str | None = None,
    mode: str = "previous_day",
    date_basis: str = "session",
    raw_leader: bool = False,
) -> pl.DataFrame:
    """Return the roll map of each root in a tick database, by root and date.

    Raises
    ------
    InputError
        If mode or basis is unknown, the file is no database, or the root is not in it.
    FileRejectedError
        If the file cannot be read.
    """
    parse_mode(mode)
    basis = parse_date_basis(date_basis)
    if not path.is_file() or detect(path) is not FormatGuess.SQLITE:
        raise InputError(
            asked=f"the roll map of {path.name}",
            found="no SQLite database" if path.exists() else "no such file",
            remedy="Give a tick database with one table a contract.",
        )
    book = load_instruments()
    volumes = _volumes(path, basis, book)
    roots = sorted(set(volumes["root"])) if root is None else [root]
    if not roots or (root is not None and root not in set(volumes["root"])):
        raise InputError(
            asked=f"the roll map of {root or 'any root'} in {path.name}",
            found=f"its roots are {', '.join(sorted(set(volumes['root']))) or 'none'}",
            remedy="Choose one of them with --root.",
        )
    return pl.concat(
        [_of_root(volumes, one, mode, basis, book, raw_leader=raw_leader) for one in roots]
    )


def _of_root(
    volumes: pl.DataFrame,
    root: str,
    mode: str,
    basis: DateBasis,
    book: InstrumentBook,
    *,
    raw_leader: bool,
) -> pl.DataFrame:
    """Return the map of one root in the published columns."""
    calendar = load_calendars()[book.instrument(root).calendar]
    own = volumes.filter(pl.col("root") == root).drop("root")
    bounds = date_bounds(basis, bounds=calendar.bounds)
    made = build_roll_map(
        own,
        mode=mode,
        bounds=bounds,
        raw_leader=raw_leader,
        sessions_after=calendar.next,
        business_days=load_calendars()[BUSINESS_DAYS],
    )
    return made.with_columns(
        root=pl.lit(root), mode=pl.lit(mode), date_basis=pl.lit(basis.value)
    ).select(COLUMNS)


def _volumes(path: Path, basis: DateBasis, book: InstrumentBook) -> pl.DataFrame:
    """Return root, contract, date and volume of every table of the database."""
    parts = [
        frame.group_by("date")
        .agg(pl.col("volume").sum())
        .with_columns(contract=pl.lit(batch.contract), root=pl.lit(root_of(str(batch.contract))))
        for batch, frame in _dated(path, basis, book)
    ]
    empty = {"date": pl.Date, "volume": pl.Float64, "contract": pl.String, "root": pl.String}
    return pl.concat([pl.DataFrame(schema=empty), *(part.select(list(empty)) for part in parts)])


def _dated(
    path: Path, basis: DateBasis, book: InstrumentBook
) -> Iterator[tuple[RawBatch, pl.DataFrame]]:
    """Yield each batch of the database with date and volume of its rows."""
    source = SourceFile(path, path.name, hashlib.sha256().hexdigest(), path.stat().st_size)
    with tempfile.TemporaryDirectory() as scratch:
        for event in TickSqliteReader(source, Path(scratch)).events():
            if not isinstance(event, RawBatch) or event.kind not in {Landed.TICKS, Landed.BARS}:
                continue
            ticks = event.kind is Landed.TICKS
            ts = event.frame["ts" if ticks else "bar_start"]
            calendar = load_calendars()[book.instrument(event.symbol).calendar]
            dates = dates_of(ts, basis, assign=calendar.assign)
            volume = event.frame["qty" if ticks else "volume"].alias("volume")
            yield event, pl.DataFrame([dates.alias("date"), volume])
