"""The bar backtest: against a slow one, and law by law."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.backtests.engine import Result, run_backtest
from quant_assets.lineage.fingerprint import content_version
from quant_assets.market.errors import StrategyError
from quant_assets.market.instruments import AssetClass
from quant_assets_tests.backtests.cases import random_case
from quant_assets_tests.backtests.market import (
    BAR_NS,
    FIRST,
    first_ns,
    histories_of,
    instrument,
    random_bars,
    random_predictions,
    strategy,
)

KINDS = (AssetClass.FUTURE, AssetClass.EQUITY)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS))
def test_money_is_conserved(seed, kind):
    """The account ends at its capital and the sum of all nets; costs and gross add up to net."""
    made = run_backtest(*random_case(seed, kind))
    nets = math.fsum(made.trades["net"])
    assert made.equity["equity"][-1] == pytest.approx(100_000.0 + nets, abs=1e-6)
    costs = made.trades.select(
        pl.col("gross")
        - pl.sum_horizontal("spread_cost", "fees", "latency_cost", "slippage")
        - pl.col("net")
    )
    assert costs.to_series().abs().max() < 1e-8
    assert made.metrics["net"] == pytest.approx(nets)
    assert (made.equity["position"][-1], made.equity["cash"][-1]) == (
        0.0,
        made.equity["equity"][-1],
    )


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS))
def test_excursions_enclose_the_result(seed, kind):
    """Before fees no trade ends below its worst or above its best."""
    trades = run_backtest(*random_case(seed, kind)).trades
    before_fees = trades["net"] + trades["fees"]
    assert (trades["mae"] <= 0).all()
    assert (trades["mfe"] >= 0).all()
    assert (before_fees >= trades["mae"] - 1e-9).all()
    assert (before_fees <= trades["mfe"] + 1e-9).all()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), cut=st.integers(16, 70))
def test_nothing_after_a_bar_changes_what_was_traded_before_it(seed, cut):
    """Scrambled bars and predictions after t leave every trade that ended by t as it was."""
    histories, plan, instruments = random_case(seed)
    until = histories["ES"].bars["bar_start"][cut]
    rng = np.random.default_rng(seed + 1)
    later = pl.col("bar_start") > until
    scrambled = {}
    for name, history in histories.items():
        shift = float(rng.integers(-20, 20))
        moved = [
            pl.when(later).then(pl.col(c) + shift).otherwise(c).alias(c)
            for c in ("open", "high", "low", "close")
        ]
        turned = pl.when(later).then(-pl.col("side")).otherwise("side").cast(pl.Int8)
        scrambled[name] = replace(
            history,
            bars=history.bars.with_columns(moved),
            signals=history.signals.with_columns(side=turned),
        )
    ended = pl.col("exit_ts") <= until + pl.duration(nanoseconds=BAR_NS)
    one = run_backtest(histories, plan, instruments, run_hash="0" * 64)
    two = run_backtest(scrambled, plan, instruments, run_hash="0" * 64)
    drop = ("trade_id",)
    assert one.trades.filter(ended).drop(drop).equals(two.trades.filter(ended).drop(drop))
    past = pl.col("ts") <= until
    assert one.equity.filter(past).equals(two.equity.filter(past))


def test_only_out_of_sample_rows_are_traded():
    """No signal comes from a bar that a model was trained on, and nothing is marked before."""
    histories, plan, instruments = random_case(4)
    made = run_backtest(histories, plan, instruments)
    for name, history in histories.items():
        allowed = set(history.signals.filter("is_oos")["bar_start"])
        signals = made.trades.filter(pl.col("symbol") == name)["signal_ts"]
        assert len(signals)
        assert set(signals.dt.offset_by("-15m")) <= allowed
    first = min(h.signals.filter("is_oos")["bar_start"].min() for h in histories.values())
    assert made.equity["ts"].min() > first


def flat_bars(n: int = 8, **prices: dict[int, float]) -> pl.DataFrame:
    """Return flat bars at 100 of one session, with given prices at given rows."""
    columns = {}
    for name in ("open", "high", "low", "close"):
        values = np.full(n, 100.0)
        for row, price in prices.get(name, {}).items():
            values[row] = price
        columns[name] = values
    frame = random_bars(np.random.default_rng(0), n_sessions=1, n_bars=n).drop(*columns)
    return frame.with_columns(**{k: pl.Series(v) for k, v in columns.items()})


def one_signal(bars: pl.DataFrame, row: int) -> pl.DataFrame:
    """Return predictions of which one row asks for a long."""
    sure = np.full(bars.height, 0.5)
    sure[row] = 0.9
    made = random_predictions(np.random.default_rng(0), bars)
    return made.with_columns(proba=pl.Series(sure))


def trade_once(bars: pl.DataFrame, row: int, **changes: object) -> Result:
    """Run one symbol with one long signal and 10 % barriers."""
    closes = changes.pop("closes", {})
    kind = changes.pop("kind", AssetClass.FUTURE)
    plan = strategy(**({"exits": {"stop": 0.1, "target": 0.1, "horizon_bars": 3}} | changes))
    histories = histories_of({"ES": bars}, {"ES": one_signal(bars, row)}, plan, closes=closes)
    return run_backtest(histories, plan, {"ES": instrument("ES", asset_class=kind)})


def test_a_signal_fills_at_the_next_open():
    """The price that the signal saw is not the price it gets."""
    made = trade_once(flat_bars(open={3: 104.0}, high={3: 104.0}), 2)
    row = made.trades.row(0, named=True)
    assert row["entry_price"] == 104.25
    assert made.trades["signal_ts"].to_physical()[0] == first_ns(0) + 3 * BAR_NS
    assert made.trades["entry_ts"].to_physical()[0] == first_ns(0) + 3 * BAR_NS


def test_the_time_limit_counts_as_the_label_does():
    """Three bars after the signal's bar, at that bar's close."""
    made = trade_once(flat_bars(close={5: 103.0}, high={5: 103.0}), 2)
    row = made.trades.row(0, named=True)
    assert (row["exit_reason"], row["exit_price"]) == ("time", 102.75)
    assert made.trades["exit_ts"].to_physical()[0] == first_ns(0) + 6 * BAR_NS


def test_the_worst_of_a_targets_bar_counts_and_the_best_of_a_stops_does_not():
    """Bars hide the order of prices, so excursions take the worse reading on either end."""
    hit = trade_once(flat_bars(low={4: 95.0}, high={4: 120.0}), 2).trades.row(0, named=True)
    assert hit["exit_reason"] == "target"
    assert hit["mae"] == pytest.approx(100 * (95.0 - 0.25 - 100.25))
    assert hit["mfe"] == pytest.approx(100 * 10.025)
    lost = trade_once(flat_bars(low={4: 80.0}, high={4: 109.0}), 2).trades.row(0, named=True)
    assert lost["exit_reason"] == "stop"
    assert lost["mfe"] == 0.0
    assert lost["mae"] == pytest.approx(-100 * 10.025)


def test_the_last_bar_fills_no_entry():
    """An entry that must leave at once would be no trade."""
    assert trade_once(flat_bars(), 6).trades.is_empty()
    assert trade_once(flat_bars(), 7).trades.is_empty()
    assert trade_once(flat_bars(), 5).trades.height == 1


def test_an_equity_is_flat_at_its_close():
    """The official close ends the position, though bars go on after hours."""
    closes = {"ES": {FIRST: first_ns(0) + 5 * BAR_NS}}
    kind = AssetClass.EQUITY
    made = trade_once(flat_bars(), 2, closes=closes, kind=kind)
    row = made.trades.row(0, named=True)
    assert row["exit_reason"] == "close"
    assert made.trades["exit_ts"].to_physical()[0] == first_ns(0) + 5 * BAR_NS
    assert trade_once(flat_bars(), 3, closes=closes, kind=kind).trades.is_empty()
    assert trade_once(flat_bars(), 5, closes=closes, kind=kind).trades.is_empty()


def test_a_round_trip_at_one_price_costs_the_spread_and_fees():
    """Flat prices: the loss is two half spreads and two fees, each under its own name."""
    row = trade_once(flat_bars(), 2).trades.row(0, named=True)
    assert row["gross"] == 0.0
    assert row["spread_cost"] == 0.5 * 2.0 * 50.0
    assert row["fees"] == 2 * 2.0 * 1.5
    assert row["net"] == -56.0
    assert (row["latency_cost"], row["slippage"], row["realism"]) == (0.0, 0.0, "spread")


def test_a_ruined_account_enters_nothing_more():
    """Once equity is not above zero, signals are left."""
    histories, plan, instruments = random_case(5, capital=90.0)
    made = run_backtest(histories, plan, instruments)
    rich = run_backtest(histories, strategy(), instruments)
    assert made.trades.height < rich.trades.height
    marks = made.equity.sort("ts").select("ts", "equity")
    asked = made.trades.sort("entry_ts").join_asof(marks, left_on="entry_ts", right_on="ts")
    assert (made.equity["equity"] <= 0).any()
    assert (asked["equity"].fill_null(90.0) > 0).all()


def test_trade_ids_begin_with_the_runs_hash():
    """Ids count entries, in rising order, under the run's first ten digits."""
    case = random_case(6)
    made = run_backtest(*case, run_hash="f" * 64)
    ids = made.trades["trade_id"].to_list()
    assert ids == [f"{'f' * 10}-{n:06d}" for n in range(1, len(ids) + 1)]
    assert made.trades["entry_ts"].is_sorted()
    assert (
        run_backtest(*case).trades["trade_id"][0].split("-")[0] == run_backtest(*case).run_hash[:10]
    )


def test_a_fresh_process_with_another_hash_seed_gives_the_same_bits():
    """Neither process nor hash seed reach trades, equity or metrics."""
    made = run_backtest(*random_case(7))
    code = (
        "from quant_assets_tests.backtests.test_engine import *\n"
        "r = run_backtest(*random_case(7))\n"
        "print(r.run_hash, content_version(r.trades), content_version(r.equity), r.metrics)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "123"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = (made.run_hash, content_version(made.trades), content_version(made.equity), made.metrics)
    assert done.stdout.strip() == " ".join(str(part) for part in here)


def without_row(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame without its row 30."""
    return frame.filter(pl.int_range(pl.len()) != 30)


def without_low(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with no low in row 30."""
    is_there = pl.int_range(pl.len()) != 30
    return frame.with_columns(low=pl.when(is_there).then("low"))


def broken_case(fault: str):
    """Return a case that cannot be traded."""
    histories, plan, instruments = random_case(8)
    one = histories["ES"]
    if fault == "no_bars":
        histories |= {"NQ": replace(one, bars=one.bars.clear())}
    elif fault == "no_instrument":
        instruments = {"ES": instruments["ES"]}
    elif fault == "nothing_out_of_sample":
        histories = {
            s: replace(h, signals=h.signals.with_columns(is_oos=pl.lit(value=False)))
            for s, h in histories.items()
        }
    elif fault == "other_bars":
        histories |= {"ES": replace(one, bars=without_row(one.bars))}
    elif fault == "two_currencies":
        instruments |= {"NQ": instrument("NQ", currency="JPY")}
    elif fault == "a_null_price":
        histories |= {"ES": replace(one, bars=without_low(one.bars))}
    elif fault == "beyond_the_account":
        plan = strategy(qty=60.0)
    else:
        histories = {}
    return histories, plan, instruments


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("no_bars", "trade NQ.*no bars"),
        ("no_instrument", "no instrument for NQ"),
        ("nothing_out_of_sample", "no signal is out of sample"),
        ("other_bars", "1 signals have no bar"),
        ("two_currencies", "JPY, USD"),
        ("a_null_price", "missing, not finite"),
        ("beyond_the_account", "qty 60.*capital 100,000 and max_leverage 10"),
        ("no_histories", "no histories"),
    ],
)
def test_what_cannot_be_traded_is_refused(fault, says):
    """Each fault gives an error that says what is there."""
    with pytest.raises(StrategyError, match=says):
        run_backtest(*broken_case(fault))
