"""On real bars the vectorized path equals the event path, trade by trade."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.backtests.engine import run_backtest
from quant_assets.backtests.grid import run_sma_grid
from quant_assets.backtests.history import SymbolHistory
from quant_assets.market.columns import UTC_NS
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.signals.build import rule_signals, sma_cross_sides
from quant_assets.signals.sources import SmaCross
from quant_assets_tests.backtests.market import instrument
from quant_assets_tests.backtests.test_chain import real_bars
from quant_assets_tests.backtests.test_grid import assert_same, rule_strategy

EXITS = (
    {"on_signal": True},
    {"stop": 0.002, "target": 0.004, "horizon_bars": 90},
    {"stop": 0.0007, "on_signal": True},
)
PRICES = ("open", "high", "low", "close")
FAST, SLOW = np.array([1, 5, 12, 30]), np.array([2, 20, 26, 240])


def minutes_of_spy(shared_data: Path) -> pl.DataFrame:
    """Return one-minute bars of SPY, of its seconds of three sessions."""
    import databento

    folder = shared_data / "dbn" / "XNAS-20131007-A7LEANSEC1"
    parts = []
    for path in sorted(folder.glob("*.ohlcv-1s.dbn.zst")):
        store = databento.DBNStore.from_bytes(path.read_bytes())
        ids = [int(named["symbol"]) for named in store.symbology["mappings"]["SPY"]]
        rows = store.to_ndarray()
        rows = rows[np.isin(rows["instrument_id"], ids)]
        columns = {name: rows[name] / 1e9 for name in PRICES}
        columns["volume"] = rows["volume"].astype(np.float64)
        parts.append(pl.DataFrame(columns | {"ts_event": rows["ts_event"].astype(np.int64)}))
    minute = pl.col("ts_event").cast(UTC_NS).dt.truncate("1m").alias("bar_start")
    return (
        pl.concat(parts)
        .sort("ts_event")
        .group_by(minute, maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .with_columns(
            session=pl.col("bar_start").dt.convert_time_zone("America/New_York").dt.date()
        )
    )


def real_case(shared_data: Path, name: str) -> tuple[pl.DataFrame, Instrument, float]:
    """Return bars, instrument and qty."""
    if name == "SPY":
        made = instrument(
            "SPY", asset_class=AssetClass.EQUITY, tick_size=0.01, multiplier=1.0, fee_bps=0.1
        )
        return minutes_of_spy(shared_data), made, 100.0
    kind = AssetClass.FX if name.startswith("EUR") else AssetClass.CRYPTO
    tick = 0.00001 if name.startswith("EUR") else 0.01
    made = instrument(name[:6], asset_class=kind, tick_size=tick, multiplier=1.0, fee_bps=1.0)
    bars = real_bars(shared_data / "ohlcv" / f"{name}.csv").head(20_000)
    return bars, made, 10_000.0 if kind is AssetClass.FX else 0.5


@pytest.mark.shared
@pytest.mark.parametrize("name", ["EURUSD1", "BTCUSD1", "SPY"])
@pytest.mark.parametrize("exits", EXITS, ids=["on_signal", "barriers", "stop_and_signal"])
def test_real_bars_trade_alike_by_both_paths(shared_data, name, exits):
    """Every pair of windows, to the bit, with the trades that it should find."""
    bars, one, qty = real_case(shared_data, name)
    found = 0
    for number, (fast, slow) in enumerate(zip(FAST.tolist(), SLOW.tolist(), strict=True)):
        rule = {"kind": "sma_cross", "fast": fast, "slow": slow}
        costs = {"spread_ticks": 1.0}
        plan = rule_strategy(rule, timeframe="1m", exits=exits, execution=costs, qty=qty)
        history = SymbolHistory(bars, rule_signals(bars, sma_cross_sides(bars, SmaCross(**rule))))
        events = run_backtest({one.symbol: history}, plan, {one.symbol: one})
        made = run_sma_grid(history, plan, {one.symbol: one}, FAST, SLOW)
        assert_same(made, number, events, capital=plan.capital)
        found += events.trades.height
    assert found > 200
