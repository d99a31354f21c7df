"""A timeline, its finer bars, halts and figures as the arrays that the walk takes."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from quant_assets.backtests import columns as col
from quant_assets.backtests.daily_figures import daily_figures
from quant_assets.backtests.history import SymbolHistory
from quant_assets.backtests.kept import Kept, made_anew
from quant_assets.backtests.size_kernels import FIXED, KELLY, RISK, VOLATILITY
from quant_assets.backtests.timeline import PRICES, Timeline
from quant_assets.execution.bar_kernels import arrivals_ns
from quant_assets.execution.costs import Costs, Realism
from quant_assets.execution.latency import latency_rules
from quant_assets.execution.reasons import Reason, code_of
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.errors import StrategyError
from quant_assets.market.instruments import Instrument
from quant_assets.market.timeframes import Timeframe
from quant_assets.signals.sizing import CappedKelly, RiskPerTrade, VolatilityTarget
from quant_assets.signals.strategy import Strategy

_BPS = 0.0001


def market_arrays(
    timeline: Timeline,
    histories: Mapping[str, SymbolHistory],
    strategy: Strategy,
    *,
    realism: Realism,
    sessions_per_year: Mapping[str, float],
    kept: Kept = made_anew,
) -> col.Market:
    """Return the rows as arrays, as real as it is asked for.

    Parameters
    ----------
    sessions_per_year
        By symbol: turns a day's deviation into a year's.

    Raises
    ------
    StrategyError
        If a bar has a price that is missing, not finite or not above zero.
    """
    first, execution, risk = timeline.first_ns, strategy.execution, strategy.risk
    bars = kept("prices", first, lambda: _prices(timeline))
    spans, finer, finer_ns = kept(
        "finer", (first, strategy.timeframe), lambda: _finer_bars(timeline, histories, strategy)
    )
    orders = (realism, execution.latency.model_dump_json(), execution.seed)
    stamps = kept(
        "stamps",
        (first, strategy.timeframe, *orders),
        lambda: _stamps(timeline, spans, strategy, realism),
    )
    marks = kept(
        "marks",
        (first, strategy.timeframe, realism is Realism.FULL),
        lambda: _marks(timeline, spans, histories, is_full=realism is Realism.FULL),
    ).copy()
    marks[:, col.WANTED] = timeline.rows["wanted"].to_numpy()
    target = risk.sessions if isinstance(risk, VolatilityTarget) else None
    known = kept(
        "known", (first, target), lambda: _known(timeline, histories, target, sessions_per_year)
    )
    if isinstance(risk, CappedKelly):
        known = known.copy()
        known[:, col.TOLD] = timeline.rows["chance"].fill_null(np.nan).to_numpy()
    return bars, marks, stamps, known, finer, finer_ns


def rule_array(strategy: Strategy, realism: Realism) -> np.ndarray:
    """Return the strategy's rules, float64 of shape (N_RULES,)."""
    exits, execution = strategy.exit_rules, strategy.execution
    rules = np.zeros(col.N_RULES)
    rules[col.SIZING], rules[col.AMOUNT], rules[col.LIMIT] = _size_rules(strategy)
    rules[col.STOP_RATIO] = exits.stop_ratio
    rules[col.TARGET_RATIO] = exits.target_ratio
    rules[col.MAX_LEVERAGE] = strategy.max_leverage
    rules[col.CAPITAL] = strategy.capital
    rules[col.HORIZON] = exits.horizon_bars
    rules[col.ON_SIGNAL] = exits.on_signal
    rules[col.IS_FULL] = realism is Realism.FULL
    rules[col.PARTICIPATION] = execution.participation
    rules[col.IMPACT] = execution.impact
    rules[col.BLIND] = execution.blind_slippage_bps * _BPS
    return rules


def cost_array(
    symbols: Sequence[str], costs: Mapping[str, Costs], instruments: Mapping[str, Instrument]
) -> np.ndarray:
    """Return the symbols' costs and units, float64 of shape (n_symbols, 6)."""
    made = np.empty((len(symbols), 6))
    for number, name in enumerate(symbols):
        cost, instrument = costs[name], instruments[name]
        made[number] = (
            cost.half_spread,
            cost.fee_per_unit,
            cost.fee_ratio,
            instrument.multiplier,
            instrument.qty_step,
            instrument.volume_unit == "size",
        )
    return made


def _prices(timeline: Timeline) -> np.ndarray:
    """Return prices and volume of the rows, float64 of shape (n, 5)."""
    columns = (*PRICES, pl.col("volume").fill_null(0.0))
    bars = timeline.rows.select(*columns).cast(pl.Float64).to_numpy()
    _check_prices(bars[:, :4], timeline.symbols)
    return np.ascontiguousarray(bars)


def _marks(
    timeline: Timeline,
    spans: np.ndarray,
    histories: Mapping[str, SymbolHistory],
    *,
    is_full: bool,
) -> np.ndarray:
    """Return the marks of the rows, int8 of shape (n, 5), with no side wanted."""
    marks = np.zeros((len(spans), 5), dtype=np.int8)
    for place, name in enumerate(("may_enter", "is_last", "is_end")):
        marks[:, place] = timeline.rows[name].to_numpy()
    for number, name in enumerate(timeline.symbols if is_full else ()):
        own = timeline.numbers == number
        marks[own, col.HALTED] = _halted(spans[own], histories[name].halts)
    return marks


def _check_prices(prices: np.ndarray, symbols: Sequence[str]) -> None:
    """Refuse prices that are missing, not finite or not above zero."""
    if not (np.isfinite(prices) & (prices > 0.0)).all():
        raise StrategyError(
            asked=f"a backtest of {', '.join(symbols)}",
            found="a bar has a price that is missing, not finite or not above zero",
            remedy="Make the bars again; see the quarantine of their source.",
        )


def _size_rules(strategy: Strategy) -> tuple[float, float, float]:
    """Return how orders are sized: the kind, its amount, and Kelly's cap."""
    risk = strategy.risk
    if isinstance(risk, VolatilityTarget):
        return VOLATILITY, risk.annual, 0.0
    if isinstance(risk, RiskPerTrade):
        return RISK, risk.share, 0.0
    if isinstance(risk, CappedKelly):
        return KELLY, risk.fraction, risk.cap
    return FIXED, strategy.qty or 0.0, 0.0


def _finer_bars(
    timeline: Timeline, histories: Mapping[str, SymbolHistory], strategy: Strategy
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's span and range of finer bars, as stamps; those bars and their starts."""
    width_ns = Timeframe.parse(strategy.timeframe).ns
    stamps = np.zeros((len(timeline.starts_ns), 5), dtype=np.int64)
    parts, starts, offset = [np.empty((0, 4))], [np.empty(0, dtype=np.int64)], 0
    for number, name in enumerate(timeline.symbols):
        own = timeline.numbers == number
        start = timeline.starts_ns[own]
        # A bar ends where the next begins, at the latest: the day on which clocks go forward.
        end = np.minimum(start + width_ns, np.append(start[1:], np.iinfo(np.int64).max))
        rows = timeline.rows.filter(pl.Series(own))
        finer = _of_same_contract(histories[name].finer, rows, start)
        at = finer["bar_start"].to_physical().to_numpy()
        stamps[own, col.START] = start
        stamps[own, col.END] = end
        stamps[own, col.FINER] = offset + np.searchsorted(at, start)
        stamps[own, col.FINER_END] = offset + np.searchsorted(at, end)
        prices = finer.select(PRICES).cast(pl.Float64).to_numpy()
        _check_prices(prices, [name])
        parts.append(prices)
        starts.append(at)
        offset += len(at)
    return (
        stamps,
        np.ascontiguousarray(np.concatenate(parts)),
        np.concatenate(starts).astype(np.int64),
    )


def _of_same_contract(
    finer: pl.DataFrame | None, rows: pl.DataFrame, start: np.ndarray
) -> pl.DataFrame:
    """Return the finer bars in time order, of the contract that their row holds."""
    if finer is None:
        return rows.select("bar_start", *PRICES).clear()
    ordered = finer.sort("bar_start")
    if "contract" in finer.columns and rows["contract"].null_count() == 0:
        at = ordered["bar_start"].to_physical().to_numpy()
        place = np.maximum(np.searchsorted(start, at, side="right") - 1, 0)
        ordered = ordered.filter(ordered["contract"].cast(pl.String) == rows["contract"][place])
    return ordered.select("bar_start", *PRICES)


def _stamps(
    timeline: Timeline, spans: np.ndarray, strategy: Strategy, realism: Realism
) -> np.ndarray:
    """Return the stamps of the rows with the arrival of an order decided at each one's close."""
    stamps = spans.copy()
    stamps[:, col.ARRIVAL] = stamps[:, col.END]
    if realism not in {Realism.LATENCY, Realism.FULL}:
        return stamps
    rules, samples = latency_rules(strategy.execution.latency)
    for number, name in enumerate(timeline.symbols):
        own = timeline.numbers == number
        decided = np.ascontiguousarray(stamps[own, col.END])
        first_number = int(digest_of(name)[:8], 16)
        stamps[own, col.ARRIVAL] = arrivals_ns(
            decided, first_number, rules, samples, strategy.execution.seed
        )
    return stamps


def _known(
    timeline: Timeline,
    histories: Mapping[str, SymbolHistory],
    target_sessions: int | None,
    sessions_per_year: Mapping[str, float],
) -> np.ndarray:
    """Return what earlier sessions tell, and what a volatility target takes; float64 (n, 3)."""
    known = np.full((len(timeline.starts_ns), 3), np.nan)
    for number, name in enumerate(timeline.symbols):
        own = np.flatnonzero(timeline.numbers == number)
        figures = daily_figures(histories[name].bars, target_sessions=target_sessions)
        joined = timeline.rows[own].select("session").join(figures, on="session", how="left")
        known[own, col.SIGMA_DAY] = joined["sigma_day"].to_numpy()
        known[own, col.VOLUME_DAY] = joined["volume_day"].to_numpy()
        if target_sessions is not None:
            root = sessions_per_year[name] ** 0.5
            known[own, col.TOLD] = joined["target_sigma"].to_numpy() * root
    return known


def _halted(stamps: np.ndarray, halts: pl.DataFrame | None) -> np.ndarray:
    """Return for each row the number of the reason of a halt that it meets, 0 for none."""
    if halts is None or halts.is_empty():
        return np.zeros(len(stamps), dtype=np.int8)
    spans = halts.sort("start_ns")
    codes = np.array([code_of(Reason(reason)) for reason in spans["reason"]], dtype=np.int8)
    first = np.searchsorted(spans["end_ns"].to_numpy(), stamps[:, col.START], side="right")
    place = np.minimum(first, len(codes) - 1)
    meets = (first < len(codes)) & (spans["start_ns"].to_numpy()[place] < stamps[:, col.END])
    return np.where(meets, codes[place], 0).astype(np.int8)
