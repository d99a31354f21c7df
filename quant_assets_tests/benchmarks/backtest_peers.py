"""A sweep of a cross of means against vectorbt and backtesting.py: equal trades first."""

import gc
import json
import subprocess
import time
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from quant_assets.backtests.grid import GridResult, run_sma_grid
from quant_assets.backtests.history import SymbolHistory
from quant_assets.signals.build import rule_signals
from quant_assets_tests.benchmarks.backtest_bars import cross, pair, walk_of_minutes
from quant_assets_tests.benchmarks.backtest_peer_environment import BACKTESTING, peers
from quant_assets_tests.benchmarks.bronze_peer_environment import (
    VERSION,
    NotThereError,
    settings_of_vectorbt,
)
from quant_assets_tests.benchmarks.measure import equal, say

TARGETS = {"vectorbt": 3.0, "backtesting": 100.0}
_SCRIPT = Path(__file__).with_name("backtest_peer_script.py")
_BARS, _QUICK_BARS = 100_000, 20_000
_PAIRS, _QUICK_PAIRS = 1_000, 100
_KEPT = 5


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Sweep pairs of windows by all three; return whether both targets are met.

    CPU time of one thread each. Ours is the median of rounds before and after the peers'. Of
    backtesting.py five pairs are run, and its time for all is extrapolated from them.
    """
    bars = _without_ties(walk_of_minutes(_QUICK_BARS if quick else _BARS, seed), seed)
    fast, slow = _windows(_QUICK_PAIRS if quick else _PAIRS)
    say(f"a cross of means, {fast.size:,} pairs of windows on {bars.height:,} bars, CPU time")
    try:
        python, peer_folder = peers()
    except NotThereError as error:
        say(f"  the peers could not be installed, so nothing is claimed: {error}\n")
        return True
    before, made = _ours(bars, fast, slow, pairs)
    kept = np.linspace(0, fast.size - 1, _KEPT).astype(np.int64)
    told = _theirs(bars, (fast, slow, kept), python, peer_folder, folder)
    equal("version of vectorbt", told["version"], VERSION)
    _equal_trades(made, bars, kept, folder / "peer-trades.npz")
    after, _ = _ours(bars, fast, slow, pairs)
    spent = median([*before, *after])
    theirs = {
        "vectorbt": told["vectorbt"],
        "backtesting": told["backtesting"] * fast.size / _KEPT,
    }
    return _tell(spent, theirs)


def _without_ties(bars: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return bars whose closes have nine digits, so that no two means are equal.

    Where they are, ours asks for nothing, while the peers' sums round and ask for either side.
    """
    noise = np.random.default_rng(seed + 1).random(bars.height) * 1e-6
    moved = pl.Series(np.round(bars["close"].to_numpy() + noise, 9))
    return bars.with_columns(close=moved).with_columns(
        high=pl.max_horizontal("high", "close"), low=pl.min_horizontal("low", "close")
    )


def _windows(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of windows: 25 fast ones by as many slow ones as it takes."""
    fast, slow = np.meshgrid(np.arange(2, 52, 2), np.arange(60, 60 + 10 * (count // 25), 10))
    return fast.ravel().astype(np.int64), slow.ravel().astype(np.int64)


def _ours(
    bars: pl.DataFrame, fast: np.ndarray, slow: np.ndarray, rounds: int
) -> tuple[list[float], GridResult]:
    """Return the CPU seconds of some rounds, and the last one's result."""
    history = SymbolHistory(bars, rule_signals(bars, np.zeros(bars.height, dtype=np.int8)))
    instruments, plan, spent = {pair().symbol: pair()}, cross(2, 60), []
    run_sma_grid(history, plan, instruments, fast[:2], slow[:2])
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        made = run_sma_grid(history, plan, instruments, fast, slow)
        spent.append(time.process_time() - began)
    return spent, made


def _theirs(
    bars: pl.DataFrame,
    sets: tuple[np.ndarray, np.ndarray, np.ndarray],
    python: Path,
    peer_folder: Path,
    folder: Path,
) -> dict[str, float | str]:
    """Run the script; return what it printed."""
    prices = {name: bars[name].to_numpy() for name in ("open", "high", "low", "close")}
    names = dict(zip(("fast", "slow", "kept"), sets, strict=True))
    qty = np.array(cross(2, 60).qty)
    np.savez(folder / "peer-bars.npz", **prices, **names, qty=qty)
    words = [str(python), "-I", str(_SCRIPT), str(folder / "peer-bars.npz"),
             str(folder / "peer-trades.npz"), str(peer_folder)]  # fmt: skip
    done = subprocess.run(
        words, env=settings_of_vectorbt(), capture_output=True, text=True, check=True,
        timeout=3_600,
    )  # fmt: skip
    told: dict[str, float | str] = json.loads(done.stdout)
    return told


def _equal_trades(made: GridResult, bars: pl.DataFrame, kept: np.ndarray, file: Path) -> None:
    """Raise unless both peers closed the trades that ours closed by a signal."""
    place = pl.DataFrame({"ts": bars["bar_start"], "row": np.arange(bars.height)})
    total = 0
    with np.load(file) as found:
        for number in kept.tolist():
            trades = made.trades_of(number).filter(pl.col("exit_reason") == "signal")
            rows = trades.join(place, left_on="entry_ts", right_on="ts").join(
                place, left_on="exit_ts", right_on="ts", suffix="_exit"
            )
            side = pl.when(pl.col("side") == "long").then(1).otherwise(-1)
            ours = rows.select("row", "row_exit", side, "entry_price", "exit_price").to_numpy()
            total += len(ours)
            for peer in TARGETS:
                theirs = found[f"{peer}{number}"]
                theirs = theirs[np.argsort(theirs[:, 0])]
                # backtesting.py is first asked a bar after the slow mean is there: its first
                # trade may begin later.
                first = 1 if peer == "backtesting" else 0
                theirs, own = theirs[first:], ours[first:]
                equal(f"{peer}: trades of pair {number}", len(theirs), len(own))
                equal(f"{peer}: rows of pair {number}", theirs[:, :3].tolist(), own[:, :3].tolist())
                gap = float(np.abs(theirs[:, 3:] - own[:, 3:]).max(initial=0.0))
                equal(f"{peer}: prices of pair {number} agree", gap < 1e-12, True)
    say(f"  the same {total:,} closed trades of {kept.size} pairs by all three")


def _tell(ours: float, theirs: dict[str, float]) -> bool:
    """Print all times, and judge."""
    met = True
    say(f"  ours               {ours:12,.2f} s")
    versions = {"vectorbt": VERSION, "backtesting": f"{BACKTESTING}, extrapolated from {_KEPT}"}
    for peer, target in TARGETS.items():
        ratio = theirs[peer] / ours
        met &= ratio >= target
        verdict = "pass" if ratio >= target else "SHORT"
        say(
            f"  {peer:19}{theirs[peer]:12,.2f} s {ratio:12,.1f}x  target {target:,.0f}x  {verdict}"
            f"  {versions[peer]}"
        )
    say()
    return met
