"""Reader of tick databases: SQLite files with one table a contract, also while one is written."""

import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quant_assets.market.contracts import Contract
from quant_assets.market.timeframes import NS_PER_DAY
from quant_assets.storage.readers.base import Landed, RawBatch, Remark, SetAside, SourceFile, Tally
from quant_assets.storage.readers.sqlite_access import (
    DATABASE_ERRORS,
    Database,
    open_database,
    rejected,
)
from quant_assets.storage.readers.sqlite_frames import Typed
from quant_assets.storage.readers.sqlite_interest import InterestRecords
from quant_assets.storage.readers.sqlite_rows import TableDamagedError, TableRows, read_table
from quant_assets.storage.readers.sqlite_sql import count_rows
from quant_assets.storage.readers.sqlite_stamps import DEFAULT_ZONE, StampReader
from quant_assets.storage.readers.sqlite_tables import (
    Catalogue,
    TickTable,
    catalogue,
    count_foreign,
    describe,
)

_EPOCH = date(1970, 1, 1)
_BAR_SCHEMA = "ohlcv-1m"
_NAMED = 10
_NAME_SHOWN = 200

Event = RawBatch | SetAside | Remark


class TickSqliteReader:
    """Reader of one tick database.

    Tables `<contract>_TICK` land as ticks, `<contract>_MIN` as minute bars whose close is the
    column `price`; side is unknown. Stamps without a zone are local time of the source's zone, by
    default Asia/Kolkata; those with `Z` or an offset count by their own. Numbers and null are no
    stamps (`bad_stamp`). Names that only look like these are not read: their rows are counted and
    set aside (`table_name`). A table that cannot be read to its end is dropped whole
    (`damaged_table`, counted as one), one that lacks a column it needs too (`missing_column`).
    Prices are rounded to 1e-9. A column `open_interest` or `oi` lands as records of kind
    `statistics`, the last figure of each half hour, which count as rows beside those of the table;
    a value that is no number, or is below 0, is no figure.

    The file is opened read-only, and nothing is left beside it. While a table is read, a writer in
    rollback mode waits; one in WAL mode does not.

    Parameters
    ----------
    source
        File to read.
    scratch
        Folder for what does not fit in memory; emptied afterwards.
    """

    format: str = "tick-sqlite"

    def __init__(self, source: SourceFile, scratch: Path) -> None:
        self._source = source
        self._scratch = scratch
        self._stamps = StampReader(source.zone or DEFAULT_ZONE)
        self._volumes = _DayVolumes()
        self.tally = Tally()

    def events(self) -> Iterator[Event]:
        """Give the tables in the order of their names, then the look-alikes, then the remarks.

        Raises
        ------
        FileRejectedError
            If nothing of the file may be committed.
        """
        with (
            tempfile.TemporaryDirectory(prefix="sqlite-", dir=self._scratch) as folder,
            open_database(self._source.path, Path(folder)) as database,
        ):
            names = self._catalogue(database.rows)
            for done, name in enumerate(names.read, start=1):
                yield from self._table(database, name, Path(folder))
                self.tally.bytes_read = self._source.size * done // len(names.read)
            for name in names.look_alikes:
                yield self._look_alike(database.rows, name)
        yield from self._volumes.ties()

    def _catalogue(self, connection: sqlite3.Connection) -> Catalogue:
        """Sort the names of the file, and reject it where nothing of it is read."""
        try:
            names = catalogue(connection)
        except DATABASE_ERRORS as error:
            raise rejected("damaged_database", str(error), "Download it again.") from error
        if names.others:
            self.tally.notes["tables_not_read"] = ", ".join(names.others[:_NAMED])
        if not names.read:
            shown = ", ".join((*names.look_alikes, *names.others)[:_NAMED]) or "nothing"
            raise rejected(
                "no_tick_tables",
                f"it holds {shown}",
                "Tables are named like GCZ13_TICK or ESZ13_MIN.",
            )
        return names

    def _table(self, database: Database, name: str, folder: Path) -> Iterator[Event]:
        """Give the rows of one table, or say why it was dropped."""
        try:
            table = describe(database.rows, name)
            if table.missing:
                yield self._without_columns(database.rows, table)
                return
            make = partial(Typed, kind=table.kind, stamps=self._stamps)
            with read_table(database, table, make, folder) as rows:
                self.tally.rows_in += rows.count
                yield from self._rows(table, rows)
        except (TableDamagedError, *DATABASE_ERRORS) as error:
            self.tally.rows_in += 1
            kind = Landed.TICKS if name.endswith("_TICK") else Landed.BARS
            yield SetAside("damaged_table", place=name, raw=str(error), kind=kind)

    def _rows(self, table: TickTable, rows: TableRows) -> Iterator[Event]:
        if rows.count == 0:
            yield Remark("empty_table", where=table.name)
        for row in rows.unreadable:
            yield self._aside("unreadable_number", table, row.place, row.raw, row.count)
        interest = InterestRecords(table)
        for typed in rows.batches:
            for bad in typed.bad_rows:
                yield self._aside(bad.rule, table, bad.place, bad.raw)
            if not typed.frame.height:
                continue
            self._volumes.add(table, typed.stamps_ns, typed.volumes)
            interest.add(typed)
            yield RawBatch(
                kind=table.kind,
                symbol=table.contract.root,
                contract=table.contract.code,
                frame=typed.frame,
                bar_schema=_BAR_SCHEMA if table.kind is Landed.BARS else None,
                place_prefix=f"{table.name}:",
            )
        if interest.count:
            self.tally.rows_in += interest.count
            yield interest.batch()

    @staticmethod
    def _aside(rule: str, table: TickTable, place: int, raw: str, count: int = 1) -> SetAside:
        return SetAside(
            rule,
            place=f"{table.name}:{place}",
            raw=raw,
            count=count,
            symbol=table.contract.root,
            kind=table.kind,
        )

    def _without_columns(self, connection: sqlite3.Connection, table: TickTable) -> Event:
        count = int(connection.execute(count_rows(table.name)).fetchone()[0])
        self.tally.rows_in += count
        if count == 0:
            return Remark("empty_table", where=table.name)
        return SetAside(
            "missing_column",
            place=table.name,
            raw=f"no column {', '.join(table.missing)}",
            count=count,
            symbol=table.contract.root,
            kind=table.kind,
        )

    def _look_alike(self, connection: sqlite3.Connection, name: str) -> Event:
        count = count_foreign(connection, name)
        self.tally.rows_in += count
        shown = name[:_NAME_SHOWN]
        if count == 0:
            return Remark("empty_table", where=shown)
        return SetAside("table_name", place=shown, raw=shown, count=count, kind=Landed.TICKS)


class _DayVolumes:
    """Volume by root, kind of table, UTC day and contract."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, Landed, int], dict[Contract, float]] = defaultdict(dict)

    def add(
        self, table: TickTable, stamps_ns: npt.NDArray[np.int64], volumes: npt.NDArray[np.float64]
    ) -> None:
        """Add the volumes of a batch; a missing one adds nothing."""
        days = stamps_ns // NS_PER_DAY
        first = int(days.min())
        # Stamps lie within five centuries, so counting from the first day needs no sorting.
        places = days - first
        sums = np.bincount(places, weights=np.nan_to_num(volumes, nan=0.0))
        for place in np.flatnonzero(np.bincount(places)).tolist():
            by_contract = self._sums[table.contract.root, table.kind, first + place]
            volume = float(sums[place])
            by_contract[table.contract] = by_contract.get(table.contract, 0.0) + volume

    def ties(self) -> Iterator[Remark]:
        """Give a remark for each day on which several contracts share the highest volume."""
        for (root, _, day), volumes in sorted(self._sums.items()):
            highest = max(volumes.values())
            leaders = sorted(contract for contract in volumes if volumes[contract] == highest)
            if highest > 0 and len(leaders) > 1:
                codes = ", ".join(contract.code for contract in leaders)
                on = _EPOCH + timedelta(days=day)
                where = f"{on} UTC: {codes} of {root} traded {highest:g} each; nearer expiry leads"
                yield Remark("volume_tie", where=where)
