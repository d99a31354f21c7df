"""Orders over boundaries: a reversal's two legs, parts of fractional steps, a way across a roll."""

import itertools
import math
import statistics
from datetime import date, timedelta

import polars as pl
import pytest

from quant_assets.backtests.daily_figures import sessions_a_year
from quant_assets.backtests.engine import Result, run_backtest
from quant_assets.backtests.history import SymbolHistory
from quant_assets.market.columns import UTC_NS
from quant_assets.signals.build import rule_signals
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.package_data import SESSIONS_FILE
from quant_assets_tests.backtests.market import FIRST, first_ns, instrument

MINUTE_NS = 60 * 10**9


def traded(
    bars: list[tuple[date, str, float, float]], wanted: list[int], *, step: float = 1.0, **changes
) -> Result:
    """Trade flat bars (session, contract, price, volume), a minute each, at realism `full`."""
    columns = {
        "session": [bar[0] for bar in bars],
        "bar_start": pl.Series(
            [first_ns(0) + n * MINUTE_NS for n in range(len(bars))], dtype=pl.Int64
        ).cast(UTC_NS),
        "contract": [bar[1] for bar in bars],
        "volume": [bar[3] for bar in bars],
    }
    prices = {name: [bar[2] for bar in bars] for name in ("open", "high", "low", "close")}
    frame = pl.DataFrame(columns | prices)
    values = {
        "name": "trial",
        "timeframe": "1m",
        "signal": {"kind": "random", "chance": 0.5, "seed": 1},
        "exits": {"on_signal": True},
        "capital": 1e7,
        "max_leverage": 1000.0,
    }
    costs = {"realism": "full", "spread_ticks": 0.0, "fee_per_unit": 0.0}
    way = {"kind": "constant", "arrival_ms": changes.pop("way_ms", 1.0)}
    plan = Strategy.parse(values | {"execution": costs | {"latency": way}} | changes)
    history = SymbolHistory(frame, rule_signals(frame, wanted))
    return run_backtest({"ES": history}, plan, {"ES": instrument("ES", qty_step=step)})


def test_a_reversal_pays_for_size_what_one_order_of_both_sizes_pays():
    """A long of 100 is sold and 100 are sold short at once: the market sees an order of 200."""
    closes = [100.0, 101.0, 100.0, 102.0]
    before = [(FIRST - timedelta(days=4 - n), "ESH24", c, 1e4) for n, c in enumerate(closes)]
    bars = before + [(FIRST, "ESH24", 100.0, 1e4)] * 5
    first, second = traded(bars, [0] * 4 + [1, -1, -1, 0, 0], qty=100.0).trades.to_dicts()
    sigma = statistics.stdev(math.log(b / a) for a, b in itertools.pairwise(closes))
    bought = 100.0 * sigma * 2 / 3 * math.sqrt(100 / 1e4) * 100
    sold = 100.0 * sigma * 2 / 3 * math.sqrt(200 / 1e4) * 200
    # The short is bought back alone, as the long was.
    slippage = first["slippage"] + second["slippage"]
    assert slippage == pytest.approx(50.0 * (2 * bought + sold), rel=1e-12)


def test_parts_of_fractional_steps_leave_no_crumb():
    """0.3 go as 0.1 and 0.2, whose sum is another number than 0.3: nothing is left for later."""
    bars = [(FIRST, "ESH24", 100.0, v) for v in (9.0, 9.0, 1.0, 2.0, 9.0, 9.0)]
    made = traded(bars, [1, 0, 0, 0, 0, 0], qty=3 * 0.1, step=0.1, exits={"on_signal": True})
    [trade] = made.trades.to_dicts()
    assert trade["exit_ts"] == made.equity["ts"][2]
    assert made.equity["position"].to_list()[3:] == [0.0] * (made.equity.height - 3)


@pytest.mark.parametrize("asked_at", [2, 3])
def test_an_order_on_its_way_over_a_roll_is_cancelled(asked_at):
    """Asked for on the old contract, a minute under way: the new one is not its market."""
    bars = [(FIRST, contract, 100.0, 1e4) for contract in ["ESH24"] * 4 + ["ESM24"] * 6]
    wanted = [int(n == asked_at) for n in range(10)]
    made = traded(bars, wanted, qty=1.0, way_ms=60_000.0)
    assert made.trades.is_empty()
    assert made.unfilled == {"session_closed": 1}


@pytest.mark.parametrize(
    ("asset_class", "calendars"),
    [
        ("equity", ["XNYS"]),
        ("future", ["CME_EQUITY", "CME_METALS"]),
        ("fx", ["FX"]),
        ("metal", ["FX"]),
        ("crypto", ["CRYPTO"]),
    ],
)
def test_a_year_has_as_many_sessions_as_the_calendar(asset_class, calendars):
    """Figures a session become figures a year by the sessions that there are."""
    table = pl.read_parquet(SESSIONS_FILE, hive_partitioning=False)
    years = table.filter(pl.col("session").dt.year().is_between(2010, 2023))
    for calendar in calendars:
        n_sessions = years.filter(pl.col("calendar") == calendar).height
        assert n_sessions / 14 == pytest.approx(sessions_a_year(asset_class), abs=1.0)
