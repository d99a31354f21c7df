"""A new day of features in a lake, against the full build of all days: same bits, other cost."""

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.benchmarks.market_days import put_bars, sessions
from quant_assets_tests.benchmarks.measure import equal, say

_DAYS, _QUICK_DAYS = 250, 25
_SYMBOL = "SPY"


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Build all days but one, then that one; compare with a build of all; no target."""
    with TemporaryDirectory(dir=folder) as name:
        workspace = Workspace.open(Path(name))
        days = sessions(workspace, _SYMBOL, count=_QUICK_DAYS if quick else _DAYS)
        for day in days[:-1]:
            put_bars(workspace, _SYMBOL, day, seed=seed)
        _spent(workspace, days[:-1], made=len(days) - 1)
        put_bars(workspace, _SYMBOL, days[-1], seed=seed)
        one = _spent(workspace, days[-1:], made=1)
        grown = _versions(workspace)
        rounds, ranges = [one], []
        for _ in range(pairs):
            _forget(workspace, days[-1:])
            rounds.append(_spent(workspace, days[-1:], made=1))
            _forget(workspace, days[-1:])
            ranges.append(_spent(workspace, days, made=1))
        _forget(workspace, days)
        all_days = _spent(workspace, days, made=len(days))
        equal("versions of grown and rebuilt features", grown, _versions(workspace))
    day, nightly = median(rounds), median(ranges)
    say(
        f"Features of {_SYMBOL} in a lake, {len(days)} sessions of 390 bars; same bits either way\n"
        f"  full build {all_days:.2f} s, {1000 * all_days / len(days):.1f} ms a session\n"
        f"  new day alone {1000 * day:.1f} ms: {day / all_days:.2%} of the full build\n"
        f"  new day by a range over all sessions {1000 * nightly:.1f} ms; no target\n"
    )
    return True


def _spent(workspace: Workspace, days: Sequence[date], *, made: int) -> float:
    """Return the seconds of a range of features, of which so many were not fresh."""
    began = time.perf_counter()
    keys = [Key(_SYMBOL, day) for day in days]
    outcomes = list(make_range(workspace, recipes()["features"], keys))
    spent = time.perf_counter() - began
    ended = [outcome.status.value for outcome in outcomes]
    failed = {one.reason for one in outcomes if one.status.value not in {"made", "kept"}}
    equal("why sessions were not made", sorted(failed), [])
    equal("sessions made", ended.count("made"), made)
    return spent


def _versions(workspace: Workspace) -> dict[str, str]:
    """Return the data versions of all features."""
    return {e.name: e.data_version for e in workspace.lake.index.entries("features")}


def _forget(workspace: Workspace, days: Sequence[date]) -> None:
    """Take the features of some sessions out of the lake."""
    for entry in workspace.lake.index.entries("features", symbol=_SYMBOL):
        if entry.day in set(days):
            workspace.lake.drop(entry)
