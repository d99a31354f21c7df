"""Reader of bars in CSV: MetaTrader 4 and 5, HistData, and any header with a time and OHLC."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.readers.base import (
    Landed,
    RawBatch,
    Remark,
    SetAside,
    SourceFile,
    Tally,
)
from quant_assets.storage.readers.csv_rows import PLACE_PREFIX, RowTyper
from quant_assets.storage.readers.csv_survey import Survey, step_of, survey_stamps
from quant_assets.storage.readers.csv_table import STAMP, CsvTable
from quant_assets.storage.readers.names import BarName, parse_bar_name
from quant_assets.storage.readers.text import refuse

DEFAULT_ZONE = "UTC"
"""Zone of stamps that name none."""

_NUMBERS = ("open", "high", "low", "close", "volume")


@dataclass
class OrderWatch:
    """Counts rows whose stamp lies before that of the row above."""

    count: int = 0
    first_place: int = 0
    _last_ns: int | None = None

    def see(self, places: pl.Series, ts: pl.Series) -> None:
        """Look at the rows of one block, in the file's order; `ts` has no nulls."""
        if ts.is_empty():
            return
        ns = ts.dt.epoch("ns").to_numpy()
        before = np.concatenate([[ns[0] if self._last_ns is None else self._last_ns], ns[:-1]])
        is_back = ns < before
        if self.count == 0 and is_back.any():
            self.first_place = int(places[int(np.argmax(is_back))])
        self.count += int(is_back.sum())
        self._last_ns = int(ns[-1])

    def remarks(self, place_prefix: str = PLACE_PREFIX) -> Iterator[Remark]:
        """Give the remark `out_of_order`, if any row was."""
        if self.count:
            yield Remark("out_of_order", f"{place_prefix}{self.first_place}", self.count)


class CsvBarsReader:
    """Reads bars from a CSV; the whole file is looked through once before rows are given.

    Symbol and length of the bars come from the name (`EURUSD15.csv`) or the user; a name that
    contradicts the rows loses, and a remark says so. Without a column of volume it is 0, also
    with a remark. Daily stamps name a session, so the zone does not move them.

    Raises
    ------
    FileRejectedError
        The rules of `parse_bar_name`, `recognise` and `survey_stamps`; `no_rows`; `no_time_step`;
        `no_readable_row` where every row was set aside; `unknown_zone`.
    """

    def __init__(self, source: SourceFile, *, table: CsvTable | None = None) -> None:
        self._named: BarName = parse_bar_name(source.name, symbol=source.symbol)
        self._source = source
        self._table = CsvTable(source) if table is None else table
        self.format = self._table.dialect.format
        self.tally = Tally()

    def events(self) -> Iterator[RawBatch | SetAside | Remark]:
        """Give rows, rows set aside, then remarks."""
        survey = survey_table(self._table)
        if survey.family.startswith("epoch"):
            self.format = "csv-epoch"
        step = step_of(survey.steps, named=self._named.timeframe, file_name=self._source.name)
        zone = DEFAULT_ZONE if step.is_daily else self._source.zone or DEFAULT_ZONE
        self.tally = Tally(notes={"dates": survey.family, "zone": zone, "step": step.name})
        typer = RowTyper(
            table=self._table,
            survey=survey,
            zone=zone,
            numbers=tuple(role for role in _NUMBERS if role in self._table.dialect.columns),
            symbol=self._named.symbol,
            kind=Landed.BARS,
        )
        yield from self._typed_events(typer, step)
        yield from self._remarks(step)

    def _typed_events(
        self, typer: RowTyper, step: Timeframe
    ) -> Iterator[RawBatch | SetAside | Remark]:
        order, n_given = OrderWatch(), 0
        for typed in typer.typed(self.tally):
            yield from typed.set_aside
            frame = typed.frame
            if frame.is_empty():
                continue
            order.see(frame["place"], frame["ts"])
            n_given += frame.height
            yield RawBatch(
                kind=Landed.BARS,
                symbol=self._named.symbol,
                frame=bar_frame(frame),
                bar_schema=f"ohlcv-{step.name}",
                place_prefix=PLACE_PREFIX,
            )
        check_some_given(n_given, file_name=self._source.name)
        yield from order.remarks()

    def _remarks(self, step: Timeframe) -> Iterator[Remark]:
        named = self._named.timeframe
        if named is None:
            yield Remark("timeframe_inferred", f"rows are {step} apart")
        elif named != step:
            yield Remark("timeframe_differs", f"the name says {named}, rows are {step} apart")
        if "volume" not in self._table.dialect.columns:
            yield Remark("no_volume_column", "header")


def bar_frame(rows: pl.DataFrame) -> pl.DataFrame:
    """Return typed rows in the value columns of `raw_bars`, with `place` and `raw`."""
    no_volume = [] if "volume" in rows.columns else [pl.lit(0.0).alias("volume")]
    return rows.with_columns(
        pl.lit(None, pl.Float64).alias("bid"), pl.lit(None, pl.Float64).alias("ask"), *no_volume
    ).select(
        "place",
        "raw",
        pl.col("ts").alias("bar_start"),
        *_NUMBERS,
        "bid",
        "ask",
    )


def survey_table(table: CsvTable) -> Survey:
    """Look through all stamps of a CSV.

    Raises
    ------
    FileRejectedError
        Rule `no_rows`, and the rules of `survey_stamps`.
    """
    n_filled = 0

    def chunks() -> Iterator[tuple[pl.Series, pl.Series]]:
        nonlocal n_filled
        for rows in table.rows():
            n_filled += rows.n_filled
            yield rows.cells["place"], rows.cells[STAMP]
        if not n_filled:
            raise refuse(
                table.source.name,
                rule="no_rows",
                found="it has a header and no rows",
                remedy="Export it again for a range that has data.",
            )

    return survey_stamps(chunks(), file_name=table.source.name)


def check_some_given(n_given: int, *, file_name: str) -> None:
    """Raise `FileRejectedError` under rule `no_readable_row` where no row could be typed."""
    if not n_given:
        raise refuse(
            file_name,
            rule="no_readable_row",
            found="none of its rows could be read",
            remedy="See the rules under which they were set aside: quant ingest --json.",
        )
