"""The possibility engine: against brute force, memory, encoders, a group-by and a peer."""

import gc
import io
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from quant_assets.bronze.chunks import RowGroup, row_groups, search_blocks
from quant_assets.bronze.engine import Candles, Search
from quant_assets.bronze.statistics import count_outcomes
from quant_assets.storage.writers.bronze_parquet import BronzeFileWriter
from quant_assets_tests.benchmarks import bronze_peer
from quant_assets_tests.benchmarks.bronze_brute import count_by_brute_force, count_in_python
from quant_assets_tests.benchmarks.bronze_data import (
    HUGE,
    LARGE,
    MIDDLE,
    SMALL,
    SPREADS,
    Case,
    minutes,
    search_of,
    walk,
)
from quant_assets_tests.benchmarks.measure import equal, say

COUNTING = {
    "GBPUSD1": ((SMALL, 800.0), (LARGE, 7_000.0), (HUGE, 40_000.0)),
    "BTCUSD1": ((SMALL, 200.0), (LARGE, 1_100.0), (HUGE, 3_500.0)),
}
ENCODING = ((SMALL, 4.0), (MIDDLE, 8.0), (LARGE, 10.0), (HUGE, 15.0))
STATISTICS = ((SMALL, 10.0), (LARGE, 25.0))
COPYING, HIDING, MEMORY_MB = 0.4, 0.9, 400.0
_SLOW_FIRST = 3_000
_ROUNDS, _QUICK_ROUNDS = 5, 2

Bars = dict[str, pl.DataFrame]
Clock = Callable[[], float]


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Run all parts; each asserts equal results before it times anything."""
    del pairs
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    bars: Bars = {}
    for name in SPREADS:
        real = minutes(name)
        if real is None:
            say(f"{name}: a synthetic walk, as real data is not there")
        bars[name] = walk(30_000, seed) if real is None else real
    parts = (
        _counting(bars, rounds),
        _copying(bars, rounds),
        _hiding(bars, rounds),
        _encoding(bars, rounds, folder),
        _statistics(bars, rounds),
        _memory(folder),
        bronze_peer.compare(bars["GBPUSD1"], folder, quick=quick),
    )
    _python(bars)
    _workers(bars, rounds)
    _cost(bars)
    return all(parts)


def _timed(work: Callable[[], Any], clock: Clock) -> float:
    """Return the seconds of one call."""
    gc.collect()
    began = clock()
    work()
    return clock() - began


def _ratio(
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    rounds: int,
    clock: Clock = time.thread_time,
) -> tuple[float, float, float]:
    """Return the median seconds of both sides, by turns, and the median of theirs over ours."""
    ours(), theirs()
    spent = [(_timed(ours, clock), _timed(theirs, clock)) for _ in range(rounds)]
    return (
        median(one for one, _ in spent),
        median(other for _, other in spent),
        median(other / max(one, 1e-9) for one, other in spent),
    )


def _judge(what: str, ratio: float, target: float, more: str = "") -> bool:
    """Print one line; return whether the target is met."""
    verdict = "pass" if ratio >= target else "SHORT"
    say(f"  {what:34}{ratio:14,.2f}x  target {target:,.2f}x  {verdict}  {more}")
    return ratio >= target


def _counting(bars: Bars, rounds: int) -> bool:
    """Count wins, candle for candle against the compiled loops."""
    good = []
    for name, cases in COUNTING.items():
        say(f"counting wins against compiled brute force, {name}, CPU time, one thread")
        for case, target in cases:
            spread = SPREADS[name]
            end = _SLOW_FIRST + case.slow_entries
            grid, candles = case.grid, Candles.of(bars[name])
            stops, targets = np.array(grid.sl_ratios), np.array(grid.tp_ratios)
            slow_args = (candles.high, -candles.fallen, candles.close, _SLOW_FIRST, end)

            def brute(case: Case = case, args: Any = slow_args, s: Any = stops, t: Any = targets,
                      spread: float = spread) -> int:  # fmt: skip
                return int(count_by_brute_force(*args, s, t, case.lookforward, spread))

            def fast(case: Case = case, name: str = name, spread: float = spread) -> int:
                search = search_of(bars[name], case, spread)
                return search.count(0, search.candles.count).wins

            part = search_of(bars[name], case, spread).count(_SLOW_FIRST, end).wins
            equal(f"wins of {name} {case.name}", part, brute())
            ours, theirs, _ = _ratio(fast, brute, rounds)
            rate, slow_rate = candles.count / ours, case.slow_entries / theirs
            combos = rate * grid.combinations
            good.append(_judge(
                case.name, rate / slow_rate, target,
                f"{rate:,.0f} candles/s, {combos / 1e9:,.1f} G combinations/s",
            ))  # fmt: skip
    return all(good)


def _found(bars: pl.DataFrame, case: Case, spread: float) -> tuple[Search, Any]:
    """Return a search and the runs of the entries that rows are made of."""
    search = search_of(bars, case, spread)
    return search, search.run(0, min(case.row_entries, search.candles.count))


def _copying(bars: Bars, rounds: int) -> bool:
    """Make rows in memory, from candles on, against copying as many bytes."""
    say("wins to Arrow in memory against copying rows of that size, CPU time, one thread")
    spread = SPREADS["GBPUSD1"]
    search, found = _found(bars["GBPUSD1"], LARGE, spread)
    ready = search.rows(found.runs, found.wins).to_arrow()
    held = [np.empty(found.wins, k) for k in (*([np.int64] * 2), *([np.float32] * 5), "u1", "u1")]

    def ours() -> pa.Table:
        again = search.run(0, LARGE.row_entries)
        return search.rows(again.runs, again.wins).to_arrow()

    def copy() -> list[Any]:
        return [array.copy() for array in held]

    equal("rows", ours().equals(ready), True)
    made, copied, ratio = _ratio(ours, copy, rounds)
    more = f"{found.wins / made / 1e6:,.0f} M rows/s, copied {found.wins / copied / 1e6:,.0f}"
    return _judge(LARGE.name, ratio, COPYING, more)


def _groups(search: Search, entries: int, *, workers: int = 1) -> list[RowGroup]:
    """Return the row groups of some entries."""
    return list(row_groups(search, search_blocks(search, entries, workers=workers)))


def _write(search: Search, entries: int, writer: Any, target: Any, *, workers: int = 0) -> None:
    """Search and write; with workers, rows are made while others are encoded."""
    with BronzeFileWriter(target, search, writer=writer) as file:
        groups = row_groups(search, search_blocks(search, entries, workers=max(workers, 1)))
        if not workers:
            for group in groups:
                file.write_group(group.runs, group.count, group.skipped)
            return
        with ThreadPoolExecutor(1) as pool:
            ahead: Any = None
            for group in chain(groups, [None]):
                coming = group and pool.submit(file.encode, group.runs, group.count, group.skipped)
                if ahead is not None:
                    file.append(ahead.result())
                ahead = coming


def _hiding(bars: Bars, rounds: int) -> bool:
    """Search, make rows and encode them, against encoding rows that are ready."""
    say("wins to Parquet through pyarrow against pyarrow encoding ready rows, wall, two threads")
    search, _ = _found(bars["GBPUSD1"], LARGE, SPREADS["GBPUSD1"])
    ready = [
        search.rows(group.runs, group.count, skipped=group.skipped).to_arrow()
        for group in _groups(search, LARGE.row_entries)
    ]

    def encode() -> bytes:
        sink = io.BytesIO()
        with BronzeFileWriter(sink, search, writer="pyarrow") as file:
            for table in ready:
                file.append(table)
        return sink.getvalue()

    def whole() -> bytes:
        sink = io.BytesIO()
        _write(search, LARGE.row_entries, "pyarrow", sink, workers=2)
        return sink.getvalue()

    equal("file bytes", whole() == encode(), True)
    ours, theirs, ratio = _ratio(whole, encode, rounds, time.perf_counter)
    rows = sum(table.num_rows for table in ready)
    more = f"{rows / ours / 1e6:,.1f} M rows/s, encoding alone {rows / theirs / 1e6:,.1f}"
    return _judge(LARGE.name, ratio, HIDING, more)


def _encoding(bars: Bars, rounds: int, folder: Path) -> bool:
    """Write pages from runs, against the same kernel, rows and pyarrow."""
    say("pages from runs against the same kernel and pyarrow, search to file, CPU, one thread")
    good = []
    for case, target in ENCODING:
        search, found = _found(bars["GBPUSD1"], case, SPREADS["GBPUSD1"])
        paths = {name: folder / f"{name}-{case.n_sl}.parquet" for name in ("pages", "pyarrow")}

        def write(
            name: Any, search: Search = search, case: Case = case, paths: Any = paths
        ) -> None:
            _write(search, case.row_entries, name, paths[name])

        for name in paths:
            write(name)
        tables = [pq.read_table(path) for path in paths.values()]
        equal(f"rows of {case.name}", tables[0].equals(tables[1]), True)
        del tables
        ours, theirs, ratio = _ratio(
            lambda write=write: write("pages"),
            lambda write=write: write("pyarrow"),
            rounds,
            time.process_time,
        )
        sizes = [path.stat().st_size / found.wins for path in paths.values()]
        more = (
            f"{found.wins / ours / 1e6:,.0f} M rows/s against {found.wins / theirs / 1e6:,.1f}; "
            f"{sizes[0]:.2f} and {sizes[1]:.2f} B/row"
        )
        good.append(_judge(case.name, ratio, target, more))
    return all(good)


def _statistics(bars: Bars, rounds: int) -> bool:
    """Count outcomes from candles on, against a group-by on rows that are ready."""
    say("statistics against a Polars group_by on ready wins, CPU time of the process")
    good = []
    for case, target in STATISTICS:
        search = search_of(bars["GBPUSD1"], case, SPREADS["GBPUSD1"])
        entries = search.candles.count
        found = search.run(0, entries)
        rows = search.rows(found.runs, found.wins)
        keys = {
            "direction": "trade_type",
            "sl": "sl_ratio",
            "tp": "tp_ratio",
            "weekday": pl.col("entry_time").dt.weekday(),
            "hour": pl.col("entry_time").dt.hour(),
        }

        def group(rows: pl.DataFrame = rows, keys: Any = keys) -> pl.DataFrame:
            return rows.group_by(**keys).agg(
                wins=pl.len(), time=(pl.col("exit_time") - pl.col("entry_time")).sum()
            )

        def count(search: Search = search, entries: int = entries) -> pl.DataFrame:
            return count_outcomes(search, entries)

        grouped = {tuple(row[:5]): row[5] for row in group().iter_rows()}
        counted = count().filter(pl.col("wins") > 0).cast({"sl": pl.Float32, "tp": pl.Float32})
        names = ["direction", "sl", "tp", "weekday", "hour", "wins"]
        equal(
            f"wins of {case.name}",
            {tuple(row[:5]): row[5] for row in counted.select(names).iter_rows()},
            grouped,
        )
        count(), group()
        ours = median(_timed(count, time.thread_time) for _ in range(rounds))
        # Polars works in threads of its own, and frees memory there after it has answered.
        ratio = median(_timed(group, time.process_time) for _ in range(rounds)) / ours
        more = f"{entries / ours:,.0f} candles/s, {len(rows):,} wins"
        good.append(_judge(case.name, ratio, target, more))
    return all(good)


_GROWING = """
import gc, sys, threading
from pathlib import Path
import psutil
import pyarrow.parquet, quant_assets.bronze.statistics
from quant_assets.bronze.chunks import row_groups, search_blocks
from quant_assets.storage.writers.bronze_parquet import BronzeFileWriter
from quant_assets_tests.benchmarks.bronze_data import LARGE, search_of, walk
entries, writer, path = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
def write(count):
    search, wins = search_of(walk(count, 7), LARGE, 0.0002), 0
    with BronzeFileWriter(path, search, writer=writer) as file:
        for group in row_groups(search, search_blocks(search, count, workers=2)):
            file.write_group(group.runs, group.count, group.skipped)
            wins += group.count
    return wins
write(50)
gc.collect()
process, done, peak = psutil.Process(), threading.Event(), [0]
before = process.memory_info().rss
def watch():
    while not done.wait(0.002):
        peak[0] = max(peak[0], process.memory_info().rss)
watcher = threading.Thread(target=watch)
watcher.start()
wins = write(entries)
done.set()
watcher.join()
print(wins, max(peak[0] - before, 0) / 2**20)
"""


def _memory(folder: Path) -> bool:
    """Write more and more wins in fresh processes; print what each took at most."""
    say("peak memory above the bare process, 100x100 L500, a synthetic walk")
    good = True
    for writer in ("pyarrow", "pages"):
        for entries in (3_000, 12_000, 48_000):
            words = [sys.executable, "-c", _GROWING, str(entries), writer]
            done = subprocess.run(
                [*words, str(folder / "growing.parquet")],
                capture_output=True,
                text=True,
                check=True,
            )
            wins, taken = (float(word) for word in done.stdout.split())
            fits = taken <= MEMORY_MB
            good &= fits
            say(
                f"  {writer:10}{wins:16,.0f} wins{taken:10,.0f} MB  at most {MEMORY_MB:.0f} MB  "
                f"{'pass' if fits else 'SHORT'}"
            )
    return good


def _python(bars: Bars) -> None:
    """Print the factor over the same loops in plain Python."""
    search = search_of(bars["GBPUSD1"], SMALL, SPREADS["GBPUSD1"])
    candles, grid = search.candles, search.grid
    arrays = [array.tolist() for array in (candles.high, -candles.fallen, candles.close)]
    high, low, close = (np.array(array) for array in arrays)
    began = time.thread_time()
    args = (high, low, close, _SLOW_FIRST, _SLOW_FIRST + 2)
    wins = count_in_python(*args, search.sl_ratios, search.tp_ratios, grid.max_lookforward, 0.0002)
    slow = (time.thread_time() - began) / 2
    equal("wins of two candles", search.count(_SLOW_FIRST, _SLOW_FIRST + 2).wins, wins)
    fast = _timed(lambda: search.count(0, candles.count), time.thread_time) / candles.count
    say(f"over pure Python, {SMALL.name}: {slow / fast:,.0f}x\n")


def _workers(bars: Bars, rounds: int) -> None:
    """Print two workers against one, in wall time."""
    search = search_of(bars["GBPUSD1"], HUGE, SPREADS["GBPUSD1"])

    def with_workers(workers: int) -> int:
        blocks = search_blocks(search, search.candles.count, workers=workers)
        return sum(block.wins for block in blocks)

    equal("wins", with_workers(2), with_workers(1))
    two, one, ratio = _ratio(
        lambda: with_workers(2), lambda: with_workers(1), rounds, time.perf_counter
    )
    say(f"two workers against one, {HUGE.name}, wall: {ratio:.2f}x ({one:.3f} s, {two:.3f} s)\n")


def _cost(bars: Bars) -> None:
    """Print the cost of a candle by look-forward and by grid."""
    say("microseconds a candle, counting, CPU time, one thread, GBPUSD1")
    for what, cases in (
        (
            "look-forward, 100x100",
            [Case(100, 100, n, 0, 0) for n in (100, 200, 500, 1000, 2000, 5000)],
        ),
        ("grid, L500", [Case(n, n, 500, 0, 0) for n in (10, 20, 50, 100, 200, 300)]),
    ):
        told = []
        for case in cases:
            search = search_of(bars["GBPUSD1"], case, SPREADS["GBPUSD1"])
            count = search.candles.count
            spent = min(
                _timed(lambda s=search, n=count: s.count(0, n), time.thread_time) for _ in range(2)
            )
            size = case.lookforward if "forward" in what else f"{case.n_sl}x{case.n_tp}"
            told.append(f"{size}: {1e6 * spent / count:.2f}")
        say(f"  {what:24}" + "  ".join(told))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(f"  (this process took {peak:,.0f} MB at most)\n")
