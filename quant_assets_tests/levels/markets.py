"""Sessions for tests: bars with their footprints, seeded or drawn, on a tick of 0.25."""

from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import strategies as st

from quant_assets.bars.footprint_schema import FOOTPRINT
from quant_assets.bars.schema import BARS
from quant_assets.levels.marks import Opening
from quant_assets.market.columns import UTC_NS
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE, Timeframe

TICK, TICK_UNITS = 0.25, 250_000_000
MINUTE = Timeframe.parse("1m")
DAY = date(2024, 1, 3)
OPEN_MINUTE = 5
"""Minutes from the start of a session to its open."""

BarRows = list[list[tuple[int, int]]]
"""A session: for each bar its prices in ticks, each with its volume."""


def drawn_sessions() -> st.SearchStrategy[BarRows]:
    """Draw sessions whose prices lie close together, so that ties and gaps come often."""
    row = st.tuples(st.integers(100, 112), st.integers(0, 6))
    bar = st.lists(row, min_size=1, max_size=6, unique_by=lambda pair: pair[0])
    return st.lists(bar, min_size=1, max_size=12)


def midnight_ns(day: date) -> int:
    """Return the start of a date in UTC."""
    return (day - date(1970, 1, 1)).days * NS_PER_DAY


def opening_of(
    day: date = DAY, *, timeframe: Timeframe = MINUTE, minutes: int = 30, open_minute: int = 5
) -> Opening:
    """Return a session of a whole day in UTC that opens some minutes after its start."""
    start = midnight_ns(day)
    end = start + NS_PER_DAY
    bounds = SessionBounds(day, start, start + open_minute * NS_PER_MINUTE, end, end)
    return Opening(bounds, timeframe, minutes)


def footprint_of(rows: BarRows, day: date = DAY) -> pl.DataFrame:
    """Return the footprint of a session; its volume lies on all three sides."""
    flat = [(at, price, volume) for at, bar in enumerate(rows) for price, volume in sorted(bar)]
    volume = np.array([float(volume) for *_, volume in flat])
    bid, ask = np.floor(volume / 3), np.floor(volume / 2)
    frame = pl.DataFrame(
        {
            "session": pl.Series([day] * len(flat), dtype=pl.Date),
            "bar_start": pl.Series([midnight_ns(day) + at * NS_PER_MINUTE for at, *_ in flat]),
            "price": [price * TICK for _, price, _ in flat],
            "bid_volume": bid,
            "ask_volume": ask,
            "unknown_volume": volume - bid - ask,
            "delta": ask - bid,
            "trades": np.ones(len(flat), dtype=np.uint32),
        }
    )
    return FOOTPRINT.check(frame.with_columns(pl.col("bar_start").cast(UTC_NS)))


def bars_of(rows: BarRows, day: date = DAY, *, contract: str | None = "ESH24") -> pl.DataFrame:
    """Return the bars of a session: opens at the lowest price, closes at the highest, its vwap."""
    prices = [[price * TICK for price, _ in bar] for bar in rows]
    volumes = [float(sum(volume for _, volume in bar)) for bar in rows]
    vwaps = [
        sum(p * v for p, (_, v) in zip(own, bar, strict=True)) / volume if volume else None
        for own, bar, volume in zip(prices, rows, volumes, strict=True)
    ]
    starts = [midnight_ns(day) + at * NS_PER_MINUTE for at in range(len(rows))]
    return bar_frame(
        starts,
        day,
        open_=[min(own) for own in prices],
        high=[max(own) for own in prices],
        low=[min(own) for own in prices],
        close=[max(own) for own in prices],
        volume=volumes,
        vwap=vwaps,
        contract=contract,
    )


def bar_frame(
    starts: list[int],
    day: date,
    *,
    open_: list[float],
    high: list[float],
    low: list[float],
    close: list[float],
    volume: list[float],
    vwap: list[float | None],
    contract: str | None,
) -> pl.DataFrame:
    """Return table `bars` of one session."""
    nothing = pl.lit(None, dtype=pl.Float64)
    frame = pl.DataFrame(
        {
            "session": pl.Series([day] * len(starts), dtype=pl.Date),
            "bar_start": pl.Series(starts, dtype=pl.Int64).cast(UTC_NS),
            "contract": pl.Series([contract] * len(starts), dtype=pl.String),
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "vwap": pl.Series(vwap, dtype=pl.Float64),
        }
    ).with_columns(
        trades=pl.lit(1, dtype=pl.UInt32),
        buy_volume=nothing,
        sell_volume=nothing,
        bid_close=nothing,
        ask_close=nothing,
    )
    return BARS.check(frame)


def random_rows(n_bars: int, *, seed: int) -> BarRows:
    """Return a seeded session of a random walk, up to five prices a bar."""
    rng = np.random.default_rng(seed)
    centre = 20_000 + np.cumsum(rng.integers(-3, 4, n_bars))
    return [
        [(int(at) + step, int(rng.integers(1, 50))) for step in range(int(rng.integers(1, 6)))]
        for at in centre
    ]


def profile_of(rows: BarRows) -> pl.DataFrame:
    """Return price and volume of a session, as table `profiles` has them."""
    flat = pl.DataFrame(
        [(price * TICK, float(volume)) for bar in rows for price, volume in bar],
        schema={"price": pl.Float64, "volume": pl.Float64},
        orient="row",
    )
    summed = flat.group_by("price").agg(pl.col("volume").sum()).sort("price")
    return summed.filter(pl.col("volume") > 0)


def days_before(count: int) -> list[date]:
    """Return the dates right before the session, oldest first."""
    return [DAY - timedelta(days=count - at) for at in range(count)]
