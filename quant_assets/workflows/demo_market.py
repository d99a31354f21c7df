"""The demo's market as files in the vendors' formats."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from quant_assets.market.errors import InputError, SessionError
from quant_assets.market.sessions import SessionBounds, SessionCalendar
from quant_assets.storage.writers.dbn import write_bars_dbn, write_status_dbn
from quant_assets.storage.writers.mt4_csv import write_mt4_csv
from quant_assets.storage.writers.synthetic_files import Write, write_synthetic_files
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets.synthetic.equities import EquityMarket, simulate_equity
from quant_assets.synthetic.forex import BAR_MINUTES, simulate_pair
from quant_assets.synthetic.futures import simulate_future
from quant_assets.synthetic.market import DEMO_MARKET, MarketSpec

FIRST_SESSION = date(2024, 3, 4)
"""Monday of the demo's first week; the clocks change in its second."""

LAST_SESSION = date(2024, 3, 15)
"""Friday of its second week: ten sessions of every exchange, and a Sunday evening of FX."""

Sessions = Mapping[str, list[SessionBounds]]


def demo_sessions(
    calendars: Mapping[str, SessionCalendar], market: MarketSpec = DEMO_MARKET
) -> dict[str, list[SessionBounds]]:
    """Return the demo's sessions, from `FIRST_SESSION` to `LAST_SESSION`, by calendar."""
    return {
        name: [
            calendars[name].bounds(d) for d in calendars[name].between(FIRST_SESSION, LAST_SESSION)
        ]
        for name in market.calendars
    }


def write_demo_market(
    folder: Path,
    *,
    seed: int,
    sessions_by_calendar: Sessions,
    market: MarketSpec = DEMO_MARKET,
) -> list[Path]:
    """Write a synthetic market to a folder: the same seed and sessions give the same bytes.

    Ticks go to one SQLite file a futures root, bars of currency pairs to one CSV a pair,
    one-second bars and trading status of all stocks to one DBN file each a session. A side file
    `synthetic.json` lists them with seed and SHA-256.

    Parameters
    ----------
    seed
        0 or above.
    sessions_by_calendar
        Sessions of each calendar that `market.calendars` names, oldest first; at least one each.

    Returns
    -------
    list of Path
        The market's files, without the side file.

    Raises
    ------
    InputError
        If the seed is below 0, or a file stands in the way that no demo has written.
    SessionError
        If a calendar has no sessions.
    CommitError
        If the disk is full or refuses.
    """
    if seed < 0:
        raise InputError(
            asked=f"a market of seed {seed}", found="below 0", remedy="Give 0 or a number above."
        )
    _check_sessions(market, sessions_by_calendar)
    files: dict[str, Write] = {}
    files.update(_futures(market, sessions_by_calendar, seed))
    files.update(_pairs(market, sessions_by_calendar, seed))
    files.update(_equities(market, sessions_by_calendar, seed))
    return write_synthetic_files(folder, files, seed=seed)


def _check_sessions(market: MarketSpec, sessions: Sessions) -> None:
    """Refuse a calendar without sessions."""
    absent = [name for name in market.calendars if not sessions.get(name)]
    if absent:
        raise SessionError(
            asked=f"sessions of {', '.join(market.calendars)}",
            found=f"none of {', '.join(absent)}",
            remedy="Give at least one session of each calendar.",
        )


def _futures(market: MarketSpec, sessions: Sessions, seed: int) -> Iterator[tuple[str, Write]]:
    """Give one tick database a root."""
    for spec in market.futures:
        trades = simulate_future(spec, sessions[spec.calendar], seed=seed)
        yield f"synthetic-{spec.root}-ticks.sqlite", partial(write_tick_sqlite, contracts=trades)


def _pairs(market: MarketSpec, sessions: Sessions, seed: int) -> Iterator[tuple[str, Write]]:
    """Give one CSV a pair; its name must be symbol and minutes, so it carries no mark."""
    for spec in market.pairs:
        bars = simulate_pair(spec, sessions[spec.calendar], seed=seed)
        write = partial(write_mt4_csv, bars=bars, digits=spec.digits)
        yield f"{spec.symbol}{BAR_MINUTES}.csv", write


def _equities(market: MarketSpec, sessions: Sessions, seed: int) -> Iterator[tuple[str, Write]]:
    """Give two DBN files a session: bars, and trading status."""
    stocks = _together(
        {
            spec.symbol: simulate_equity(spec, sessions[spec.calendar], seed=seed)
            for spec in market.equities
        }
    )
    for (day,), rows in stocks.bars.group_by("session", maintain_order=True):
        yield f"synthetic-{day:%Y%m%d}.ohlcv-1s.dbn.zst", partial(write_bars_dbn, bars=rows)
    for (day,), rows in stocks.status.group_by("session", maintain_order=True):
        yield f"synthetic-{day:%Y%m%d}.status.dbn.zst", partial(write_status_dbn, status=rows)


def _together(recorded: Mapping[str, EquityMarket]) -> EquityMarket:
    """Return what is recorded of all stocks, with a column `symbol`."""
    return EquityMarket(
        bars=pl.concat(_named(symbol, one.bars) for symbol, one in recorded.items()),
        status=pl.concat(_named(symbol, one.status) for symbol, one in recorded.items()),
    )


def _named(symbol: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with its symbol in front."""
    return frame.select(pl.lit(symbol).alias("symbol"), pl.all())
