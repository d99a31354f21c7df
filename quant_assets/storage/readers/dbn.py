"""Reader of Databento Binary Encoding: bars, trades, status and definitions, in bounded memory.

What the vendor's own reader lets pass is checked here: an end inside a zstd frame or a record, a
frame that fails its checksum, a record of another length or type than the header promises, prices
out of bounds, stamps out of order, a decompression bomb, a file that differs from its manifest.
An uncompressed file that was cut between two records cannot be told from a whole one by itself:
only a manifest beside it can tell.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.errors import FileRejectedError
from quant_assets.market.instruments import Instrument
from quant_assets.market.timeframes import NS_PER_DAY
from quant_assets.storage.readers import dbn_frames as frames
from quant_assets.storage.readers.base import Landed, RawBatch, Remark, SetAside, SourceFile, Tally
from quant_assets.storage.readers.dbn_asides import Asides
from quant_assets.storage.readers.dbn_header import DbnHeader, read_header
from quant_assets.storage.readers.dbn_layouts import Layout, Words, check_records, layout_of
from quant_assets.storage.readers.dbn_manifest import check_manifest
from quant_assets.storage.readers.dbn_sorter import Sorter
from quant_assets.storage.readers.dbn_stream import DbnStream, open_dbn
from quant_assets.storage.readers.dbn_symbology import Codes, Symbology

BUDGET_BYTES = 64 << 20
"""Decompressed bytes that any file may have."""

BUDGET_RATIO = 20.0
"""Growth that a larger file may have; real trades and quotes shrink to about a tenth."""

_RECORDS_IN_BLOCK = 1 << 17
_JSON_RECORDS_IN_BLOCK = 1 << 12

_Places = npt.NDArray[np.uint64]


class DbnReader:
    """Reader of one DBN file, `.dbn` or `.dbn.zst`, told by content.

    Schemas: ohlcv-1s/1m/1h/1d land as bars; trades, tbbo and the trades of mbp-1 as ticks, with
    the quote that stood before them; status as status; definition and statistics as definitions.
    Of mbp-1 only trades are counted as rows: changes of the book between them have no landed
    table, so their number stands in `tally.notes`. An id is named by the symbology of the UTC day
    of its index stamp (`ts_recv` where the schema has one, else `ts_event`). A record without a
    symbol on that day, or of a spread or an option, is set aside; per rule and symbol one
    `SetAside` names the first record and counts all.

    Parameters
    ----------
    source
        File to read.
    instruments_by_symbol
        Instrument of a symbol; its `qty_scale` turns the vendor's sizes into units.
    budget_bytes, budget_ratio
        The decompressed file may have the larger of this size and this multiple of its size.
    """

    format: str = "dbn"

    def __init__(
        self,
        source: SourceFile,
        instruments_by_symbol: Callable[[str], Instrument],
        budget_bytes: int = BUDGET_BYTES,
        budget_ratio: float = BUDGET_RATIO,
    ) -> None:
        self._source = source
        self._instruments = instruments_by_symbol
        self._budget_bytes = budget_bytes
        self._budget_ratio = budget_ratio
        self.tally = Tally()

    def events(self) -> Iterator[RawBatch | SetAside | Remark]:
        """Give the file's batches, then what was set aside, then the remarks.

        Raises
        ------
        FileRejectedError
            If nothing of the file may be committed; it may come after some batches were given.
        """
        if vouched_by := check_manifest(self._source):
            self.tally.notes["manifest"] = vouched_by
        with open_dbn(
            self._source.path, budget_bytes=self._budget_bytes, budget_ratio=self._budget_ratio
        ) as stream:
            header = read_header(stream)
            yield from self._body(stream, header)

    def _body(self, stream: DbnStream, header: DbnHeader) -> Iterator[RawBatch | SetAside | Remark]:
        layout = layout_of(header.schema)
        width = layout.width(header.version, ts_out=header.ts_out)
        header_bytes = stream.bytes_read
        body = _Body(header, layout, Symbology(header.intervals, self._instruments))
        first_record = 1
        for block in stream.blocks(record_bytes=width, records=_block_size(layout)):
            words = block.view(np.int64).reshape(-1, width // 8)
            yield from body.batches(words, first_record)
            first_record += len(words)
            self.tally.bytes_read = stream.file_bytes_read
        records = (stream.bytes_read - header_bytes) // width
        self._count(records, body.book_updates, header)
        yield from body.asides.events()
        if body.disorder:
            yield Remark(
                "out_of_order",
                f"{body.disorder} records before their predecessor",
                count=body.disorder,
            )

    def _count(self, records: int, book_updates: int, header: DbnHeader) -> None:
        """Count the rows by the length of the file's body, apart from the batches given."""
        if records == book_updates:
            raise FileRejectedError(
                rule="no_rows",
                where="",
                asked=f"read the {header.schema} records of a DBN file",
                found=f"it has a header, {book_updates} changes of the book and no trade"
                if book_updates
                else "it has a header and no records",
                remedy="Request a range in which the market traded.",
            )
        self.tally.rows_in = records - book_updates
        self.tally.notes |= {"schema": str(header.schema), "dataset": header.dataset}
        if header.schema == "mbp-1":
            self.tally.notes["book_updates_not_landed"] = str(book_updates)


class _Body:
    """Records of one file, from blocks to batches; what it saw on the way is kept."""

    def __init__(self, header: DbnHeader, layout: Layout, names: Symbology) -> None:
        self._header = header
        self._layout = layout
        self._names = names
        self._sorter = Sorter.of(layout, header, names)
        self._last_stamp = np.iinfo(np.int64).min
        self.asides = Asides(layout.kind)
        self.disorder = 0
        self.book_updates = 0

    def batches(self, words: Words, first_record: int) -> Iterator[RawBatch]:
        """Give the rows of one block by symbol and contract, each in the file's order."""
        sound = self._sorter.sort(words) if self._sorter else None
        if sound is None:
            yield from self._judged(words, first_record)
            return
        self._watch_order(sound.stamps_at_ends, sound.disorder)
        places = sound.rows.view(np.uint64) + np.uint64(first_record)
        yield from self._cut(self._frame(sound.columns, places, sound.codes), sound.codes)

    def _judged(self, words: Words, first_record: int) -> Iterator[RawBatch]:
        """Give the rows of one block of whatever kind and quality."""
        check_records(words, self._layout, width=8 * words.shape[1], first_record=first_record)
        places = np.arange(first_record, first_record + len(words), dtype=np.uint64)
        stamps = frames.index_stamps(words, self._layout)
        self._watch_order(stamps[[0, -1]], int(np.count_nonzero(stamps[1:] < stamps[:-1])))
        words, places = self._only(self._is_trade(words, places), words, places)
        if len(words):
            good = self.asides.good_values(words, places, self._layout)
            words, places = self._only(good, words, places)
        if not len(words):
            return
        frame = None
        if self._layout.kind is Landed.DEFINITIONS:
            frame = self._definitions(words, places)
        codes = self._codes(words, frame)
        good = self.asides.good_rows(words, places, codes, self._names)
        rows = _rows_by_code(codes, good)
        if rows is not None:
            # `take` of whole rows is several times as fast as an index.
            words = np.take(words, rows, axis=0)
            places, codes = np.take(places, rows), np.take(codes, rows)
            frame = None if frame is None else frame[rows]
        if not len(words):
            return
        if frame is None:
            frame = self._frame_of(words, places, codes)
        yield from self._cut(frame, codes)

    @staticmethod
    def _only(
        good: npt.NDArray[np.bool_] | None, words: Words, places: _Places
    ) -> tuple[Words, _Places]:
        if good is None:
            return words, places
        rows = np.flatnonzero(good)
        return np.take(words, rows, axis=0), np.take(places, rows)

    def _watch_order(self, at_ends: npt.NDArray[np.int64], disorder: int) -> None:
        """Count records whose index stamp lies before the one of the record ahead of them."""
        self.disorder += disorder + int(at_ends[0] < self._last_stamp)
        self._last_stamp = int(at_ends[-1])

    def _is_trade(self, words: Words, places: _Places) -> npt.NDArray[np.bool_] | None:
        """Return which records of a tick schema are trades, None for all; count the others."""
        if self._layout.kind is not Landed.TICKS:
            return None
        is_trade = frames.is_trade(words, places)
        others = len(words) - int(np.count_nonzero(is_trade))
        if others and self._layout.schema != "mbp-1":
            record = int(places[np.argmin(is_trade)])
            raise frames.damaged(record, f"an action other than a trade in {self._layout.schema}")
        self.book_updates += others
        return is_trade if others else None

    def _definitions(self, words: Words, places: _Places) -> pl.DataFrame:
        return frames.definitions_frame(
            words,
            places,
            self._layout,
            version=self._header.version,
            ts_out=self._header.ts_out,
        )

    def _codes(self, words: Words, definitions: pl.DataFrame | None) -> Codes:
        """Return the code of each record's symbol: its own where it names one, else by id."""
        stamps = frames.index_stamps(words, self._layout)
        if definitions is None or definitions["raw_symbol"].null_count():
            return self._names.codes(frames.instrument_ids(words), stamps)
        days = stamps // NS_PER_DAY
        named = zip(definitions["raw_symbol"].to_list(), days.tolist(), strict=True)
        return np.array([self._names.code_of_symbol(*each) for each in named], dtype=np.int32)

    def _cut(self, frame: pl.DataFrame, codes: Codes) -> Iterator[RawBatch]:
        """Give rows that are sorted by code as one batch a code."""
        changes = np.flatnonzero(codes[1:] != codes[:-1]) + 1
        edges = [0, *changes.tolist(), len(codes)]
        has_contracts = self._layout.kind in {Landed.BARS, Landed.TICKS}
        for start, end in pairwise(edges):
            target = self._names.target(int(codes[start]))
            rows = frame.slice(start, end - start)
            if self._layout.kind is Landed.DEFINITIONS:
                rows = rows.with_columns(pl.lit(target.raw_symbol).alias("raw_symbol"))
            yield RawBatch(
                kind=self._layout.kind,
                symbol=str(target.symbol),
                contract=target.contract if has_contracts else None,
                frame=rows,
                bar_schema=self._layout.schema if self._layout.kind is Landed.BARS else None,
            )

    def _frame_of(self, words: Words, places: _Places, codes: Codes) -> pl.DataFrame:
        if self._layout.kind is Landed.STATUS:
            return frames.status_frame(words, places)
        return self._frame(frames.cut_columns(words, self._layout), places, codes)

    def _frame(self, columns: frames.Columns, places: _Places, codes: Codes) -> pl.DataFrame:
        counts = self._names.counts_in_unit(codes)
        if self._layout.kind is Landed.BARS:
            return frames.bars_frame(columns, places, counts)
        return frames.ticks_frame(columns, places, counts)


def _rows_by_code(codes: Codes, good: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.intp] | None:
    """Return the good rows sorted by code, in the file's order within one; None for all as is."""
    if good is None and codes.min() == codes.max():
        return None
    rows = None if good is None else np.flatnonzero(good)
    kept = codes if rows is None else np.take(codes, rows)
    # A stable sort of 16-bit numbers is a radix sort.
    narrow = kept.astype(np.int16) if kept.size and kept.max() < 1 << 15 else kept
    order = np.argsort(narrow, kind="stable")
    return order if rows is None else np.take(rows, order)


def _block_size(layout: Layout) -> int:
    return _JSON_RECORDS_IN_BLOCK if layout.kind is Landed.DEFINITIONS else _RECORDS_IN_BLOCK
