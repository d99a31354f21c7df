"""Reader of trades in Parquet, with the aggressor's side; batch by batch, in bounded memory."""

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers import csv_columns as columns
from quant_assets.storage.readers.base import (
    Landed,
    RawBatch,
    Remark,
    SetAside,
    SourceFile,
    Tally,
)
from quant_assets.storage.readers.csv_bars import DEFAULT_ZONE, OrderWatch, check_some_given
from quant_assets.storage.readers.csv_rows import first_rule
from quant_assets.storage.readers.csv_stamps import (
    FIRST_YEAR,
    LAST_YEAR,
    ParsedStamps,
    check_zone,
    place_in_zone,
)
from quant_assets.storage.readers.csv_survey import Survey, survey_stamps
from quant_assets.storage.readers.names import parse_trades_name
from quant_assets.storage.readers.text import BLANKS, cut_raw, refuse
from quant_assets.storage.readers.trades import trade_frame, trade_rules

BATCH_ROWS = 250_000
"""Rows that are held at once."""

PLACE_PREFIX = "record "
"""Written before the number of a row, which counts from 1."""

_RULE = "rule"
_STAMP = "stamp"


class TradesParquetReader:
    """Reads trades from a Parquet file with a time, price, quantity and aggressor side.

    Times are timestamps, epoch counts or text. Symbol, sides and kinds are those of
    `TradesCsvReader`; rows are counted by the file's footer.

    Raises
    ------
    FileRejectedError
        Rule `damaged_parquet` where the file cannot be read to its end or holds another number of
        rows than its footer says; `unsupported_parquet` for bars or nested columns;
        `missing_column`, `not_trades`, `no_rows`, `no_readable_row`, `unknown_zone`; the rules of
        `parse_trades_name` and `survey_stamps`.
    """

    def __init__(self, source: SourceFile, *, batch_rows: int = BATCH_ROWS) -> None:
        self._symbol = parse_trades_name(source.name, symbol=source.symbol)
        self._source = source
        self._batch_rows = batch_rows
        self._zone = source.zone or DEFAULT_ZONE
        self.format = "trades-parquet"
        self.tally = Tally()

    def events(self) -> Iterator[RawBatch | SetAside | Remark]:
        """Give rows, rows set aside, then remarks."""
        check_zone(self._zone, file_name=self._source.name)
        try:
            with pq.ParquetFile(self._source.path, page_checksum_verification=True) as file:
                yield from self._read(file)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(" ".join(str(error).split())[:200]) from error

    def _read(self, file: pq.ParquetFile) -> Iterator[RawBatch | SetAside | Remark]:
        names = file.schema_arrow.names
        places = self._places(names)
        n_rows = file.metadata.num_rows
        if not n_rows:
            raise refuse(
                self._source.name,
                rule="no_rows",
                found="it has no rows",
                remedy="Export it again for a range that has data.",
            )
        survey = self._survey(file, places)
        dates = survey.family if survey else "timestamp"
        self.tally = Tally(
            rows_in=n_rows,
            bytes_read=self._source.size,
            notes={"dates": dates, "zone": self._zone},
        )
        yield from self._rows(file, places, survey)

    def _rows(
        self, file: pq.ParquetFile, places: dict[str, str], survey: Survey | None
    ) -> Iterator[RawBatch | SetAside | Remark]:
        order, n_read, n_given = OrderWatch(), 0, 0
        for batch in self._batches(file, places):
            rows = batch.with_row_index("place", offset=n_read + 1)
            n_read += batch.height
            typed = self._typed(rows, survey)
            is_bad = typed[_RULE].is_not_null()
            yield from self._set_aside(rows.filter(is_bad), typed[_RULE].filter(is_bad))
            good = typed.filter(~is_bad)
            if good.is_empty():
                continue
            order.see(good["place"], good["ts"])
            n_given += good.height
            yield RawBatch(
                kind=Landed.TICKS,
                symbol=self._symbol,
                frame=trade_frame(good),
                place_prefix=PLACE_PREFIX,
            )
        if n_read != self.tally.rows_in:
            raise self._damaged(f"it holds {n_read} rows and says {self.tally.rows_in}")
        check_some_given(n_given, file_name=self._source.name)
        yield from order.remarks(PLACE_PREFIX)

    def _places(self, names: list[str]) -> dict[str, str]:
        """Return the file's name of each role's column."""
        normal = [columns.normal_name(name) for name in names]
        if not columns.is_trades(normal) and {"open", "high", "low", "close"} <= set(normal):
            raise refuse(
                self._source.name,
                rule="unsupported_parquet",
                found="it holds bars, and bars are not read from Parquet",
                remedy="Export them as CSV, for example EURUSD15.csv.",
            )
        roles = columns.trade_places(normal, file_name=self._source.name)
        stamp = columns.stamp_places(normal)[0]
        return {_STAMP: names[stamp]} | {role: names[place] for role, place in roles.items()}

    def _batches(self, file: pq.ParquetFile, places: dict[str, str]) -> Iterator[pl.DataFrame]:
        """Give rows with one column a role: numbers and sides as text or number, as they stand."""
        wanted = list(places.values())
        for batch in file.iter_batches(batch_size=self._batch_rows, columns=wanted):
            frame = pl.DataFrame(pl.from_arrow(batch))
            flat = frame.select(pl.col(name).alias(role) for role, name in places.items())
            if nested := [role for role, dtype in flat.schema.items() if dtype.is_nested()]:
                raise refuse(
                    self._source.name,
                    rule="unsupported_parquet",
                    where=f"column {places[nested[0]]}",
                    found=f"column {places[nested[0]]} is nested",
                    remedy="Write it as plain numbers or text.",
                )
            yield flat

    def _survey(self, file: pq.ParquetFile, places: dict[str, str]) -> Survey | None:
        """Look through all stamps that are numbers or text; timestamps need no survey."""
        dtype = file.schema_arrow.field(places[_STAMP]).type
        if pa.types.is_timestamp(dtype) or pa.types.is_date(dtype):
            return None
        batches = self._batches(file, {_STAMP: places[_STAMP]})
        texts = (stamp_texts(batch[_STAMP]) for batch in batches)
        return survey_stamps(
            _with_places(texts), file_name=self._source.name, unit=PLACE_PREFIX.strip()
        )

    def _typed(self, rows: pl.DataFrame, survey: Survey | None) -> pl.DataFrame:
        """Add `ts` and `rule`, the first rule that a row breaks, and type the columns."""
        told = [r for r in ("side", "buyer_is_maker", "kind") if r in rows.columns]
        texts = rows.with_columns(pl.col("place").cast(pl.UInt64), pl.col(*told).cast(pl.String))
        placed = place_in_zone(_stamps(rows[_STAMP], survey), self._zone)
        in_text = [n for n in ("price", "qty") if rows.schema[n] == pl.String]
        rule = first_rule(placed, more_rules=trade_rules(rows.columns), numbers=in_text)
        return texts.with_columns(
            placed.ts.alias("ts"),
            rule.alias(_RULE),
            pl.col("price", "qty").cast(pl.Float64, strict=False),
        )

    def _set_aside(self, bad: pl.DataFrame, rules: pl.Series) -> Iterator[SetAside]:
        for rule, row in zip(rules, bad.iter_rows(named=True), strict=True):
            place = row.pop("place")
            yield SetAside(
                rule=rule,
                place=f"{PLACE_PREFIX}{place}",
                raw=cut_raw(", ".join(f"{name}={value}" for name, value in row.items())),
                symbol=self._symbol,
                kind=Landed.TICKS,
            )

    def _damaged(self, found: str) -> FileRejectedError:
        return refuse(
            self._source.name,
            rule="damaged_parquet",
            found=f"the Parquet file is damaged or cut off: {found}",
            remedy="Download or export it again.",
        )


def stamp_texts(stamps: pl.Series) -> pl.Series:
    """Return text or epoch stamps as text; floats count where they are whole numbers."""
    if stamps.dtype.is_float():
        whole = stamps.set((stamps != stamps.floor()).fill_null(value=False), None)
        stamps = whole.cast(pl.Int64, strict=False)
    return stamps.cast(pl.String).str.strip_chars(BLANKS)


def _stamps(stamps: pl.Series, survey: Survey | None) -> ParsedStamps:
    if survey is not None:
        return survey.parse(stamp_texts(stamps))
    is_zoned = getattr(stamps.dtype, "time_zone", None) is not None
    utc = stamps.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if is_zoned else stamps
    year = utc.dt.year()
    is_valid = ((year >= FIRST_YEAR) & (year <= LAST_YEAR)).fill_null(value=False)
    ns = utc.set(~is_valid, None).cast(pl.Datetime("ns")).dt.epoch("ns").fill_null(0)
    return ParsedStamps(ns.to_numpy(), is_valid.to_numpy(), np.full(len(stamps), is_zoned))


def _with_places(texts: Iterable[pl.Series]) -> Iterator[tuple[pl.Series, pl.Series]]:
    first = 1
    for text in texts:
        yield pl.Series("place", np.arange(first, first + len(text)), pl.UInt64), text
        first += len(text)
