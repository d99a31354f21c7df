"""Laws of realism on bars: no fill in a halt, no gain by it, nothing from the future."""

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
from quant_assets.execution.costs import Realism
from quant_assets.lineage.fingerprint import content_version
from quant_assets.market.instruments import AssetClass
from quant_assets_tests.backtests.cases import Case, random_case, real_case
from quant_assets_tests.backtests.market import BAR_NS

LEVELS = tuple(Realism)
EXITS = {"stop": 0.006, "target": 0.006, "horizon_bars": 5, "on_signal": True}
BAR = pl.duration(nanoseconds=BAR_NS)


def full_case(seed: int, *, kind: AssetClass = AssetClass.FUTURE, **rules: object) -> Case:
    """Return a case at realism `full` with finer bars, halts and drawn latency."""
    changes = {"exits": EXITS, "execution": {"realism": "full", "spread_ticks": 2.0,
               "fee_per_unit": 1.5}}  # fmt: skip
    return real_case(seed, kind, finer=True, halts=True, **(changes | rules))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), qty=st.sampled_from([2.0, 40.0]))
def test_nothing_fills_in_a_halt(seed, qty):
    """No entry lies in a halted bar, and no exit, but what is settled where a contract ends."""
    case = full_case(seed, qty=qty)
    made = run_backtest(*case)
    for name, history in case[0].items():
        halts = history.halts.with_columns(halt=pl.int_range(pl.len()))
        start = pl.col("bar_start").to_physical()
        halted = history.bars.join_where(
            halts, pl.col("start_ns") < start + BAR_NS, pl.col("end_ns") > start
        )["bar_start"].unique()
        trades = made.trades.filter(pl.col("symbol") == name)
        entered = trades.select(pl.col("entry_ts").dt.truncate("15m"))["entry_ts"]
        assert not entered.is_in(halted.implode()).any()
        is_open_fill = pl.col("exit_ts").is_in(history.bars["bar_start"].implode())
        left = trades.with_columns(
            bar=pl.when(is_open_fill & (pl.col("exit_reason") == "signal"))
            .then("exit_ts")
            .otherwise((pl.col("exit_ts") - pl.duration(nanoseconds=1)).dt.truncate("15m")),
        ).filter(pl.col("bar").is_in(halted.implode()))
        ends = history.bars.filter(
            pl.col("contract") != pl.col("contract").shift(-1).fill_null("")
        )["bar_start"]
        allowed = (left["exit_reason"] == "halt") | left["bar"].is_in(ends.implode())
        later = left.filter(~allowed)
        # An exit at an open is stamped with that instant, where the bar before may be halted.
        assert later["exit_ts"].is_in(history.bars["bar_start"].implode()).all()
        assert not later["exit_ts"].is_in(halted.implode()).any()


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from([AssetClass.FUTURE, AssetClass.EQUITY]),
    level=st.sampled_from(LEVELS),
)
def test_money_is_conserved_at_every_level(seed, kind, level):
    """The account ends at its capital and the sum of all nets; costs and gross add up to net."""
    made = run_backtest(*full_case(seed, kind=kind, qty=20.0), realism=level)
    nets = math.fsum(made.trades["net"])
    assert made.equity["equity"][-1] == pytest.approx(100_000.0 + nets, abs=1e-6)
    costs = pl.sum_horizontal("spread_cost", "fees", "latency_cost", "slippage")
    split = made.trades.select(pl.col("gross") - costs - pl.col("net")).to_series()
    assert split.abs().max() < 1e-6
    if level is Realism.IDEAL:
        assert made.trades.select(costs).to_series().abs().max() == 0.0
    if level in {Realism.IDEAL, Realism.SPREAD}:
        assert made.trades["latency_cost"].abs().max() == 0.0
    assert (made.trades["slippage"] >= 0.0).all()
    assert level is Realism.FULL or made.trades["slippage"].max() == 0.0


def test_more_realism_never_helps_random_strategies():
    """Mean result per traded value over many random strategies falls from level to level."""
    means = {level: [] for level in LEVELS}
    for seed in range(120):
        case = random_case(seed, qty=5.0, exits={"stop": 0.006, "target": 0.006, "horizon_bars": 5})
        for level in LEVELS:
            trades = run_backtest(*case, realism=level, run_hash="0" * 64).trades
            traded = (trades["qty"] * (trades["entry_price"] + trades["exit_price"])).sum()
            means[level].append(trades["net"].sum() / traded)
    ladder = [float(np.mean(means[level])) for level in LEVELS]
    assert ladder == sorted(ladder, reverse=True)
    assert ladder[0] > ladder[1] > ladder[2] > ladder[3]


def scrambled_after(history, until, rng: np.random.Generator):
    """Return a history whose bars, finer bars and signals after an instant are others."""
    shift = float(rng.integers(-20, 20))
    later = pl.col("bar_start") > until
    moved = [
        pl.when(later).then(pl.col(c) + shift).otherwise(c).alias(c)
        for c in ("open", "high", "low", "close")
    ]
    more = pl.when(later).then(pl.col("volume") * 3.0).otherwise("volume").alias("volume")
    turned = pl.when(later).then(-pl.col("side")).otherwise("side").cast(pl.Int8)
    end_ns = until.timestamp() * 1e9 + BAR_NS
    return replace(
        history,
        bars=history.bars.with_columns(*moved, more),
        finer=history.finer.with_columns(
            pl.when(pl.col("bar_start") >= until + BAR)
            .then(pl.col(c) + shift)
            .otherwise(c)
            .alias(c)
            for c in ("open", "high", "low", "close")
        ),
        signals=history.signals.with_columns(side=turned),
        halts=history.halts.filter(pl.col("start_ns") < end_ns),
    )


def ended_by(made: Result, until) -> pl.DataFrame:
    """Return the trades that ended by the open of the bar at an instant, without their numbers."""
    return made.trades.filter(pl.col("exit_ts") <= until).drop("trade_id")


def test_nothing_after_a_bar_changes_what_ended_before_it():
    """Two hundred cuts over all levels: the bars after one are scrambled, or removed."""
    rng = np.random.default_rng(11)
    same = {"run_hash": "0" * 64}
    compared = 0
    for cut in range(200):
        level = LEVELS[cut % 4]
        risk = {"kind": "risk_per_trade", "share": 0.01} if cut % 3 else {"kind": "fixed"}
        histories, plan, instruments = full_case(cut // 4, qty=None if cut % 3 else 8.0, risk=risk)
        both = histories["ES"].bars.join(histories["NQ"].bars, on="bar_start")["bar_start"].sort()
        until = both[int(rng.integers(20, len(both) - 5))]
        if cut // 4 % 2:
            other = {s: scrambled_after(h, until, rng) for s, h in histories.items()}
        else:
            other = {s: removed_after(h, until) for s, h in histories.items()}
        one = ended_by(run_backtest(histories, plan, instruments, realism=level, **same), until)
        two = ended_by(run_backtest(other, plan, instruments, realism=level, **same), until)
        assert one.equals(two)
        compared += one.height
    assert compared > 2000


def removed_after(history, until):
    """Return a history that ends with an instant's bar."""
    kept = pl.col("bar_start") <= until
    return replace(
        history,
        bars=history.bars.filter(kept),
        finer=history.finer.filter(pl.col("bar_start") < until + BAR),
        signals=history.signals.filter(kept),
    )


def test_a_fresh_process_gives_the_same_bits_at_every_level():
    """Neither process nor hash seed reach what realism draws and pays."""
    code = (
        "from quant_assets_tests.backtests.test_realism import *\n"
        "for level in LEVELS:\n"
        "    r = run_backtest(*full_case(7, qty=20.0), realism=level)\n"
        "    print(r.run_hash, content_version(r.trades), content_version(r.equity), r.unfilled)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "123"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = []
    for level in LEVELS:
        r = run_backtest(*full_case(7, qty=20.0), realism=level)
        here.append(
            f"{r.run_hash} {content_version(r.trades)} {content_version(r.equity)} {r.unfilled}"
        )
    assert done.stdout.splitlines() == here
    assert len(set(here)) == 4


def test_an_order_larger_than_its_bar_takes_fills_in_part():
    """The entry is what the volume takes; the exit goes on over the bars that follow."""
    case = random_case(
        3,
        qty=500.0,
        max_leverage=1000.0,
        capital=1e8,
        execution={"realism": "full", "spread_ticks": 2.0},
    )
    made = run_backtest(*case)
    assert made.unfilled["liquidity"] > made.trades.height
    assert made.trades["qty"].max() <= 20.0
    assert (made.trades["slippage"] > 0).any()
