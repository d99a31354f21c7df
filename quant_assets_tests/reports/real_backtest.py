"""A backtest of a real market through the engine: a cross of means on a file's bars."""

from pathlib import Path

import polars as pl

from quant_assets.backtests.engine import run_backtest
from quant_assets.backtests.history import SymbolHistory
from quant_assets.market.instruments import AssetClass
from quant_assets.reports.tear_sheet import Provenance, build_tear_sheet
from quant_assets.signals.build import rule_signals, sma_cross_sides
from quant_assets.signals.strategy import Strategy
from quant_assets_tests.backtests.market import instrument

_COLUMNS = ("date", "time", "open", "high", "low", "close", "volume")
_RULE = {
    "name": "eurusd_cross", "timeframe": "15m", "symbols": ["EURUSD"],
    "signal": {"kind": "sma_cross", "fast": 8, "slow": 40, "side": "both"},
    "exits": {"stop": 0.004, "target": 0.008, "horizon_bars": 200, "on_signal": True},
    "execution": {"spread_ticks": 1.0}, "capital": 100_000.0, "qty": 50_000.0,
}  # fmt: skip


def real_bars(data: Path, *, n_bars: int = 6_000) -> pl.DataFrame:
    """Return the last quarter-hour bars of EURUSD; a session is a date in UTC."""
    path = data / "ohlcv" / "EURUSD15.csv"
    rows = pl.read_csv(path, has_header=False, new_columns=list(_COLUMNS))
    written = pl.concat_str("date", "time", separator=" ")
    stamp = written.str.to_datetime("%Y.%m.%d %H:%M", time_unit="ns", time_zone="UTC")
    return (
        rows.tail(n_bars)
        .with_columns(bar_start=stamp, volume=pl.col("volume").cast(pl.Float64))
        .with_columns(session=pl.col("bar_start").dt.date(), contract=pl.lit(None, pl.String))
    )


def real_tear_sheet(data: Path) -> str:
    """Return the tear sheet of the rule on those bars."""
    bars, plan = real_bars(data), Strategy.parse(_RULE)
    history = SymbolHistory(bars, rule_signals(bars, sma_cross_sides(bars, plan.signal)))
    pair = instrument(
        "EURUSD", asset_class=AssetClass.FX, tick_size=0.00001, pip_size=0.0001, multiplier=1.0
    )
    provenance = Provenance({}, "c" * 64, None, "quant backtest eurusd_cross", synthetic=False)
    return build_tear_sheet(
        run_backtest({"EURUSD": history}, plan, {"EURUSD": pair}),
        strategy=plan,
        provenance=provenance,
        prices={"EURUSD": bars},
    )
