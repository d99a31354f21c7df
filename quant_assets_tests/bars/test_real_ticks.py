"""Real gold ticks through cleaning and bars: what SQL and a plain loop count is what comes out."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.bars.build import bars_from_ticks
from quant_assets.bars.resample import resample_bars
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.package_data import load_calendars
from quant_assets.ticks.cleaning import clean_ticks
from quant_assets.ticks.schema import RAW_TICKS
from quant_assets_tests.ticks.rows import instrument

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Trade = tuple[int, int, float, int | None, int | None]


def trades_of(path: Path) -> list[Trade]:
    """Return ts (ns), price, qty, bid and ask of GCZ13 in the file's order; prices in 1e-9."""

    def fixed(value: float | None) -> int | None:
        return None if value is None else round(value * 1_000_000_000)

    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        rows = connection.execute("SELECT timestamp, price, volume, bid, ask FROM GCZ13_TICK")
        trades = []
        for text, price, volume, bid, ask in rows:
            local = datetime.fromisoformat(text).replace(tzinfo=UTC)
            since = local - timedelta(hours=5, minutes=30) - EPOCH
            ts = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
            trades.append((ts, fixed(price), float(volume), fixed(bid), fixed(ask)))
    return trades


def landed(trades: list[Trade], session: date) -> pl.DataFrame:
    """Return trades as table `raw_ticks` of one session."""
    schema = RAW_TICKS.empty().schema
    columns = dict(
        zip(("ts", "price", "qty", "bid", "ask"), zip(*trades, strict=True), strict=True)
    )
    frame = pl.DataFrame(
        columns, schema={name: schema[name] for name in columns} | {"ts": pl.Int64}
    )
    nothing = {name: pl.lit(None, schema[name]) for name in ("ts_recv", "bid_qty", "ask_qty")}
    return RAW_TICKS.check(
        frame.with_row_index("seq").with_columns(
            pl.col("ts").cast(schema["ts"]),
            **nothing,
            session=pl.lit(session),
            side=pl.lit("unknown", schema["side"]),
            outside_hours=pl.lit(value=False),
        )
    )


def sides_of(trades: list[Trade]) -> dict[str, float]:
    """Return the quantity by side, trade by trade: the quote's, else the last move's."""
    volume: dict[str, float] = defaultdict(float)
    last, moved = None, "unknown"
    for _, price, qty, bid, ask in trades:
        here = moved
        if last is not None and price != last:
            here = "buy" if price > last else "sell"
        if qty > 0:
            last, moved = price, here
        if bid is not None and ask is not None and bid < ask:
            here = "buy" if price >= ask else "sell" if price <= bid else here
        volume[here] += qty
    return volume


def minutes_of(trades: list[Trade]) -> dict[int, list[float]]:
    """Return open, high, low, close, volume and count of each minute that traded."""
    bars: dict[int, list[float]] = {}
    for ts, count, qty, _, _ in trades:
        if qty > 0:
            price = count / 1e9
            bar = bars.setdefault(ts - ts % 60_000_000_000, [price, price, price, price, 0.0, 0])
            bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
            bar[4] += qty
            bar[5] += 1
    return bars


@pytest.mark.shared
def test_real_gold_is_conserved_from_the_file_to_the_days_bar(shared_data: Path):
    """Rows, volume, sides and prices of three sessions of October 2013."""
    path = shared_data / "futures" / "futures_ticks.sqlite"
    trades = trades_of(path)
    assigned = load_calendars()["CME_METALS"].assign(np.array([row[0] for row in trades]))
    sessions = defaultdict(list)
    for session, trade in zip(assigned.tolist(), trades, strict=True):
        sessions[session].append(trade)
    total = 0.0
    for session, of_session in sessions.items():
        found = clean_ticks(landed(of_session, session), contract="GCZ13", instrument=instrument())
        assert found.frame.height + found.set_aside.height == len(of_session)
        # The file is in time order and on the grid, so the plain loop sees what cleaning sees.
        assert (found.disorder, found.set_aside.height) == (0, 0)
        bars = bars_from_ticks(found.frame, timeframe=Timeframe.parse("1m"))
        plain = bars.select(
            pl.col("bar_start").dt.epoch("ns"), "open", "high", "low", "close", "volume", "trades"
        )
        expected = [(start, *bar) for start, bar in sorted(minutes_of(of_session).items())]
        assert plain.rows() == expected
        sides = sides_of(of_session)
        assert bars["buy_volume"].sum() == sides["buy"] > 0
        assert bars["sell_volume"].sum() == sides["sell"] > 0
        whole = resample_bars(bars, timeframe=Timeframe.parse("1d"))
        assert whole["volume"].to_list() == [sum(row[2] for row in of_session)]
        total += whole["volume"].item()
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        (in_file,) = connection.execute("SELECT sum(volume) FROM GCZ13_TICK").fetchone()
    assert total == in_file
