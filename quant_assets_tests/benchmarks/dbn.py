"""Ingest of a DBN file of trades, against the vendor's chunked decoding alone."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quant_assets.storage.package_data import load_calendars
from quant_assets_tests.benchmarks import landing
from quant_assets_tests.benchmarks.measure import Contest, Side, compete

TARGET = 0.5
_SYMBOLS = ("AAPL", "AMD", "MSFT", "NVDA", "SPY")
_RECORDS, _QUICK_RECORDS = 5_000_000, 500_000
_FIRST, _LAST = date(2024, 2, 5), date(2024, 2, 9)
_CHUNK = 500_000
_CENT = 10_000_000


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Write the file, check that both sides read the same, then time them."""
    rng = np.random.default_rng(seed)
    path = folder / "xnas-itch-20240205-20240210.trades.dbn.zst"
    decoded = _write(path, _QUICK_RECORDS if quick else _RECORDS, rng)
    reference = _totals(path)
    files = landing.check_equal(folder, path, reference)
    count = sum(one.rows for one in reference.values())
    return compete(
        Contest(
            title=f"DBN ingest: trades of {len(reference)} symbols, {files} landed files, "
            f"{decoded / 1e6:,.0f} MB, compressed {path.stat().st_size / 1e6:,.0f} MB",
            unit="records",
            count=count,
            target=TARGET,
            ours=landing.ingest_side(path, count),
            reference=Side("chunked decoding alone", lambda _: path, _decode_all),
        ),
        folder,
        pairs=pairs,
    )


def _write(path: Path, count: int, rng: np.random.Generator) -> int:
    """Write trades of five sessions, compressed; return their bytes before."""
    import zstandard

    from quant_assets_tests.storage.readers.dbn_files import header

    spans = {
        symbol: [(_FIRST, _LAST + timedelta(days=1), str(place))]
        for place, symbol in enumerate(_SYMBOLS, start=1)
    }
    calendar = load_calendars()["XNYS"]
    days = calendar.between(_FIRST, _LAST)
    each = np.diff(np.linspace(0, count, len(days) + 1).astype(np.int64))
    packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
    written = 0
    with path.open("wb") as file, packer.stream_writer(file) as stream:
        stream.write(header("trades", spans))
        for day, n_trades in zip(days, each, strict=True):
            opens = int(datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC).timestamp())
            content = _trades(opens * 1_000_000_000, int(n_trades), rng).tobytes()
            stream.write(content)
            written += len(content)
    return written


def _trades(start_ns: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.void]:
    """Return the trades of six and a half hours, with stamps as rough as a venue's."""
    from quant_assets_tests.storage.readers.dbn_files import TRADE

    records = np.zeros(count, dtype=TRADE)
    symbols = rng.integers(0, len(_SYMBOLS), count)
    received = start_ns + np.sort(rng.integers(0, 23_400 * 1_000_000_000, count))
    latency = 150_000 + rng.exponential(20_000, count).astype(np.int64)
    walk = np.cumsum(rng.integers(-1, 2, count))
    records["length"] = TRADE.itemsize // 4
    records["publisher_id"] = 2
    records["instrument_id"] = 1 + symbols
    records["ts_recv"] = received
    records["ts_event"] = received - latency
    records["ts_in_delta"] = latency - 5_000 - rng.integers(0, 5_000, count)
    records["price"] = _CENT * (20_000 + 5_000 * symbols + walk)
    records["size"] = np.where(rng.random(count) < 0.5, 100, rng.integers(1, 400, count))
    records["action"] = b"T"
    records["side"] = rng.choice(np.array([b"A", b"B", b"N"]), count, p=[0.4, 0.4, 0.2])
    records["flags"] = 0x82
    records["sequence"] = np.cumsum(rng.integers(1, 40, count))
    return records


def _decode_all(path: Path) -> None:
    """Decode all in chunks and drop them."""
    from databento import DBNStore

    for _ in DBNStore.from_file(path).to_ndarray(count=_CHUNK):
        pass


def _totals(path: Path) -> dict[str, landing.Totals]:
    """Return the totals by symbol, as the vendor's decoder alone reads them."""
    from databento import DBNStore

    found = dict.fromkeys(_SYMBOLS, landing.Totals(0, 0, 0))
    for chunk in DBNStore.from_file(path).to_ndarray(count=_CHUNK):
        for place, symbol in enumerate(_SYMBOLS, start=1):
            rows = chunk[chunk["instrument_id"] == place]
            before = found[symbol]
            found[symbol] = landing.Totals(
                before.rows + len(rows),
                before.volume + int(rows["size"].sum(dtype=np.int64)),
                before.prices + int(rows["price"].sum(dtype=np.int64)),
            )
    return found
