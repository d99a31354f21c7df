"""Ingest of a tick database, against a plain ADBC `SELECT` of the same columns."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from quant_assets.market.columns import UTC_NS
from quant_assets.storage.package_data import load_calendars
from quant_assets.storage.readers.sqlite_sql import quote_identifier
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets_tests.benchmarks import landing
from quant_assets_tests.benchmarks.measure import Contest, Side, compete

TARGET = 0.6
_SHARES = {"GCZ13": 0.70, "GCG14": 0.18, "GCJ14": 0.08, "GCM14": 0.04}
_ROWS, _QUICK_ROWS = 3_000_000, 300_000
_FIRST, _LAST = date(2013, 10, 7), date(2013, 10, 18)
_COLUMNS = ("timestamp", "price", "volume", "bid", "ask", "bid_size", "ask_size")
_BATCH_ROWS = 1 << 16
_TICK = 100_000_000


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Write the database, check that both sides read the same, then time them."""
    path = folder / "ticks.sqlite"
    write_database(path, quick=quick, seed=seed)
    reference = totals(path)
    files = landing.check_equal(folder, path, reference)
    count = sum(one.rows for one in reference.values())
    return compete(
        Contest(
            title=f"SQLite ingest: {len(reference)} contracts, {files} landed files, "
            f"{path.stat().st_size / 1e6:,.0f} MB",
            unit="ticks",
            count=count,
            target=TARGET,
            ours=landing.ingest_side(path, count),
            reference=select_side(path),
        ),
        folder,
        pairs=pairs,
    )


def write_database(path: Path, *, quick: bool, seed: int) -> None:
    """Write ten sessions of four gold contracts, the nearest of which leads on all of them."""
    rng = np.random.default_rng(seed)
    rows = _QUICK_ROWS if quick else _ROWS
    write_tick_sqlite(path, {code: _ticks(int(rows * s), rng) for code, s in _SHARES.items()})


def select_side(path: Path) -> Side:
    """Return what the driver alone takes to read all columns, as a side of a contest."""
    return Side("plain ADBC SELECT", lambda _: path, _select_all)


def _ticks(count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return ticks of one contract over ten sessions: a random walk with a book around it."""
    calendar = load_calendars()["CME_METALS"]
    bounds = [calendar.bounds(session) for session in calendar.between(_FIRST, _LAST)]
    each = np.diff(np.linspace(0, count, len(bounds) + 1).astype(np.int64))
    stamps = np.concatenate(
        [
            np.sort(rng.integers(one.open_ns, one.close_ns, n)) // 1000 * 1000
            for one, n in zip(bounds, each, strict=True)
        ]
    )
    price = 1_310_000_000_000 + _TICK * np.cumsum(rng.integers(-1, 2, count))
    spread = _TICK * rng.integers(1, 4, count)
    return pl.DataFrame(
        {
            "ts": pl.Series(stamps).cast(UTC_NS),
            "price": price,
            "qty": rng.integers(1, 50, count).astype(np.float64),
            "bid": price - spread,
            "ask": price + spread,
            "bid_qty": rng.integers(1, 200, count).astype(np.float64),
            "ask_qty": rng.integers(1, 200, count).astype(np.float64),
        }
    )


def _select(path: Path) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Give the columns of all tables as Arrow batches, by the driver alone."""
    from adbc_driver_sqlite import dbapi

    fields = ", ".join(quote_identifier(name) for name in _COLUMNS)
    with dbapi.connect(f"file:{path}?mode=ro") as connection, connection.cursor() as cursor:
        option: dict[str, Any] = {"adbc.sqlite.query.batch_rows": str(_BATCH_ROWS)}
        cursor.adbc_statement.set_options(**option)
        for code in _SHARES:
            table = quote_identifier(f"{code}_TICK")
            cursor.execute(f"SELECT {fields} FROM {table}")
            with cursor.fetch_record_batch() as reader:
                for batch in reader:
                    yield code, batch


def _select_all(path: Path) -> None:
    """Fetch all and drop it."""
    for _ in _select(path):
        pass


def totals(path: Path) -> dict[str, landing.Totals]:
    """Return the totals by contract, as the driver alone reads them."""
    found = dict.fromkeys(_SHARES, landing.Totals(0, 0, 0))
    for code, batch in _select(path):
        frame = pl.DataFrame(batch)
        before = found[code]
        found[code] = landing.Totals(
            before.rows + frame.height,
            before.volume + int(frame["volume"].sum()),
            before.prices + landing.fixed(frame["price"]),
        )
    return found
