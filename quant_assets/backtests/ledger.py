"""From the walk's arrays to the tables of trades and equity."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from quant_assets.backtests.schema import EQUITY, TRADES
from quant_assets.backtests.timeline import Timeline
from quant_assets.execution.costs import REALISM_LEVELS, Costs, Realism
from quant_assets.execution.fills import EXIT_REASONS, REASON_OF_CODE
from quant_assets.execution.kernels import SIGNAL
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import Timeframe
from quant_assets.signals.strategy import Strategy


def trades_frame(
    timeline: Timeline,
    trades_at: np.ndarray,
    trades_of: np.ndarray,
    *,
    strategy: Strategy,
    costs: Mapping[str, Costs],
    multipliers: Mapping[str, float],
    run_hash: str,
    realism: Realism,
) -> pl.DataFrame:
    """Return the trades, numbered by entry, with their costs split.

    Gross is the result at mid prices. The fills lie half a spread from them, so gross less the
    spread's cost is the result at the fills, and less the fees it is the net.
    """
    order = np.argsort(trades_at[:, 1], kind="stable")
    at, of = trades_at[order], trades_of[order]
    names = np.array(timeline.symbols)
    per_symbol = [costs[s] for s in timeline.symbols]
    half = np.array([c.half_spread for c in per_symbol])[at[:, 0]]
    qty = strategy.qty or 0.0
    units = qty * np.array([multipliers[s] for s in timeline.symbols])[at[:, 0]]
    fee_unit = np.array([c.fee_per_unit for c in per_symbol])[at[:, 0]]
    fee_ratio = np.array([c.fee_ratio for c in per_symbol])[at[:, 0]]
    entry, exit_ = of[:, 0], of[:, 1]
    at_fills = at[:, 3] * units * (exit_ - entry)
    spread_cost = 2.0 * half * units
    fees = 2.0 * qty * fee_unit + fee_ratio * units * (entry + exit_)
    bar_ns = Timeframe.parse(strategy.timeframe).ns
    start_ns = timeline.rows["bar_start"].to_physical().to_numpy()
    signal_row = _previous_rows(timeline)[at[:, 1]]
    zeros = np.zeros(at.shape[0])
    taken = timeline.rows.select("session", "symbol", "contract")[at[:, 1]]
    frame = taken.with_columns(
        trade_id=pl.Series(
            [f"{run_hash[:10]}-{n:06d}" for n in range(1, len(at) + 1)], dtype=pl.String
        ),
        symbol=pl.Series(names[at[:, 0]].tolist(), dtype=pl.String),
        side=pl.Series(
            ["long" if side > 0 else "short" for side in at[:, 3]],
            dtype=pl.Enum(["long", "short"]),
        ),
        signal_ts=pl.Series(start_ns[signal_row] + bar_ns).cast(UTC_NS),
        entry_ts=pl.Series(start_ns[at[:, 1]]).cast(UTC_NS),
        exit_ts=pl.Series(start_ns[at[:, 2]] + np.where(at[:, 4] == SIGNAL, 0, bar_ns)).cast(
            UTC_NS
        ),
        qty=pl.Series(np.full(at.shape[0], qty)),
        entry_price=pl.Series(entry),
        exit_price=pl.Series(exit_),
        exit_reason=pl.Series(
            [REASON_OF_CODE[code] for code in at[:, 4]], dtype=pl.Enum(EXIT_REASONS)
        ),
        gross=pl.Series(at_fills + spread_cost),
        spread_cost=pl.Series(spread_cost),
        fees=pl.Series(fees),
        latency_cost=pl.Series(zeros),
        slippage=pl.Series(zeros),
        net=pl.Series(at_fills - fees),
        mae=pl.Series(of[:, 2]),
        mfe=pl.Series(of[:, 3]),
        model_version=timeline.rows["model_version"][signal_row],
        realism=pl.lit(realism.value, dtype=pl.Enum(REALISM_LEVELS)),
    )
    return TRADES.check(frame)


def equity_frame(timeline: Timeline, account: np.ndarray, *, strategy: Strategy) -> pl.DataFrame:
    """Return the account at the end of each bar, with its drawdown.

    The peak starts at the capital; a drawdown is a ratio of the peak, stated negative.
    """
    bar_ns = Timeframe.parse(strategy.timeframe).ns
    instants = (
        timeline.rows.with_columns(group=pl.Series(timeline.group))
        .group_by("group")
        .agg(pl.col("session").max(), pl.col("bar_start").first())
        .sort("group")
        .head(account.shape[0])
    )
    equity = account[:, 0]
    peak = np.maximum.accumulate(np.maximum(equity, strategy.capital))
    frame = instants.select(
        "session",
        ts=(pl.col("bar_start").to_physical() + bar_ns).cast(UTC_NS),
        equity=pl.Series(equity),
        cash=pl.Series(account[:, 1]),
        position=pl.Series(account[:, 2]),
        drawdown=pl.Series(equity / peak - 1.0),
    )
    return EQUITY.check(frame)


def _previous_rows(timeline: Timeline) -> np.ndarray:
    """Return for each row the previous row of its symbol, itself where there is none."""
    rows = timeline.rows.select("symbol_number").with_row_index("row")
    previous = rows.select(
        pl.col("row").shift(1).over("symbol_number").fill_null(pl.col("row")).cast(pl.Int64)
    )
    return previous["row"].to_numpy()
