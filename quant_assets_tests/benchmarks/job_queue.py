"""How many empty trials two workers take from the queue and record a second, on SQLite."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from quant_assets.storage.job_queue import Job, JobQueue
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import JOBS, TRIALS
from quant_assets_tests.benchmarks.measure import ResultsDifferError, say
from quant_assets_tests.workflows.toy_worker import CODE

WORKERS = 2
TARGET = 300.0
"""Trials a second, both workers together."""

_POLL_S = 0.01


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Time some runs; return whether the median is within its target."""
    count = 2_000 if quick else 10_000
    rates = [_rate(folder / f"queue-{turn}", count) for turn in range(pairs)]
    rate = median(rates)
    met = rate >= TARGET
    say(
        f"queue           {count:,} empty trials, {WORKERS} workers, SQLite: {rate:,.0f} a second, "
        f"median of {pairs}; target {TARGET:.0f}: {'pass' if met else 'SHORT'}\n"
    )
    return met


def _rate(folder: Path, count: int) -> float:
    """Return the trials a second of one run, from when the workers begin."""
    state = State.at(folder / "state.db")
    queue = JobQueue(state)
    queue.enqueue(Job(f"job{n:06}", "bench", {"name": f"s{n}"}, CODE) for n in range(count))
    words = [f"sqlite:///{folder / 'state.db'}", "60", "0", "0"]
    module = "quant_assets_tests.workflows.toy_worker"
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", module, *words], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        for _ in range(WORKERS)
    ]
    for one in workers:
        assert one.stdout is not None
        one.stdout.readline()
    before, began = queue.counts().open, time.perf_counter()
    while queue.counts().open:
        time.sleep(_POLL_S)
    spent = time.perf_counter() - began
    for one in workers:
        one.communicate()
    _check(state, count)
    return before / spent


def _check(state: State, count: int) -> None:
    """Raise where a trial is missing, or was given out twice."""
    rows, trials = state.select(JOBS), state.select(TRIALS)
    attempts = sum(row["attempts"] for row in rows)
    state.close()
    if (len(trials), attempts) != (count, count):
        raise ResultsDifferError(f"{len(trials)} trials of {count} jobs in {attempts} claims")
