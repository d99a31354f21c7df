"""Random cases of the backtest, and what the slow one makes of them."""

import numpy as np
import polars as pl

from quant_assets.backtests.history import SymbolHistory
from quant_assets.market.columns import UTC_NS
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.signals.strategy import Strategy
from quant_assets_tests.backtests.market import (
    BAR_NS,
    histories_of,
    instrument,
    random_bars,
    random_predictions,
    strategy,
)
from quant_assets_tests.backtests.oracle import Rules, SlowBacktest

HALT_REASONS = ("halt_luld", "halt_news", "session_closed")
Case = tuple[dict[str, SymbolHistory], Strategy, dict[str, Instrument]]


def random_case(seed: int, kind: AssetClass = AssetClass.FUTURE, **rules: object) -> Case:
    """Return histories, strategy and instruments of two symbols."""
    rng = np.random.default_rng(seed)
    bars = {
        name: random_bars(rng, contracts=name == "ES", missing=0.1 * (name == "NQ"))
        for name in ("ES", "NQ")
    }
    told = {name: random_predictions(rng, bars[name], first_oos=15) for name in bars}
    instruments = {name: instrument(name, asset_class=kind) for name in bars}
    plan = strategy(**({"max_leverage": 1000.0} | rules))
    return histories_of(bars, told, plan), plan, instruments


def real_case(
    seed: int, kind: AssetClass, *, finer: bool, halts: bool, unit: str = "size", **rules: object
) -> Case:
    """Return a case with what realism asks for: finer bars, halts, volumes."""
    histories, plan, instruments = random_case(seed, kind, **rules)
    rng = np.random.default_rng(seed + 1)
    full = {
        name: SymbolHistory(
            h.bars,
            h.signals,
            finer=finer_bars(rng, h.bars) if finer else None,
            halts=random_halts(rng, h.bars) if halts else None,
        )
        for name, h in histories.items()
    }
    kinds = {s: instrument(s, asset_class=kind, volume_unit=unit) for s in instruments}
    return full, plan, kinds


def finer_bars(rng: np.random.Generator, bars: pl.DataFrame) -> pl.DataFrame:
    """Return up to three bars inside each, which begin, end and reach as it does."""
    rows = []
    for bar in bars.iter_rows(named=True):
        low, high = bar["low"], bar["high"]
        a, b = low + (high - low) * rng.integers(0, 9, size=2) / 8
        path = [bar["open"], float(a), float(b), bar["close"]]
        reaches_high, reaches_low = rng.integers(0, 3, size=2)
        for place in range(3):
            ends = path[place : place + 2]
            rows.append(
                {
                    "session": bar["session"],
                    "bar_start": bar["bar_start"],
                    "contract": bar["contract"],
                    "open": ends[0],
                    "high": high if place == reaches_high else max(ends),
                    "low": low if place == reaches_low else min(ends),
                    "close": ends[1],
                    "volume": bar["volume"] / 3,
                    "place": place,
                }
            )
    frame = pl.DataFrame(rows)
    start = pl.col("bar_start").to_physical() + pl.col("place") * (BAR_NS // 3)
    there = pl.Series(rng.random(frame.height) < 0.8)
    return frame.with_columns(bar_start=start.cast(UTC_NS)).drop("place").filter(there)


def random_halts(rng: np.random.Generator, bars: pl.DataFrame) -> pl.DataFrame:
    """Return halts that begin and end anywhere, one after the other."""
    first, last = bars["bar_start"].to_physical()[0], bars["bar_start"].to_physical()[-1]
    bounds = np.sort(rng.integers(first, last + 2 * BAR_NS, size=12))
    lengths = np.minimum(np.diff(bounds), rng.integers(1, 3 * BAR_NS, size=11))
    reasons = [HALT_REASONS[n] for n in rng.integers(0, 3, size=11)]
    return pl.DataFrame(
        {"start_ns": bounds[:-1], "end_ns": bounds[:-1] + lengths, "reason": reasons}
    )


def slowly(histories: dict, plan: Strategy, instruments: dict) -> SlowBacktest:
    """Return what the slow backtest makes of a case, at the strategy's own realism."""
    first = min(h.signals.filter("is_oos")["bar_start"].min() for h in histories.values())
    is_cut = next(iter(instruments.values())).asset_class is AssetClass.EQUITY
    is_full = plan.execution.realism == "full"
    rows, days = [], {}
    for name, history in sorted(histories.items()):
        own = _rows(name, history, is_cut=is_cut, is_full=is_full)
        rows += [row for row in own if row["ts"] >= first]
        days[name] = _days(history.bars)
    rows.sort(key=lambda row: (row["start"], row["symbol"]))
    return SlowBacktest(rows, _rules(plan, next(iter(instruments.values()))), days).run()


def _rows(name: str, history: SymbolHistory, *, is_cut: bool, is_full: bool) -> list[dict]:
    """Return one symbol's rows."""
    asked = {
        stamp: (side, chance)
        for stamp, side, chance in history.signals.filter("is_oos")
        .select("bar_start", "side", "chance")
        .iter_rows()
    }
    finer = [] if history.finer is None else list(_values(history.finer))
    halts = [] if history.halts is None or not is_full else list(history.halts.iter_rows())
    made = []
    for bar, (start, o, h, low, c) in zip(
        history.bars.iter_rows(named=True), _values(history.bars), strict=True
    ):
        end = start + BAR_NS
        wanted, chance = asked.get(bar["bar_start"], (0, None))
        met = [reason for a, b, reason in halts if a < end and b > start]
        values = {"o": o, "h": h, "l": low, "c": c, "v": bar["volume"]}
        made.append(
            values
            | {
                "symbol": name,
                "ts": bar["bar_start"],
                "start": start,
                "end": end,
                "session": bar["session"],
                "contract": bar["contract"],
                "segment": (bar["contract"], bar["session"] if is_cut else None),
                "wanted": wanted,
                "chance": chance,
                "halted": met[0] if met else None,
                "finer": [f for f in finer if start <= f[0] < end],
            }
        )
    return made


def _values(bars: pl.DataFrame):
    """Return start in ns, open, high, low, close of each bar."""
    start = pl.col("bar_start").to_physical()
    return bars.select(start, "open", "high", "low", "close").iter_rows()


def _days(bars: pl.DataFrame) -> list[tuple]:
    """Return session, contract, close and volume of each session."""
    days: dict = {}
    for session, contract, close, volume in bars.select(
        "session", "contract", "close", "volume"
    ).iter_rows():
        traded = days.get(session, (0, 0, 0, 0.0))[3] + volume
        days[session] = (session, contract, close, traded)
    return list(days.values())


def _rules(plan: Strategy, one: Instrument) -> Rules:
    """Return a strategy's rules for the slow backtest; its latency must be constant."""
    execution, exits, risk = plan.execution, plan.exit_rules, plan.risk
    level = execution.realism
    is_ideal = level == "ideal"
    return Rules(
        capital=plan.capital,
        qty=plan.qty or 0.0,
        sl=exits.stop_ratio,
        tp=exits.target_ratio,
        horizon=exits.horizon_bars,
        on_signal=exits.on_signal,
        half=0.0 if is_ideal else 0.5 * execution.spread_ticks * one.tick_size,
        fee=0.0 if is_ideal else execution.fee_per_unit,
        multiplier=one.multiplier,
        step=one.qty_step,
        leverage=plan.max_leverage,
        way_ns=int(execution.latency.arrival_ms * 1e6) if level in ("latency", "full") else 0,
        is_full=level == "full",
        participation=execution.participation,
        impact=execution.impact,
        blind=execution.blind_slippage_bps * 0.0001,
        counts_size=one.volume_unit == "size",
        risk=risk.kind,
        amount=getattr(risk, "annual", getattr(risk, "share", getattr(risk, "fraction", 0.0))),
        cap=getattr(risk, "cap", 1.0),
        sessions=getattr(risk, "sessions", 20),
        year=258.0 if one.asset_class is AssetClass.FUTURE else 252.0,
    )
