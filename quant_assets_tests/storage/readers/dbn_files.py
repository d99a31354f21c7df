"""DBN files made by hand, and what a reader makes of one."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

import databento_dbn  # noqa: TID253 -- the vendor's encoder and record types are the oracle
import numpy as np
import polars as pl
import zstandard

from quant_assets.market.instruments import InstrumentBook
from quant_assets.storage.package_data import load_instruments
from quant_assets.storage.readers.base import RawBatch, Remark, SetAside, SourceFile
from quant_assets.storage.readers.dbn import DbnReader

OHLCV = np.dtype(databento_dbn.OHLCVMsg._dtypes)
TRADE = np.dtype(databento_dbn.TradeMsg._dtypes)
MBP1 = np.dtype(databento_dbn.MBP1Msg._dtypes)
STATUS = np.dtype(databento_dbn.StatusMsg._dtypes)
RECORD_TYPES = {"ohlcv-1s": 0x20, "ohlcv-1m": 0x21, "trades": 0, "mbp-1": 1, "tbbo": 1}

NOON = 1_381_147_200_000_000_000
"""2013-10-07 12:00 UTC."""
DAY = 86_400_000_000_000
SPY = {"SPY": [(date(2013, 10, 7), date(2013, 10, 8), "1")]}

Mappings = Mapping[str, Sequence[tuple[date, date, str]]]


@dataclass(frozen=True)
class Interval:
    """Days on which an id stands for a symbol, as the vendor's encoder asks for it."""

    start_date: date
    end_date: date
    symbol: str


@dataclass(frozen=True)
class Mapped:
    """A symbol with its intervals."""

    raw_symbol: str
    intervals: list[Interval]


def header(
    schema: str, mappings: Mappings, *, stype_in: str = "raw_symbol", ts_out: bool = False
) -> bytes:
    """Return an encoded header."""
    stype_out = "raw_symbol" if stype_in == "instrument_id" else "instrument_id"
    return bytes(
        databento_dbn.Metadata(
            dataset="TEST.DATA",
            start=0,
            end=2**63 - 1,
            stype_in=databento_dbn.SType.from_str(stype_in),
            stype_out=databento_dbn.SType.from_str(stype_out),
            schema=databento_dbn.Schema.from_str(schema),
            symbols=list(mappings),
            partial=[],
            not_found=[],
            mappings=[
                Mapped(name, [Interval(*span) for span in spans])
                for name, spans in mappings.items()
            ],
            ts_out=ts_out,
            version=3,
        ).encode()
    )


def bars(count: int, *, schema: str = "ohlcv-1s", instrument_id: int = 1) -> np.ndarray:
    """Return one-second bars that all tell their number."""
    records = np.zeros(count, dtype=OHLCV)
    records["length"] = OHLCV.itemsize // 4
    records["rtype"] = RECORD_TYPES[schema]
    records["instrument_id"] = instrument_id
    records["ts_event"] = NOON + np.arange(count) * 1_000_000_000
    for name, over in (("open", 0), ("high", 2), ("low", -2), ("close", 1)):
        records[name] = (100 + np.arange(count) + over) * 10_000_000
    records["volume"] = np.arange(count) + 1
    return records


def trades(count: int, *, dtype: np.dtype = TRADE, instrument_id: int = 1) -> np.ndarray:
    """Return trades, a millisecond apart; with a quote where the type has one."""
    records = np.zeros(count, dtype=dtype)
    records["length"] = dtype.itemsize // 4
    records["rtype"] = 0 if dtype == TRADE else 1
    records["instrument_id"] = instrument_id
    records["ts_event"] = NOON + np.arange(count) * 1_000_000
    records["ts_recv"] = records["ts_event"] + 500
    records["price"] = (10_000 + np.arange(count)) * 10_000_000
    records["size"] = np.arange(count) + 1
    records["action"] = b"T"
    records["side"] = np.resize(np.array([b"A", b"B", b"N"]), count)
    if dtype != TRADE:
        records["bid_px_00"] = records["price"] - 10_000_000
        records["ask_px_00"] = records["price"] + 10_000_000
        records["bid_sz_00"] = 3
        records["ask_sz_00"] = 4
    return records


def source_of(path: Path) -> SourceFile:
    """Describe a file as ingest does."""
    content = path.read_bytes()
    return SourceFile(path, path.name, hashlib.sha256(content).hexdigest(), len(content))


def write(path: Path, content: bytes, *, packed: bool = True) -> SourceFile:
    """Write a file, by default compressed with a checksum."""
    packer = zstandard.ZstdCompressor(write_checksum=True)
    path.write_bytes(packer.compress(content) if packed else content)
    return source_of(path)


@dataclass
class Read:
    """All that a reader gave."""

    batches: list[RawBatch] = field(default_factory=list)
    asides: list[SetAside] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    rows_in: int = 0
    notes: dict[str, str] = field(default_factory=dict)

    def frame(self, symbol: str | None = None) -> pl.DataFrame:
        """Return the rows of a symbol, or all."""
        frames = [each.frame for each in self.batches if symbol in {None, each.symbol}]
        return pl.concat(frames) if frames else pl.DataFrame()

    @property
    def conserved(self) -> bool:
        """Whether each row that came in was given or set aside."""
        given = sum(batch.frame.height for batch in self.batches)
        return self.rows_in == given + sum(aside.count for aside in self.asides)

    def rules(self) -> dict[str, int]:
        """Return the rows set aside, by rule."""
        counts: dict[str, int] = {}
        for aside in self.asides:
            counts[aside.rule] = counts.get(aside.rule, 0) + aside.count
        return counts


def collect(reader: object) -> Read:
    """Read a file to its end."""
    read = Read()
    for event in reader.events():  # type: ignore[attr-defined]
        if isinstance(event, RawBatch):
            read.batches.append(event)
        elif isinstance(event, SetAside):
            read.asides.append(event)
        else:
            read.remarks.append(event)
    read.rows_in = reader.tally.rows_in  # type: ignore[attr-defined]
    read.notes = reader.tally.notes  # type: ignore[attr-defined]
    return read


def read_dbn(source: SourceFile, **budget: float) -> Read:
    """Read a DBN file to its end."""
    return collect(DbnReader(source, _instruments().instrument, **budget))


@cache
def _instruments() -> InstrumentBook:
    return load_instruments(None)
