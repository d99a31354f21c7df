"""vectorbt for the same wins, in an environment of its own."""

import gc
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from quant_assets.bronze.chunks import row_groups, search_blocks
from quant_assets.bronze.engine import Search
from quant_assets.bronze.schema import TRADE_TYPES
from quant_assets.storage.writers.bronze_parquet import BronzeFileWriter
from quant_assets_tests.benchmarks.bronze_data import SMALL, search_of
from quant_assets_tests.benchmarks.bronze_peer_environment import (
    VERSION,
    NotThereError,
    python_of_vectorbt,
    settings_of_vectorbt,
)
from quant_assets_tests.benchmarks.measure import equal, say

TARGET = 10_000.0
_SCRIPT = Path(__file__).with_name("bronze_peer_vectorbt.py")
_ENTRIES, _QUICK_ENTRIES = 60, 12
_TIES = 5
_ROUNDS, _QUICK_ROUNDS = 3, 2
_COLUMNS = ("entry_time", "trade_type", "tp_ratio", "sl_ratio", "exit_time")

Trades = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Rate:
    """How fast one way of asking vectorbt is."""

    name: str
    engine: str
    entries: int
    is_interface: bool
    candles_per_s: float


def compare(bars: pl.DataFrame, folder: Path, *, quick: bool) -> bool:
    """Find the wins of 20x40 L200 by both; return whether the target is met.

    The wins of some entries, spread over the candles, are compared before any rate is told. The
    fastest way that vectorbt's interfaces offer is judged, by its best round; ours is the median,
    over all candles, half of it measured before vectorbt and half after.
    """
    say(f"vectorbt {VERSION} for the same wins, {SMALL.name}, spread 0, CPU time, one thread")
    try:
        python = python_of_vectorbt()
    except NotThereError as error:
        say(f"  vectorbt is not there and could not be installed, so nothing is claimed: {error}\n")
        return True
    search = search_of(bars, SMALL, 0.0)
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    works = _our_works(bars, folder)
    before = {name: _spent(work, rounds) for name, work in works.items()}
    rates = _vectorbt(search, python, folder, quick=quick)
    ours = {
        name: search.candles.count / median(before[name] + _spent(work, rounds))
        for name, work in works.items()
    }
    return _tell(ours, rates)


def _our_works(bars: pl.DataFrame, folder: Path) -> dict[str, Callable[[], Any]]:
    """Return ours, each from candles on: counting, rows of all wins, and a file of them."""
    count = bars.height

    def rows() -> int:
        search = search_of(bars, SMALL, 0.0)
        blocks = search_blocks(search, count)
        return sum(search.rows(block.runs, block.wins).height for block in blocks)

    def file() -> None:
        search = search_of(bars, SMALL, 0.0)
        with BronzeFileWriter(folder / "peer.parquet", search, writer="pages") as out:
            for group in row_groups(search, search_blocks(search, count)):
                out.write_group(group.runs, group.count, group.skipped)

    def counting() -> int:
        return search_of(bars, SMALL, 0.0).count(0, count).wins

    file()
    stored = pl.read_parquet(folder / "peer.parquet", columns=["entry_time"]).height
    equal("rows of the file, and wins", (stored, rows()), (counting(), counting()))
    return {"counting wins": counting, "rows of all wins": rows, "wins to a Parquet file": file}


def _spent(work: Callable[[], Any], rounds: int) -> list[float]:
    """Return the CPU seconds of some rounds: of all threads, as blocks are searched by another."""
    spent = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return spent


def _vectorbt(search: Search, python: Path, folder: Path, *, quick: bool) -> list[Rate]:
    """Run the script; raise unless each way found our wins, and return how fast each is."""
    entries = _entries(search, _QUICK_ENTRIES if quick else _ENTRIES)
    given, wins = folder / "peer-candles.npz", folder / "peer-wins.npz"
    np.savez(
        given,
        high=search.candles.high,
        low=-search.candles.fallen,
        close=search.candles.close,
        sl_ratios=search.sl_ratios,
        tp_ratios=search.tp_ratios,
        lookforward=np.array(SMALL.lookforward),
        entries=entries,
    )
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    done = subprocess.run(
        [str(python), "-I", str(_SCRIPT), str(given), str(wins), str(rounds)],
        env=settings_of_vectorbt(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=3_600,
    )
    told = json.loads(done.stdout)
    equal("version of vectorbt", told["version"], VERSION)
    ours = _our_trades(search, entries)
    with np.load(wins) as found:
        for place, way in enumerate(told["ways"]):
            theirs = _their_trades(search, found[f"way{place}"])
            _equal_trades(f"{way['name']}, {way['engine']}, {way['entries']}", ours, theirs)
    say(f"  the same {len(ours):,} wins of {entries.size} entries by {len(told['ways'])} ways")
    return [
        Rate(**{"candles_per_s": entries.size / min(way.pop("seconds")), **way})
        for way in told["ways"]
    ]


def _entries(search: Search, count: int) -> np.ndarray:
    """Return entries spread over the candles, and some with a candle that reaches both levels."""
    end = search.candles.count - SMALL.lookforward
    ties = (idx for idx in range(end) if search.count(idx, idx + 1).ambiguous)
    spread = np.linspace(0, end - 1, count).astype(int)
    return np.unique([*spread, *islice(ties, _TIES)])


def _our_trades(search: Search, entries: np.ndarray) -> Trades:
    """Return what identifies each published row of some entries."""
    found = [search.run(entry, entry + 1) for entry in entries.tolist()]
    rows = pl.concat(search.rows(one.runs, one.wins) for one in found)
    return rows.select(_COLUMNS).rows()


def _their_trades(search: Search, wins: np.ndarray) -> Trades:
    """Return the same of vectorbt's wins: entry, direction, target, stop, exit candle."""
    entry, direction, target, stop, exit_candle = wins.T
    stamps = pl.Series(search.candles.stamps_ns).cast(pl.Datetime("ns"))
    columns = (
        stamps.gather(entry),
        pl.Series(TRADE_TYPES).gather(direction),
        pl.Series(search.tp_ratios.astype(np.float32)).gather(target),
        pl.Series(search.sl_ratios.astype(np.float32)).gather(stop),
        stamps.gather(exit_candle),
    )
    return pl.DataFrame(dict(zip(_COLUMNS, columns, strict=True))).rows()


def _equal_trades(what: str, ours: Trades, theirs: Trades) -> None:
    """Raise unless both hold the same trades, in any order."""
    only_ours, only_theirs = set(ours) - set(theirs), set(theirs) - set(ours)
    equal(f"{what}: wins of one side only", sorted(only_ours)[:3], sorted(only_theirs)[:3])
    equal(f"{what}: wins", len(ours), len(theirs))


def _tell(ours: dict[str, float], rates: list[Rate]) -> bool:
    """Print all rates and judge the file of wins against the fastest interface."""
    fastest = max((one for one in rates if one.is_interface), key=lambda one: one.candles_per_s)
    whole = ours["wins to a Parquet file"]
    for one in sorted(rates, key=lambda one: one.candles_per_s):
        what = f"{one.name}, {one.engine}, {one.entries} at once"
        say(
            f"    {what:46}{one.candles_per_s:11,.1f} candles/s {whole / one.candles_per_s:10,.0f}x"
        )
    for what, rate in ours.items():
        say(f"    ours, {what:40}{rate:11,.0f} candles/s {rate / fastest.candles_per_s:10,.0f}x")
    ratio = whole / fastest.candles_per_s
    verdict = "pass" if ratio >= TARGET else "SHORT"
    say(
        f"  {SMALL.name:34}{ratio:14,.2f}x  target {TARGET:,.2f}x  {verdict}  to a Parquet file, "
        f"against {fastest.name} by {fastest.engine}\n"
    )
    return ratio >= TARGET
