"""From the walk's arrays to the tables of trades and equity."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from quant_assets.backtests import columns as col
from quant_assets.backtests.kept import Kept, made_anew
from quant_assets.backtests.schema import EQUITY, TRADE_SIDES, TRADES
from quant_assets.backtests.timeline import Timeline
from quant_assets.execution.costs import REALISM_LEVELS, Costs, Realism
from quant_assets.execution.fills import REASON_OF_CODE
from quant_assets.execution.reasons import EXIT_REASONS
from quant_assets.market.columns import UTC_NS
from quant_assets.market.tables import Table
from quant_assets.market.timeframes import Timeframe
from quant_assets.signals.strategy import Strategy

_MOST_IN_ORDER = 999_999
"""So many trades have ids of six digits, which stand in the order of their numbers."""


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
    decided_ns = timeline.starts_ns[at[:, col.SIGNAL_ROW]] + timeframe.ns
    figures = {
        "qty": qty,
        "entry_price": entry,
        "exit_price": exit_,
        "gross": at_fills + spread_cost + late + slip,
        "spread_cost": spread_cost,
        "fees": fees,
        "latency_cost": late,
        "slippage": slip,
        "net": at_fills - fees,
        "mae": of[:, col.MAE],
        "mfe": of[:, col.MFE],
    }
    columns = _where_and_why(timeline, at, run_hash) | {
        "signal_ts": _instant(decided_ns),
        "realism": pl.Series([realism.value] * len(at), dtype=pl.Enum(REALISM_LEVELS)),
    }
    columns |= {name: pl.Series(values) for name, values in figures.items()}
    return _checked(TRADES, columns, list(figures.values()))


def _where_and_why(timeline: Timeline, at: np.ndarray, run_hash: str) -> dict[str, pl.Series]:
    """Return what names the trades: session, id, symbol, side, instants, reason and model."""
    ids = [f"{run_hash[:10]}-{n:06d}" for n in range(1, len(at) + 1)]
    symbols = [timeline.symbols[number] for number in at[:, col.SYMBOL].tolist()]
    sides = ["long" if side > 0 else "short" for side in at[:, col.SIDE].tolist()]
    reasons = [REASON_OF_CODE[code] for code in at[:, col.CODE].tolist()]
    return {
        "session": timeline.rows["session"][at[:, col.ENTRY_ROW]],
        "trade_id": pl.Series(ids, dtype=pl.String),
        "symbol": pl.Series(symbols, dtype=pl.String),
        "contract": _words(timeline.rows["contract"], at[:, col.ENTRY_ROW]),
        "side": pl.Series(sides, dtype=pl.Enum(TRADE_SIDES)),
        "entry_ts": _instant(at[:, col.ENTRY_NS]),
        "exit_ts": _instant(at[:, col.EXIT_NS]),
        "exit_reason": pl.Series(reasons, dtype=pl.Enum(EXIT_REASONS)),
        "model_version": _words(timeline.rows["model_version"], at[:, col.SIGNAL_ROW]),
    }


def _instant(values_ns: np.ndarray) -> pl.Series:
    """Return nanoseconds of the epoch as instants."""
    return pl.Series(values_ns).cast(UTC_NS)


def _words(column: pl.Series, rows: np.ndarray) -> pl.Series:
    """Return texts at some rows; a column of nulls need not be looked into."""
    if column.null_count() == column.len():
        return pl.Series([None] * len(rows), dtype=pl.String)
    return column[rows]


def _checked(
    table: Table, columns: Mapping[str, pl.Series], figures: Sequence[np.ndarray]
) -> pl.DataFrame:
    """Return a table's frame; the table itself looks at it where more than figures may be wrong.

    Its check costs more than a backtest's walk. Rows stand in order but where there are more
    trades than their ids have digits for.
    """
    names = table.schema.column_names()
    if set(names) != columns.keys():
        return table.check(pl.DataFrame(dict(columns)))
    frame = pl.DataFrame([columns[name].alias(name) for name in names])
    is_sound = all(bool(np.isfinite(values).all()) for values in figures)
    return frame if is_sound and frame.height <= _MOST_IN_ORDER else table.check(frame)


def equity_frame(
    timeline: Timeline, account: np.ndarray, *, strategy: Strategy, kept: Kept = made_anew
) -> pl.DataFrame:
    """Return the account at the end of each bar, with its drawdown.

    The peak starts at the capital; a drawdown is a ratio of the peak, stated negative.
    """
    on = (timeline.first_ns, strategy.timeframe)
    instants = kept("instants", on, lambda: _instants(timeline, strategy.timeframe))
    equity = account[:, 0]
    peak = np.maximum.accumulate(np.maximum(equity, strategy.capital))
    figures = {
        "equity": equity,
        "cash": account[:, 1],
        "position": account[:, 2],
        "drawdown": equity / peak - 1.0,
    }
    columns = {name: pl.Series(values) for name, values in figures.items()}
    columns |= {name: instants[name].head(len(account)) for name in ("session", "ts")}
    return _checked(EQUITY, columns, list(figures.values()))


def _instants(timeline: Timeline, timeframe: str) -> pl.DataFrame:
    """Return session and end of each instant's bars, in the columns `session` and `ts`."""
    return (
        timeline.rows.with_columns(group=pl.Series(timeline.group))
        .group_by("group")
        .agg(pl.col("session").max(), pl.col("bar_start").first())
        .sort("group")
        .select(
            "session",
            ts=(pl.col("bar_start").to_physical() + Timeframe.parse(timeframe).ns).cast(UTC_NS),
        )
    )
