"""The roll map of a tick database, straight from the file and without a lake."""

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from quant_assets.market.errors import InputError
from quant_assets.market.instruments import InstrumentBook
from quant_assets.storage.package_data import load_calendars, load_instruments
from quant_assets.storage.readers.base import Landed, RawBatch, Remark, SetAside, SourceFile
from quant_assets.storage.readers.sniff import FormatGuess, detect
from quant_assets.storage.readers.sqlite import TickSqliteReader
from quant_assets.ticks.open_interest import daily_open_interest
from quant_assets.ticks.roll_dates import DateBasis, date_bounds, dates_of, parse_date_basis
from quant_assets.ticks.roll_map import RESTS_ON, decide_rolls
from quant_assets.ticks.roll_modes import Grounds, RollMode, parse_mode, sessions_before_expiry
from quant_assets.ticks.schema import RAW_DEFINITIONS
from quant_assets.workflows.landing.report import Reasons
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


_VOLUMES = ("contract", "date", "volume")
_RECORDS = ("ts", "raw_symbol", "kind", "payload")


@dataclass(frozen=True)
class FileRule:
    """How the contract of a date is chosen.

    Parameters
    ----------
    days
        Sessions before expiry, for mode `days_before_expiry` alone; None is five.
    """

    mode: RollMode
    basis: DateBasis
    raw_leader: bool
    days: int | None


@dataclass(frozen=True)
class FileRollMap:
    """The roll map of a file in the published columns, by root and date.

    Parameters
    ----------
    without_open_interest
        Dates of mode `open_interest` that had none to go by.
    remarks
        What was set aside of the file, and what is odd in it, a line a rule.
    """

    rows: pl.DataFrame
    without_open_interest: int
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Landed:
    """Volumes of a root's contracts by date, and records of its statistics with their dates."""

    volumes: pl.DataFrame
    records: pl.DataFrame


def roll_map_of_file(
    path: Path,
    *,
    root: str | None = None,
    mode: str = "previous_day",
    date_basis: str = "session",
    raw_leader: bool = False,
    days: int | None = None,
) -> FileRollMap:
    """Return the roll map of each root in a tick database, by root and date.

    Parameters
    ----------
    days
        Sessions before expiry, for mode `days_before_expiry` alone; None is five.

    Raises
    ------
    InputError
        If mode or basis is unknown, `days` does not fit the mode, the file is no database, or the
        root is not in it.
    FileRejectedError
        If the file cannot be read.
    """
    rule = FileRule(parse_mode(mode), parse_date_basis(date_basis), raw_leader, days)
    sessions_before_expiry(rule.mode, days)
    if not path.is_file() or detect(path) is not FormatGuess.SQLITE:
        raise InputError(
            asked=f"the roll map of {path.name}",
            found="no SQLite database" if path.exists() else "no such file",
            remedy="Give a tick database with one table a contract.",
        )
    book = load_instruments()
    reasons = Reasons()
    landed = _landed(path, rule.basis, book, reasons)
    remarks = tuple(reason.line for reason in reasons.listed())
    roots = sorted(landed) if root is None else [root]
    if not roots or (root is not None and root not in landed):
        raise InputError(
            asked=f"the roll map of {root or 'any root'} in {path.name}",
            found="; ".join([f"its roots are {', '.join(sorted(landed)) or 'none'}", *remarks]),
            remedy="Choose one of them with --root.",
        )
    rows = pl.concat([_of_root(landed[one], one, rule, book) for one in roots])
    is_by_volume = (pl.col(RESTS_ON) == Grounds.VOLUME) & (pl.col("mode") == RollMode.OPEN_INTEREST)
    return FileRollMap(rows.select(COLUMNS), rows.filter(is_by_volume).height, remarks)


def _of_root(landed: _Landed, root: str, rule: FileRule, book: InstrumentBook) -> pl.DataFrame:
    """Return the map of one root in the published columns, and what each row rests on."""
    calendar = load_calendars()[book.instrument(root).calendar]
    made = decide_rolls(
        landed.volumes,
        mode=rule.mode,
        bounds=date_bounds(rule.basis, bounds=calendar.bounds),
        raw_leader=rule.raw_leader,
        sessions_after=calendar.next,
        business_days=load_calendars()[BUSINESS_DAYS],
        days=rule.days,
        open_interest=daily_open_interest(landed.records),
    )
    return made.with_columns(
        root=pl.lit(root), mode=pl.lit(rule.mode.value), date_basis=pl.lit(rule.basis.value)
    )


def _landed(
    path: Path, basis: DateBasis, book: InstrumentBook, reasons: Reasons
) -> dict[str, _Landed]:
    """Return what every root of the database gives, roots without volume left out."""
    volumes: dict[str, list[pl.DataFrame]] = defaultdict(list)
    records: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for batch in _batches(path, reasons):
        calendar = load_calendars()[book.instrument(batch.symbol).calendar]
        time = "bar_start" if batch.kind is Landed.BARS else "ts"
        dates = dates_of(batch.frame[time], basis, assign=calendar.assign).alias("date")
        if batch.kind is Landed.DEFINITIONS:
            records[batch.symbol].append(batch.frame.select(*_RECORDS, dates))
        else:
            volumes[batch.symbol].append(_summed(batch, dates))
    no_records = RAW_DEFINITIONS.empty().select(*_RECORDS, date="session")
    return {
        root: _Landed(pl.concat(found), pl.concat([no_records, *records[root]]))
        for root, found in volumes.items()
    }


def _summed(batch: RawBatch, dates: pl.Series) -> pl.DataFrame:
    """Return contract, date and volume of a batch."""
    volume = batch.frame["qty" if batch.kind is Landed.TICKS else "volume"].alias("volume")
    by_date = pl.DataFrame([dates, volume]).group_by("date").agg(pl.col("volume").sum())
    return by_date.with_columns(contract=pl.lit(batch.contract)).select(_VOLUMES)


def _batches(path: Path, reasons: Reasons) -> Iterator[RawBatch]:
    """Yield the rows of the database and the open interest among them; note all else."""
    source = SourceFile(path, path.name, hashlib.sha256().hexdigest(), path.stat().st_size)
    with tempfile.TemporaryDirectory() as scratch:
        for event in TickSqliteReader(source, Path(scratch)).events():
            if isinstance(event, SetAside):
                reasons.add(event.rule, event.place, count=event.count)
            elif isinstance(event, Remark):
                reasons.add(event.rule, event.where, count=event.count)
            elif event.frame.height:
                yield event
