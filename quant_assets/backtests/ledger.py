"""From the walk's arrays to the tables of trades and equity."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from quant_assets.backtests import columns as col
from quant_assets.backtests.schema import EQUITY, TRADE_SIDES, TRADES
from quant_assets.backtests.timeline import Timeline
from quant_assets.execution.costs import REALISM_LEVELS, Costs, Realism
from quant_assets.execution.fills import REASON_OF_CODE
from quant_assets.execution.reasons import EXIT_REASONS
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import Timeframe
from quant_assets.signals.strategy import Strategy


def trades_frame(
    timeline: Timeline,
    trades_at: np.ndarray,
    trades_of: np.ndarray,
    *,
    timeframe: Timeframe,
    costs: Mapping[str, Costs],
    multipliers: Mapping[str, float],
    run_hash: str,
    realism: Realism,
) -> pl.DataFrame:
    """Return the trades, numbered by entry, with their costs split.

    Gross is the result at undisturbed mid prices: those of the decision, on time and of no size.
    Less what latency, spread and size cost, it is the result at the fills; less fees, the net.
    """
    order = np.argsort(trades_at[:, col.ENTRY_ROW], kind="stable")
    at, of = trades_at[order], trades_of[order]
    per_symbol = [costs[s] for s in timeline.symbols]
    half = np.array([c.half_spread for c in per_symbol])[at[:, col.SYMBOL]]
    qty, entry, exit_ = of[:, col.QTY], of[:, col.ENTRY], of[:, col.EXIT]
    units = qty * np.array([multipliers[s] for s in timeline.symbols])[at[:, col.SYMBOL]]
    fee_unit = np.array([c.fee_per_unit for c in per_symbol])[at[:, col.SYMBOL]]
    fee_ratio = np.array([c.fee_ratio for c in per_symbol])[at[:, col.SYMBOL]]
    at_fills = at[:, col.SIDE] * units * (exit_ - entry)
    spread_cost = 2.0 * half * units
    fees = 2.0 * qty * fee_unit + fee_ratio * units * (entry + exit_)
    late, slip = of[:, col.LATENCY_COST], of[:, col.SLIPPAGE]
    decided_ns = timeline.rows["bar_start"].to_physical().to_numpy()[at[:, col.SIGNAL_ROW]]
    return TRADES.check(
        _where_and_why(timeline, at, run_hash).with_columns(
            signal_ts=pl.Series(decided_ns + timeframe.ns).cast(UTC_NS),
            qty=pl.Series(qty),
            entry_price=pl.Series(entry),
            exit_price=pl.Series(exit_),
            gross=pl.Series(at_fills + spread_cost + late + slip),
            spread_cost=pl.Series(spread_cost),
            fees=pl.Series(fees),
            latency_cost=pl.Series(late),
            slippage=pl.Series(slip),
            net=pl.Series(at_fills - fees),
            mae=pl.Series(of[:, col.MAE]),
            mfe=pl.Series(of[:, col.MFE]),
            realism=pl.lit(realism.value, dtype=pl.Enum(REALISM_LEVELS)),
        )
    )


def _where_and_why(timeline: Timeline, at: np.ndarray, run_hash: str) -> pl.DataFrame:
    """Return what names the trades: session, id, symbol, side, instants, reason and model."""
    ids = [f"{run_hash[:10]}-{n:06d}" for n in range(1, len(at) + 1)]
    sides = ["long" if side > 0 else "short" for side in at[:, col.SIDE]]
    reasons = [REASON_OF_CODE[code] for code in at[:, col.CODE]]
    model = timeline.rows["model_version"][at[:, col.SIGNAL_ROW]]
    taken = timeline.rows.select("session", "symbol", "contract")[at[:, col.ENTRY_ROW]]
    return taken.with_columns(
        trade_id=pl.Series(ids, dtype=pl.String),
        side=pl.Series(sides, dtype=pl.Enum(TRADE_SIDES)),
        entry_ts=pl.Series(at[:, col.ENTRY_NS]).cast(UTC_NS),
        exit_ts=pl.Series(at[:, col.EXIT_NS]).cast(UTC_NS),
        exit_reason=pl.Series(reasons, dtype=pl.Enum(EXIT_REASONS)),
        model_version=model,
    )


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
