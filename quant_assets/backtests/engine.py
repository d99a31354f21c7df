"""Backtest on bars: out-of-sample predictions, next-bar fills, one account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from quant_assets.backtests.kernels import walk_bars
from quant_assets.backtests.ledger import equity_frame, trades_frame
from quant_assets.backtests.metrics import score_backtest
from quant_assets.backtests.timeline import Timeline, build_timeline
from quant_assets.execution.costs import Costs, Realism, costs_of
from quant_assets.lineage.fingerprint import content_version, digest_of
from quant_assets.market.errors import StrategyError
from quant_assets.market.instruments import Instrument
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.labels import crosses_sessions
from quant_assets.signals.strategy import Strategy

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Result:
    """What a backtest gave.

    Parameters
    ----------
    trades, equity
        In the columns of TRADES and EQUITY.
    metrics
        By name; None where a metric is not defined on this result.
    run_hash
        Identity of the run; trade ids begin with its first ten digits.
    costs
        Costs of each symbol, as they were charged.
    """

    trades: pl.DataFrame
    equity: pl.DataFrame
    metrics: dict[str, float | None]
    run_hash: str
    realism: Realism
    costs: Mapping[str, Costs] = field(default_factory=dict)


def run_backtest(
    bars: Mapping[str, pl.DataFrame],
    predictions: Mapping[str, pl.DataFrame],
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    *,
    closes: Mapping[str, Mapping[date, int]] | None = None,
    run_hash: str | None = None,
) -> Result:
    """Trade a strategy on its out-of-sample predictions.

    Parameters
    ----------
    bars
        By symbol: columns session, bar_start, open, high, low, close, and contract where there
        is one. They may run on after the last prediction, so that positions can end.
    predictions
        By symbol, in the columns of PREDICTIONS; rows that are not out of sample are not traded.
    closes
        By symbol and session: the official close in ns, for symbols that end flat each session.
        Without it a session ends with its last bar.
    run_hash
        Identity of the run, such as its trial id; by default a hash over all that is given.

    Returns
    -------
    Result
        The signal of a bar fills on the symbol's next bar. Stop, target and time limit are those
        of the strategy's label, around the entry's fill. The same input gives the same bits.

    Raises
    ------
    StrategyError
        If a symbol has no bars, prices or instrument; if currencies differ; if a prediction has
        no bar; if nothing is out of sample.
    """
    symbols = sorted(predictions)
    _check_instruments(symbols, instruments)
    timeframe = Timeframe.parse(strategy.timeframe)
    timeline = build_timeline(
        bars,
        predictions,
        decision=strategy.decision,
        timeframe=timeframe,
        crosses={s: crosses_sessions(instruments[s].asset_class, timeframe) for s in symbols},
        closes=closes or {},
    )
    costs = {
        s: costs_of(instruments[s], strategy.execution, closes=bars[s]["close"].to_numpy())
        for s in symbols
    }
    identity = run_hash or _identity(bars, predictions, strategy, costs)
    walked = walk_bars(*_arrays(timeline, strategy, costs, instruments))
    trades = trades_frame(
        timeline,
        walked[0],
        walked[1],
        strategy=strategy,
        costs=costs,
        multipliers={s: instruments[s].multiplier for s in symbols},
        run_hash=identity,
        realism=Realism.SPREAD,
    )
    last_exit = timeline.group[walked[0][:, 2]].max() if len(walked[0]) else 0
    n_groups = int(max(timeline.last_oos_group, last_exit)) + 1
    equity = equity_frame(timeline, walked[2][:n_groups], strategy=strategy)
    metrics = score_backtest(
        trades,
        equity,
        capital=strategy.capital,
        exposed=walked[2][:n_groups, 3] > 0,
        multipliers={s: instruments[s].multiplier for s in symbols},
        sessions_per_year=max(sessions_a_year(instruments[s].asset_class) for s in symbols),
    )
    return Result(trades, equity, metrics, identity, Realism.SPREAD, costs)


def sessions_a_year(asset_class: str) -> float:
    """Return sessions a year: 365 for crypto, 260 weekdays for FX and metals, else 252."""
    return {"crypto": 365.0, "fx": 260.0, "metal": 260.0}.get(asset_class, 252.0)


def _check_instruments(symbols: list[str], instruments: Mapping[str, Instrument]) -> None:
    """Refuse symbols that are not described, and a mix of currencies in one account."""
    unknown = [symbol for symbol in symbols if symbol not in instruments]
    if unknown or not symbols:
        raise StrategyError(
            asked=f"a backtest of {len(symbols)} symbols",
            found=f"no instrument for {', '.join(unknown)}" if unknown else "no predictions",
            remedy="Name symbols that have predictions and an instrument.",
        )
    currencies = sorted({instruments[symbol].currency for symbol in symbols})
    if len(currencies) > 1:
        raise StrategyError(
            asked=f"one account for {', '.join(symbols)}",
            found=f"results in {', '.join(currencies)}",
            remedy="Name symbols of one currency under `symbols`.",
        )


def _arrays(
    timeline: Timeline,
    strategy: Strategy,
    costs: Mapping[str, Costs],
    instruments: Mapping[str, Instrument],
) -> tuple[np.ndarray, ...]:
    """Return the walk's arguments; prices must be finite and positive."""
    rows = timeline.rows
    prices = np.ascontiguousarray(rows.select(_PRICES).cast(pl.Float64).to_numpy())
    if not (np.isfinite(prices) & (prices > 0.0)).all():
        raise StrategyError(
            asked=f"a backtest of {', '.join(timeline.symbols)}",
            found="a bar has a price that is missing, not finite or not above zero",
            remedy="Make the bars again; see the quarantine of their source.",
        )
    of_symbol = [
        (c.half_spread, c.fee_per_unit, c.fee_ratio, instruments[s].multiplier)
        for s, c in ((s, costs[s]) for s in timeline.symbols)
    ]
    label = strategy.label
    rules = (
        strategy.capital,
        strategy.qty,
        label.stop_ratio,
        label.target_ratio,
        label.horizon_bars,
    )
    return (
        rows["symbol_number"].to_numpy(),
        timeline.group,
        prices,
        rows["wanted"].cast(pl.Int8).to_numpy(),
        rows["may_enter"].to_numpy(),
        rows["is_last"].to_numpy(),
        np.array(of_symbol, dtype=np.float64),
        np.array(rules, dtype=np.float64),
    )


def _identity(
    bars: Mapping[str, pl.DataFrame],
    predictions: Mapping[str, pl.DataFrame],
    strategy: Strategy,
    costs: Mapping[str, Costs],
) -> str:
    """Return a hash over all that decides the result."""
    return digest_of(
        {
            "strategy": strategy.content_hash,
            "bars": {s: content_version(bars[s]) for s in sorted(predictions)},
            "predictions": {s: content_version(predictions[s]) for s in sorted(predictions)},
            "costs": {s: [c.half_spread, c.fee_per_unit, c.fee_ratio] for s, c in costs.items()},
        }
    )
