"""Bars of made sessions in a real lake, as the stage `bars` would leave them."""

from datetime import date

import numpy as np
import polars as pl

from quant_assets.bars.schema import BARS
from quant_assets.lineage.records import Lineage, Origin
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_MINUTE
from quant_assets.workflows.workspace import Workspace

N_BARS = 390
FIRST, LAST = date(2023, 1, 3), date(2024, 12, 31)
"""Within them the sessions of stocks are taken from the front."""

_NULLABLE = ("bid_close", "ask_close")


def sessions(workspace: Workspace, symbol: str, *, count: int) -> list[date]:
    """Return the first sessions of a symbol."""
    return workspace.calendar(symbol).between(FIRST, LAST)[:count]


def put_bars(workspace: Workspace, symbol: str, session: date, *, seed: int) -> None:
    """Store a session of one-minute bars that hang on seed, symbol and session alone."""
    rows = _bars(workspace, symbol, session, seed)
    stats = {
        "research": True,
        "contract": None,
        "high": rows["high"].max(),
        "low": rows["low"].min(),
        "close": rows["close"][-1],
    }
    lineage = Lineage(
        code_version="bench",
        parameters={"session": session.isoformat()},
        origin=Origin(synthetic=True, seed=seed),
        stats=stats,
    )
    levels = {"timeframe": "1m", "symbol": symbol}
    workspace.lake.commit(BARS, levels, rows, lineage, session=session)


def _bars(workspace: Workspace, symbol: str, session: date, seed: int) -> pl.DataFrame:
    """Return bars of a walk."""
    rng = np.random.default_rng([seed, session.toordinal(), *symbol.encode()])
    opens = workspace.calendar(symbol).bounds(session).open_ns
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, N_BARS)))
    open_ = np.append(100.0, close[:-1])
    wicks = np.abs(rng.normal(0.0, 5e-5, (2, N_BARS)))
    buys, sells = rng.integers(1, 500, (2, N_BARS)).astype(np.float64)
    frame = pl.DataFrame(
        {
            "session": pl.Series([session], dtype=pl.Date).new_from_index(0, N_BARS),
            "bar_start": pl.Series(opens + np.arange(N_BARS) * NS_PER_MINUTE).cast(UTC_NS),
            "contract": pl.Series([None] * N_BARS, dtype=pl.String),
            "open": open_,
            "high": np.maximum(open_, close) * (1.0 + wicks[0]),
            "low": np.minimum(open_, close) * (1.0 - wicks[1]),
            "close": close,
            "volume": buys + sells,
            "trades": pl.Series([None] * N_BARS, dtype=pl.UInt32),
            "buy_volume": buys,
            "sell_volume": sells,
            "vwap": (open_ + close) / 2.0,
        }
    )
    return frame.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in _NULLABLE)
