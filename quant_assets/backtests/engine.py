"""Backtest on bars: out-of-sample signals, next-bar fills, one account."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from quant_assets.backtests.columns import EXIT_ROW
from quant_assets.backtests.daily_figures import sessions_a_year
from quant_assets.backtests.history import SymbolHistory
from quant_assets.backtests.kept import Kept, made_anew
from quant_assets.backtests.kernels import walk_bars
from quant_assets.backtests.ledger import equity_frame, trades_frame
from quant_assets.backtests.market_arrays import cost_array, market_arrays, rule_array
from quant_assets.backtests.metrics import score_backtest
from quant_assets.backtests.timeline import Timeline, build_timeline
from quant_assets.execution.costs import Costs, Realism, costs_of
from quant_assets.execution.reasons import REASONS
from quant_assets.lineage.fingerprint import content_version, digest_of
from quant_assets.market.errors import StrategyError
from quant_assets.market.instruments import Instrument
from quant_assets.market.timeframes import Timeframe, crosses_sessions
from quant_assets.signals.strategy import Strategy


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
    unfilled
        By reason, how many orders were not filled, or not wholly.
    """

    trades: pl.DataFrame
    equity: pl.DataFrame
    metrics: dict[str, float | None]
    run_hash: str
    realism: Realism
    costs: Mapping[str, Costs] = field(default_factory=dict)
    unfilled: Mapping[str, int] = field(default_factory=dict)


def run_backtest(
    histories: Mapping[str, SymbolHistory],
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    *,
    run_hash: str | None = None,
    realism: Realism | None = None,
    kept: Kept = made_anew,
) -> Result:
    """Trade a strategy's out-of-sample signals under one account.

    Parameters
    ----------
    histories
        By symbol: bars, signals, and what is known beside.
    run_hash
        Identity of the run, such as its trial id; by default a hash over all that is given.
    realism
        How real fills are; None takes the strategy's `execution.realism`.
    kept
        Keeps what does not hang on the strategy, for further backtests of these histories with
        other signals.

    Returns
    -------
    Result
        The signal of a bar fills on the symbol's next bar. Stop, target and time limit are those
        of the strategy's exits, around the entry's fill. The same input gives the same bits.

    Raises
    ------
    StrategyError
        If a symbol has no bars, prices or instrument; if currencies differ; if a signal has no
        bar; if nothing is out of sample; if the fixed size is beyond the account.
    """
    level = Realism(strategy.execution.realism) if realism is None else realism
    symbols = sorted(histories)
    _check_instruments(symbols, instruments)
    timeframe = Timeframe.parse(strategy.timeframe)
    timeline = build_timeline(
        histories,
        timeframe=timeframe,
        crosses={s: crosses_sessions(instruments[s].asset_class, timeframe) for s in symbols},
        kept=kept,
    )
    multipliers = {s: instruments[s].multiplier for s in symbols}
    _check_size(timeline, strategy, multipliers)
    costs = kept(
        "costs",
        (level, strategy.execution.model_dump_json()),
        lambda: _costs(histories, strategy, instruments, level),
    )
    identity = run_hash or _identity(histories, strategy, costs, level)
    per_year = {s: sessions_a_year(instruments[s].asset_class) for s in symbols}
    at, of, account, unfilled = walk_bars(
        timeline.numbers,
        timeline.group,
        market_arrays(
            timeline, histories, strategy, realism=level, sessions_per_year=per_year, kept=kept
        ),
        cost_array(symbols, costs, instruments),
        rule_array(strategy, level),
    )
    trades = trades_frame(
        timeline,
        at,
        of,
        timeframe=timeframe,
        costs=costs,
        multipliers=multipliers,
        run_hash=identity,
        realism=level,
    )
    last_exit = timeline.group[at[:, EXIT_ROW]].max() if len(at) else 0
    n_groups = int(max(timeline.last_oos_group, last_exit)) + 1
    equity = equity_frame(timeline, account[:n_groups], strategy=strategy, kept=kept)
    metrics = score_backtest(
        trades,
        equity,
        capital=strategy.capital,
        exposed=account[:n_groups, 3] > 0,
        multipliers=multipliers,
        sessions_per_year=max(per_year.values()),
    )
    counts = {reason: int(n) for reason, n in zip(REASONS, unfilled, strict=True) if n}
    return Result(trades, equity, metrics, identity, level, costs, counts)


def _costs(
    histories: Mapping[str, SymbolHistory],
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    realism: Realism,
) -> dict[str, Costs]:
    """Return the costs of each symbol."""
    return {
        symbol: costs_of(
            instruments[symbol],
            strategy.execution,
            closes=history.bars["close"].to_numpy(),
            realism=realism,
        )
        for symbol, history in sorted(histories.items())
    }


def _check_instruments(symbols: list[str], instruments: Mapping[str, Instrument]) -> None:
    """Refuse symbols that are not described, and a mix of currencies in one account."""
    unknown = [symbol for symbol in symbols if symbol not in instruments]
    if unknown or not symbols:
        raise StrategyError(
            asked=f"a backtest of {len(symbols)} symbols",
            found=f"no instrument for {', '.join(unknown)}" if unknown else "no histories",
            remedy="Name symbols that have signals and an instrument.",
        )
    currencies = sorted({instruments[symbol].currency for symbol in symbols})
    if len(currencies) > 1:
        raise StrategyError(
            asked=f"one account for {', '.join(symbols)}",
            found=f"results in {', '.join(currencies)}",
            remedy="Name symbols of one currency under `symbols`.",
        )


def _check_size(timeline: Timeline, strategy: Strategy, multipliers: Mapping[str, float]) -> None:
    """Refuse a fixed size that the account cannot hold at the first price."""
    if strategy.qty is None:
        return
    _, firsts = np.unique(timeline.numbers, return_index=True)
    for at in sorted(firsts.tolist()):
        symbol = timeline.symbols[timeline.numbers[at]]
        value = strategy.qty * (timeline.rows["open"][at] or 0.0) * multipliers[symbol]
        if value > strategy.capital * strategy.max_leverage:
            raise StrategyError(
                asked=f"positions of qty {strategy.qty:g} in {symbol}",
                found=f"{value:,.0f} at the first price: sizes beyond the account, with capital"
                f" {strategy.capital:,.0f} and max_leverage {strategy.max_leverage:g}",
                remedy="Lower qty, or raise capital or max_leverage.",
            )


def _identity(
    histories: Mapping[str, SymbolHistory],
    strategy: Strategy,
    costs: Mapping[str, Costs],
    realism: Realism,
) -> str:
    """Return a hash over all that decides the result."""
    frames = ("bars", "signals", "finer", "halts")
    held = {
        s: {
            name: None
            if getattr(history, name) is None
            else content_version(getattr(history, name))
            for name in frames
        }
        | {"closes": sorted((str(day), ns) for day, ns in history.closes.items())}
        for s, history in sorted(histories.items())
    }
    return digest_of(
        {
            "strategy": strategy.content_hash,
            "realism": realism.value,
            "histories": held,
            "costs": {s: [c.half_spread, c.fee_per_unit, c.fee_ratio] for s, c in costs.items()},
        }
    )
