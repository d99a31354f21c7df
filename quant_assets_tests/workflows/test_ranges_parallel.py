"""Ranges whose partitions are made at once: the same outcomes, in the same order, by threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from quant_assets.market.errors import PartitionReplacedError
from quant_assets.storage.state_tables import FAILURES
from quant_assets.workflows import freshness
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, Made, Plan, Status
from quant_assets.workflows.recipes.clean_ticks import CleanTicksRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows import toy

SYMBOL = "BTCUSD"
DAYS = [date(2024, 1, day) for day in range(1, 15)]
KEYS = [Key(SYMBOL, day) for day in DAYS]
VALUES = {day: float(day.day) for day in DAYS if day.day != 5} | {DAYS[7]: toy.BAD_VALUE}


class Parallel(toy.Numbers):
    """Numbers that may be made at once, each after something else."""

    is_parallel = True

    def __init__(self, before: Callable[[Key], object] = lambda _: None) -> None:
        self._before = before

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Do something else, then make the number."""
        self._before(key)
        return super().make(view, key, plan)


@contextmanager
def landed(root: Path, *, threads: int) -> Iterator[Workspace]:
    """Open a data root with numbers landed, on a machine of so many processors."""
    workspace = Workspace.open(root)
    workspace.__dict__["threads"] = threads
    toy.land(workspace, SYMBOL, VALUES)
    yield workspace
    workspace.state.close()


def told(outcomes: list[Outcome]) -> list[tuple]:
    """Return all that outcomes say but their seconds."""
    return [
        (one.key, one.status, one.version, one.reason, one.rows, one.files, one.counts, one.entries)
        for one in outcomes
    ]


@pytest.mark.parametrize("threads", [2, 5])
def test_outcomes_are_those_of_making_by_turns(tmp_path, threads):
    """Made, failed, missing and kept ones, in the order of their keys; the lake is the same."""
    results = []
    for name, recipe, count in (("turns", toy.Numbers(), 1), ("threads", Parallel(), threads)):
        with landed(tmp_path / name, threads=count) as workspace:
            first = told(list(make_range(workspace, recipe, reversed(KEYS))))
            toy.land(workspace, SYMBOL, {DAYS[7]: 7.5, DAYS[9]: 9.5})
            second = told(list(make_range(workspace, recipe, KEYS)))
            failures = workspace.state.select(FAILURES, asset="toy_numbers")
            index = workspace.lake.index.entries("toy_numbers")
            results.append((first, second, failures, index))
    assert results[0] == results[1]
    first, second, failures, index = results[1]
    assert [row[0] for row in first] == KEYS
    assert {row[1] for row in first} == {Status.MADE, Status.FAILED, Status.MISSING}
    assert [row[0].session for row in second if row[1] is Status.MADE] == [DAYS[7], DAYS[9]]
    assert (failures, len(index)) == ([], len(VALUES))


def test_partitions_are_made_at_once(tmp_path):
    """Each waits until another one is being made too; by turns none would ever come."""
    meeting = threading.Barrier(2, timeout=20)
    with landed(tmp_path / "data", threads=2) as workspace:
        recipe = Parallel(lambda _: meeting.wait())
        outcomes = list(make_range(workspace, recipe, KEYS[:4]))
    assert {one.status for one in outcomes} == {Status.MADE}


def test_code_is_read_by_no_thread(tmp_path, monkeypatch):
    """The parser is not safe to use from several threads at once: its first use is by turns."""
    asked: list[threading.Thread] = []

    def versions(*_: object) -> str:
        asked.append(threading.current_thread())
        return "code"

    monkeypatch.setattr(freshness, "code_version", versions)
    with landed(tmp_path / "data", threads=2) as workspace:
        assert list(make_range(workspace, Parallel(), KEYS[:4]))
    assert asked[0] is threading.main_thread()


def test_what_was_replaced_meanwhile_is_planned_anew(tmp_path):
    """A thread that finds its input replaced hands the partition back to its turn."""
    seen: set[Key] = set()

    def refuse_once(key: Key) -> None:
        if key.session.day % 2 and key not in seen:
            seen.add(key)
            raise PartitionReplacedError(asked="read", found="replaced", remedy="again")

    with landed(tmp_path / "data", threads=2) as workspace:
        outcomes = list(make_range(workspace, Parallel(refuse_once), KEYS[:4]))
    assert [one.status for one in outcomes] == [Status.MADE] * 4
    assert len(seen) == 2


def test_a_range_that_is_left_early_keeps_what_it_told(tmp_path):
    """What was begun ends; what was told of is committed."""
    with landed(tmp_path / "data", threads=2) as workspace:
        outcomes = make_range(workspace, Parallel(), KEYS)
        first = [next(outcomes), next(outcomes)]
        outcomes.close()
        stored = {entry.day for entry in workspace.lake.index.entries("toy_numbers")}
    assert {one.key.session for one in first} <= stored


def test_sessions_of_ticks_are_cleaned_at_once():
    """No session's ticks depend on another's."""
    assert CleanTicksRecipe.is_parallel
