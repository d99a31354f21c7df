"""Two ways of the same work, timed by turns: their seconds, their rates and the ratio."""

import gc
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any


class ResultsDifferError(Exception):
    """Two sides did not do the same work: their times say nothing."""


@dataclass(frozen=True)
class Spent:
    """What one piece of work took; `cpu_s` is over all threads of the process."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Side:
    """One way to do the work.

    Parameters
    ----------
    name
        How it is printed.
    prepare
        Makes in an empty folder what `run` needs; not timed.
    run
        The work.
    check
        Raises `ResultsDifferError` where the run did not do all of it; not timed.
    """

    name: str
    prepare: Callable[[Path], Any]
    run: Callable[[Any], Any]
    check: Callable[[Any], None] = lambda _: None


@dataclass(frozen=True)
class Contest:
    """A benchmark: our side against a reference, with what it is about.

    Parameters
    ----------
    title
        First line of the printout.
    unit, count
        What is counted, and how many of it one run does.
    target
        Least ratio of our rate to the reference's.
    others
        Sides that are timed and printed too, and judged by nobody.
    is_single_threaded
        Whether neither side has threads that work: then CPU seconds judge too, because a loaded
        machine moves them less.
    is_judged_by_cpu
        Whether CPU seconds judge alone: one side has threads, and the target is one a core.
    is_warm
        Whether all code has run already, so that no untimed round is needed.
    """

    title: str
    unit: str
    count: int
    target: float
    ours: Side
    reference: Side
    others: tuple[Side, ...] = ()
    is_single_threaded: bool = False
    is_judged_by_cpu: bool = False
    is_warm: bool = False


def say(line: str = "") -> None:
    """Print one line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def equal(what: str, ours: object, reference: object) -> None:
    """Raise `ResultsDifferError` unless both sides gave the same."""
    if ours != reference:
        shown = f"{str(ours)[:300]} is not {str(reference)[:300]}"
        raise ResultsDifferError(f"{what}: {shown}")


def run_once(side: Side, folder: Path) -> Spent:
    """Time one run of a side in a new folder of its own, which is removed afterwards."""
    root = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    try:
        ready = side.prepare(root)
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        done = side.run(ready)
        spent = Spent(time.perf_counter() - wall, time.process_time() - cpu)
        side.check(done)
        return spent
    finally:
        shutil.rmtree(root, ignore_errors=True)


def compete(contest: Contest, folder: Path, *, pairs: int) -> bool:
    """Run all sides by turns, print the result, and return whether the target is met.

    Unless it is warm, every side runs once untimed before, so that caches and compiled code are
    there for all. The ratio is the median over the pairs: what slows the machine down slows both
    of a pair.
    """
    sides = (contest.ours, contest.reference, *contest.others)
    for side in () if contest.is_warm else sides:
        run_once(side, folder)
    rounds = [[run_once(side, folder) for side in sides] for _ in range(pairs)]
    say(f"{contest.title}\n{contest.count:,} {contest.unit}, {pairs} pairs, medians")
    say(f"  {'':28}{'wall s':>9}{'CPU s':>9}{'per s':>13}{'CPU ms each':>13}")
    for place, side in enumerate(sides):
        _print_side(side.name, [spent[place] for spent in rounds], contest.count)
    wall, cpu = _ratios(rounds, 1)
    judged, by = _judged(contest, wall, cpu)
    met = judged >= contest.target
    for place, side in enumerate(contest.others, start=2):
        other_wall, other_cpu = _ratios(rounds, place)
        say(f"  ratio to {side.name!r} {other_wall:.2f} by wall, {other_cpu:.2f} by CPU; no target")
    say(
        f"  ratio of rates {wall:.2f} by wall, {cpu:.2f} by CPU; target {contest.target:.2f} by "
        f"{by}: {'pass' if met else 'SHORT'}\n"
    )
    return met


def _judged(contest: Contest, wall: float, cpu: float) -> tuple[float, str]:
    """Return the ratio that judges, and by what it was taken."""
    if contest.is_judged_by_cpu:
        return cpu, "CPU"
    return (min(wall, cpu), "both") if contest.is_single_threaded else (wall, "wall")


def _ratios(rounds: list[list[Spent]], place: int) -> tuple[float, float]:
    """Return the median ratios of our rate to that of another side, by wall and by CPU."""
    wall = median(spent[place].wall_s / spent[0].wall_s for spent in rounds)
    cpu = median(spent[place].cpu_s / spent[0].cpu_s for spent in rounds)
    return wall, cpu


def _print_side(name: str, spent: list[Spent], count: int) -> None:
    """Print the medians of one side."""
    wall = median(one.wall_s for one in spent)
    cpu = median(one.cpu_s for one in spent)
    each = f"{1000 * cpu / count:.3f}" if cpu / count > 1e-5 else f"{1000 * cpu / count:.6f}"
    say(f"  {name:28}{wall:9.2f}{cpu:9.2f}{count / wall:13,.0f}{each:>13}")
