"""DBN files, version 3, Zstandard: one-second bars and trading status.

Each UTC day gives every symbol another instrument id, as venues do, so a reader must look
symbols up by day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import PRICE_SCALE, UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import NS_PER_DAY

DATASET = "SYNTH.DEMO"
"""Dataset label that no vendor uses."""

_VERSION = 3
_PUBLISHER = 0
_ZSTD_LEVEL = 3
_EPOCH = date(1970, 1, 1)
_OHLCV_1S = 32
_OHLCV = np.dtype(
    [
        ("length", "u1"),
        ("rtype", "u1"),
        ("publisher_id", "<u2"),
        ("instrument_id", "<u4"),
        ("ts_event", "<u8"),
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("close", "<i8"),
        ("volume", "<u8"),
    ]
)


@dataclass(frozen=True)
class _Interval:
    """The id of a symbol on the days [start_date, end_date), as `databento_dbn` asks for it."""

    start_date: date
    end_date: date
    symbol: str


@dataclass(frozen=True)
class _Mapping:
    """All ids of a symbol."""

    raw_symbol: str
    intervals: list[_Interval]


def write_bars_dbn(path: Path, bars: pl.DataFrame) -> None:
    """Write one-second bars of one or more symbols as schema ohlcv-1s.

    Parameters
    ----------
    bars
        symbol Utf8; bar_start T; open, high, low, close, volume Float64; at least one row.
        Records are stored by time, then symbol.

    Raises
    ------
    InputError
        If there is no row.
    """
    rows = bars.sort("bar_start", "symbol")
    days = _utc_days(rows, "bar_start")
    records = np.zeros(rows.height, dtype=_OHLCV)
    records["length"] = _OHLCV.itemsize // 4
    records["rtype"] = _OHLCV_1S
    records["publisher_id"] = _PUBLISHER
    records["instrument_id"] = _instrument_ids(rows, "bar_start")
    records["ts_event"] = _ns(rows["bar_start"])
    for name in ("open", "high", "low", "close"):
        records[name] = np.rint(rows[name].to_numpy() * PRICE_SCALE).astype(np.int64)
    records["volume"] = rows["volume"].cast(pl.UInt64).to_numpy()
    _write(path, _header("OHLCV_1S", _symbols(rows), days), records.tobytes())


def write_status_dbn(path: Path, status: pl.DataFrame) -> None:
    """Write trading status of one or more symbols as schema status.

    Parameters
    ----------
    status
        symbol Utf8; ts T; action, reason Utf8 (DBN's names, upper case); is_trading, is_quoting
        Bool; at least one row. Records are stored by time, then symbol. ts_recv equals ts_event.

    Raises
    ------
    InputError
        If there is no row.
    """
    import databento_dbn as dbn

    rows = status.sort("ts", "symbol", maintain_order=True)
    days = _utc_days(rows, "ts")
    ids, stamps = _instrument_ids(rows, "ts"), _ns(rows["ts"])
    records = [
        dbn.StatusMsg(
            publisher_id=_PUBLISHER,
            instrument_id=int(ids[place]),
            ts_event=int(stamps[place]),
            ts_recv=int(stamps[place]),
            action=getattr(dbn.StatusAction, row["action"]),
            reason=getattr(dbn.StatusReason, row["reason"]),
            is_trading=dbn.TriState.YES if row["is_trading"] else dbn.TriState.NO,
            is_quoting=dbn.TriState.YES if row["is_quoting"] else dbn.TriState.NO,
        )
        for place, row in enumerate(rows.iter_rows(named=True))
    ]
    content = b"".join(bytes(record) for record in records)
    _write(path, _header("STATUS", _symbols(rows), days), content)


def _write(path: Path, header: bytes, records: bytes) -> None:
    """Compress and write: one frame with its length and a checksum, so damage shows."""
    import zstandard

    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
    path.write_bytes(compressor.compress(header + records))


def _header(schema: str, symbols: Sequence[str], days: Sequence[date]) -> bytes:
    """Encode metadata that map each symbol to one id a UTC day."""
    import databento_dbn as dbn

    mappings = [_Mapping(symbol, _intervals(place, days)) for place, symbol in enumerate(symbols)]
    metadata = dbn.Metadata(
        dataset=DATASET,
        start=_midnight_ns(days[0]),
        end=_midnight_ns(days[-1] + timedelta(days=1)),
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=getattr(dbn.Schema, schema),
        symbols=list(symbols),
        mappings=mappings,
        version=_VERSION,
    )
    return bytes(metadata)


def _intervals(place: int, days: Sequence[date]) -> list[_Interval]:
    """Return the id of the symbol at a place on each day."""
    return [_Interval(d, d + timedelta(days=1), str(_first_id(d) + place)) for d in days]


def _symbols(rows: pl.DataFrame) -> list[str]:
    """Return the symbols of a frame, sorted."""
    return rows["symbol"].unique().sort().to_list()


def _utc_days(rows: pl.DataFrame, stamp: str) -> list[date]:
    """Return all UTC days from the first to the last row."""
    if rows.is_empty():
        raise InputError(
            asked="write a DBN file", found="no row", remedy="Give at least one record."
        )
    present: list[date] = rows[stamp].dt.date().unique().sort().to_list()
    n_days = (present[-1] - present[0]).days + 1
    return [present[0] + timedelta(days=offset) for offset in range(n_days)]


def _instrument_ids(rows: pl.DataFrame, stamp: str) -> npt.NDArray[np.uint32]:
    """Return the id of each row's symbol on its UTC day."""
    places = {symbol: place for place, symbol in enumerate(_symbols(rows))}
    symbol_places = [places[symbol] for symbol in rows["symbol"]]
    days = rows[stamp].dt.date()
    first = {day: _first_id(day) for day in days.unique()}
    ids = [first[day] + place for day, place in zip(days, symbol_places, strict=True)]
    return np.array(ids, dtype=np.uint32)


def _first_id(day: date) -> int:
    """Return the id of the first symbol of a file on a UTC day; the others follow it."""
    return (day - _EPOCH).days * 10_000


def _midnight_ns(day: date) -> int:
    """Return the start of a UTC day as ns since the epoch."""
    return (day - _EPOCH).days * NS_PER_DAY


def _ns(stamps: pl.Series) -> npt.NDArray[np.int64]:
    """Return instants as int64 ns since the epoch."""
    return stamps.cast(UTC_NS).cast(pl.Int64).to_numpy()
