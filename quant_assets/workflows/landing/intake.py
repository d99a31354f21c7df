"""Takes what a reader gives: judges rows, cuts them by session, keeps good and bad ones apart."""

import polars as pl

from quant_assets.bars.rules import judge_bars
from quant_assets.market.tables import check_symbol
from quant_assets.storage.readers.base import Landed, RawBatch, Remark, SetAside
from quant_assets.ticks.rules import judge_ticks
from quant_assets.workflows.landing.partition import Partition, levels_of, time_column
from quant_assets.workflows.landing.quarantine import quarantine_partition, quarantine_rows
from quant_assets.workflows.landing.report import Reasons
from quant_assets.workflows.landing.sessions import Cut, cut_by_date, cut_by_session, step_of
from quant_assets.workflows.landing.spill import Spill
from quant_assets.workflows.workspace import Workspace

UNKNOWN_INSTRUMENT = "unknown_instrument"

_READING_AIDS = ("place", "raw")

_TOLD_BY_RAW = frozenset({"damaged_table", "missing_column"})
"""Rules under which a whole table is set aside; its `raw` says what is wrong with it."""


class Intake:
    """The rows of one file on their way into the spill.

    Parameters
    ----------
    workspace
        Says which calendar a symbol trades by.
    spill
        Takes the rows by partition; bad ones under the table `quarantine`.
    """

    def __init__(self, workspace: Workspace, spill: Spill) -> None:
        self.spill = spill
        self.reasons = Reasons()
        self.quarantined = 0
        self._workspace = workspace
        self._symbols: set[str] = set()

    def take(self, event: RawBatch | SetAside | Remark) -> None:
        """Take one thing that a reader gave.

        Raises
        ------
        SymbolError
            If a batch's symbol or contract could be no folder of the lake.
        """
        if isinstance(event, Remark):
            self.reasons.add(event.rule, event.where, count=event.count)
        elif isinstance(event, SetAside):
            self._take_set_aside(event)
        elif event.frame.height:
            self._take_batch(event)

    def set_aside(self, partition: Partition, bad: pl.DataFrame, *, prefix: str = "") -> None:
        """Keep rows that a rule forbids, and count them.

        Parameters
        ----------
        partition
            Where they would have gone; the session may be None.
        bad
            The rows, with `place` and `rule`.
        prefix
            Written before each place.
        """
        if bad.height == 0:
            return
        rows = quarantine_rows(bad, prefix=prefix)
        self.spill.add(quarantine_partition(partition), rows)
        self.quarantined += rows.height
        for (rule,), group in rows.group_by("rule", maintain_order=True):
            self.reasons.add_all(str(rule), group["place"].to_list(), count=group.height)

    def _take_set_aside(self, event: SetAside) -> None:
        """Keep a row, or a thing of several rows, that the reader could not type."""
        levels = (("symbol", event.symbol),) if event.symbol else ()
        home = quarantine_partition(Partition(event.kind, levels, None))
        columns = {"place": [event.place], "rule": [event.rule], "raw": [event.raw]}
        rows = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
        self.spill.add(home, quarantine_rows(rows))
        self.quarantined += event.count
        told = f"{event.place}: {event.raw}" if event.rule in _TOLD_BY_RAW else event.place
        self.reasons.add(event.rule, told, count=event.count)

    def _take_batch(self, batch: RawBatch) -> None:
        """Judge a batch's rows and put each where it belongs."""
        self._meet(batch)
        levels = levels_of(batch)
        nowhere = Partition(batch.kind, levels, None)
        good, bad = _judged(batch)
        self._set_aside_by_session(nowhere, bad, prefix=batch.place_prefix)
        cut = self._cut(batch, good)
        unplaced = cut.without.with_columns(pl.lit(cut.rule).alias("rule"))
        self.set_aside(nowhere, unplaced, prefix=batch.place_prefix)
        for session, piece in cut.pieces:
            partition = Partition(batch.kind, levels, session)
            self.spill.add(partition, _stripped(batch, piece))

    def _set_aside_by_session(self, nowhere: Partition, bad: pl.DataFrame, *, prefix: str) -> None:
        """Keep bad rows under the session that their stamp says, where it says one."""
        if bad.height == 0:
            return
        time = time_column(nowhere.table)
        has_stamp = pl.col(time).is_not_null()
        calendar = self._workspace.calendar(nowhere.symbol)
        cut = cut_by_session(bad.filter(has_stamp), time=time, calendar=calendar)
        for session, piece in cut.pieces:
            home = Partition(nowhere.table, nowhere.levels, session)
            self.set_aside(home, piece, prefix=prefix)
        rest = pl.concat([bad.filter(~has_stamp), cut.without])
        self.set_aside(nowhere, rest, prefix=prefix)

    def _cut(self, batch: RawBatch, good: pl.DataFrame) -> Cut:
        """Cut good rows by the calendar of their symbol."""
        time = time_column(batch.kind)
        calendar = self._workspace.calendar(batch.symbol)
        if batch.kind is Landed.BARS and step_of(batch.bar_schema or "").is_daily:
            return cut_by_date(good, time=time, calendar=calendar)
        return cut_by_session(good, time=time, calendar=calendar)

    def _meet(self, batch: RawBatch) -> None:
        """Check a symbol's name once, and remark on one that no list knows."""
        if batch.contract:
            check_symbol(batch.contract)
        if batch.symbol not in self._symbols:
            self._symbols.add(check_symbol(batch.symbol))
            if not self._workspace.instrument(batch.symbol).known:
                self.reasons.add(UNKNOWN_INSTRUMENT, batch.symbol)


def _judged(batch: RawBatch) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that may land and those that may not, with their rule."""
    if batch.kind is Landed.BARS:
        return judge_bars(batch.frame)
    if batch.kind is Landed.TICKS:
        return judge_ticks(batch.frame)
    bad = batch.frame.filter(pl.col("ts").is_null())
    return (
        batch.frame.filter(pl.col("ts").is_not_null()) if bad.height else batch.frame,
        bad.with_columns(pl.lit("missing_value").alias("rule")),
    )


def _stripped(batch: RawBatch, piece: pl.DataFrame) -> pl.DataFrame:
    """Drop what is no longer needed: bars may still be set aside, and keep their place."""
    if batch.kind is not Landed.BARS:
        return piece.drop(*_READING_AIDS, *_empty_columns(piece), strict=False)
    place = pl.lit(batch.place_prefix) + pl.col("place").cast(pl.String)
    return piece.with_columns(place.alias("place")) if batch.place_prefix else piece


def _empty_columns(piece: pl.DataFrame) -> list[str]:
    """Return the columns that hold nothing: they come back when the partition is stored."""
    return [column.name for column in piece.iter_columns() if column.null_count() == piece.height]
