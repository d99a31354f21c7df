"""Ranges without Dagster: how each partition ends, and what stands in the lake after it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import InputError
from quant_assets.market.tables import Table
from quant_assets.storage.commit import CommitStep
from quant_assets.storage.state_tables import FAILURES, TIMINGS
from quant_assets.ticks.schema import QUARANTINE
from quant_assets.workflows.freshness import partition_version
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, Made, MadeFile, Plan, Recipe, Status
from quant_assets.workflows.view import LakeView, versions
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows import toy

FRIDAY = date(2024, 1, 5)
DAYS = [FRIDAY - timedelta(days=4 - n) for n in range(5)]
KEYS = [Key("BTCUSD", day) for day in DAYS]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Return a data root with five landed days."""
    opened = Workspace.open(tmp_path / "data")
    toy.land(opened, "BTCUSD", {day: float(n + 1) for n, day in enumerate(DAYS)})
    yield opened
    opened.state.close()


def _run(workspace: Workspace, recipe: Recipe, keys: list[Key] = KEYS) -> list[Outcome]:
    """Make a range; return all outcomes."""
    return list(make_range(workspace, recipe, keys))


def _states(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status.value for outcome in outcomes]


def _failures(workspace: Workspace) -> dict[tuple[str, str], str]:
    rows = workspace.state.select(FAILURES)
    return {(row["asset"], row["partition"]): row["message"] for row in rows}


def _files(workspace: Workspace) -> dict[str, int]:
    """Return every visible file of the lake and when it was written."""
    root = workspace.lake.root
    return {
        str(file.relative_to(root)): file.stat().st_mtime_ns
        for file in root.rglob("*.parquet")
        if ".tmp" not in file.parts
    }


@dataclass
class Faked:
    """A recipe whose plan and making are functions of the test."""

    make_files: Callable[[LakeView, Key], Made]
    asset: str = "toy_numbers"
    upstream: tuple[str, ...] = ()
    tables: tuple[Table, ...] = (toy.NUMBERS, toy.TOTALS)
    modules: tuple[str, ...] = (__name__,)
    inputs: dict[str, str] = field(default_factory=dict)

    def plan(self, view: LakeView, key: Key) -> Plan:
        """Depend on what was landed, and on what the test says."""
        landed = view.at(toy.LANDED.name, key.symbol, key.session)
        return Plan(inputs=versions(landed) | self.inputs, payload=landed)

    def make(self, view: LakeView, key: Key, _plan: Plan) -> Made:
        """Make what the test says."""
        return self.make_files(view, key)


def _file(table: Table, key: Key, value: float) -> MadeFile:
    frame = pl.DataFrame({"session": [key.session], "value": [value]})
    return MadeFile(table, {"symbol": key.symbol}, frame)


def test_what_is_fresh_is_kept_and_what_changed_is_made(workspace: Workspace) -> None:
    """First all are made, then all kept; a restated day is made, and its version is another."""
    first = _run(workspace, toy.Numbers())
    assert _states(first) == ["made"] * 5
    files = _files(workspace)
    second = _run(workspace, toy.Numbers())
    assert _states(second) == ["kept"] * 5
    assert [o.version for o in second] == [o.version for o in first]
    assert [(o.rows, o.files) for o in second] == [(1, 1)] * 5
    assert _files(workspace) == files
    toy.land(workspace, "BTCUSD", {DAYS[2]: 99.0})
    third = _run(workspace, toy.Numbers())
    assert _states(third) == ["kept", "kept", "made", "kept", "kept"]
    changed = [a.version != b.version for a, b in zip(first, third, strict=True)]
    assert changed == [False, False, True, False, False]
    assert third[2].version == partition_version(third[2].entries)


def test_keys_come_in_order_and_progress_is_told_of_each(workspace: Workspace) -> None:
    """Sorted by symbol and date, each with its place, after its commit."""
    seen = []

    def progress(asset: str, outcome: Outcome, place: int, total: int) -> None:
        stands = workspace.lake.index.entries("toy_numbers", session=str(outcome.key.session))
        seen.append((asset, outcome.key, place, total, len(stands)))

    list(make_range(workspace, toy.Numbers(), reversed(KEYS), progress=progress))
    assert seen == [("toy_numbers", key, n, 5, 1) for n, key in enumerate(KEYS, start=1)]


def test_a_date_without_session_and_one_without_data_are_told_apart(workspace: Workspace) -> None:
    """A Sunday of stocks is no session; a session without landed data is missing."""
    sunday, monday = Key("SPY", date(2024, 1, 7)), Key("SPY", date(2024, 1, 8))
    outcomes = _run(workspace, toy.Numbers(), [sunday, monday])
    assert _states(outcomes) == ["no_session", "missing"]
    assert outcomes[1].reason == "nothing landed"
    assert _failures(workspace) == {}
    assert workspace.lake.index.entries("toy_numbers") == []


def test_a_bad_partition_fails_alone_and_what_lies_below_is_skipped(workspace: Workspace) -> None:
    """One bad day: it fails, the two that read it are skipped, the rest is made."""
    toy.land(workspace, "BTCUSD", {DAYS[1]: toy.BAD_VALUE})
    numbers, totals, doubles = (_run(workspace, recipe) for recipe in toy.RECIPES)
    assert _states(numbers) == ["made", "failed", "made", "made", "made"]
    assert _states(totals) == ["made", "skipped", "skipped", "made", "made"]
    assert _states(doubles) == ["made", "skipped", "skipped", "made", "made"]
    assert "a bad value" in numbers[1].reason
    assert numbers[1].version.startswith("failed-")
    assert totals[2].reason == f"upstream: toy_numbers {KEYS[1]}"
    assert len(_failures(workspace)) == 5
    toy.land(workspace, "BTCUSD", {DAYS[1]: 2.0})
    again = [_run(workspace, recipe) for recipe in toy.RECIPES]
    assert _states(again[0]) == ["kept", "made", "kept", "kept", "kept"]
    assert _states(again[2]) == ["kept", "made", "made", "kept", "kept"]
    assert _failures(workspace) == {}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(ZeroDivisionError("by zero"), "ZeroDivisionError: by zero", id="unforeseen"),
        pytest.param(KeyError("x"), "KeyError: 'x'", id="key"),
        pytest.param(pl.exceptions.PanicException("oh"), "PanicException: oh", id="panic"),
        pytest.param(
            InputError(asked="a", found="b", remedy="c."), "a: b. c.", id="one_that_we_know"
        ),
    ],
)
def test_any_error_of_one_partition_becomes_its_outcome(
    workspace: Workspace, error: BaseException, said: str
) -> None:
    """A known error says what it says, an unforeseen one its type too; the others are made."""

    def make(_view: LakeView, key: Key) -> Made:
        if key == KEYS[1]:
            raise error
        return Made((_file(toy.NUMBERS, key, 1.0),))

    outcomes = _run(workspace, Faked(make))
    assert _states(outcomes) == ["made", "failed", "made", "made", "made"]
    assert outcomes[1].reason == said
    assert _failures(workspace) == {("toy_numbers", str(KEYS[1])): said}


def test_an_interrupt_is_no_outcome(workspace: Workspace) -> None:
    """Ctrl-C ends the range; what was made before stays."""

    def make(_view: LakeView, key: Key) -> Made:
        if key == KEYS[2]:
            raise KeyboardInterrupt
        return Made((_file(toy.NUMBERS, key, 1.0),))

    with pytest.raises(KeyboardInterrupt):
        _run(workspace, Faked(make))
    assert len(workspace.lake.index.entries("toy_numbers")) == 2


def test_rows_that_break_their_contract_fail_the_partition_and_keep_the_old_ones(
    workspace: Workspace,
) -> None:
    """Nothing of a bad frame is stored."""
    recipe = Faked(lambda _view, key: Made((_file(toy.NUMBERS, key, 1.0),)))
    (before,) = _run(workspace, recipe, KEYS[:1])
    bad = Faked(lambda _view, key: Made((_file(toy.NUMBERS, key, float("nan")),)))
    bad.inputs = {"more": "1"}
    (failed,) = _run(workspace, bad, KEYS[:1])
    assert failed.status is Status.FAILED
    assert workspace.lake.read(before.entries[0])["value"].to_list() == [1.0]


def test_a_file_that_no_longer_belongs_to_a_partition_goes(workspace: Workspace) -> None:
    """Two tables are made, then one of them: the other's file and entry are gone."""
    view = LakeView(workspace)

    def both(_view: LakeView, key: Key) -> Made:
        return Made((_file(toy.NUMBERS, key, 1.0), _file(toy.TOTALS, key, 2.0)))

    def one(_view: LakeView, key: Key) -> Made:
        return Made((_file(toy.NUMBERS, key, 1.0),))

    (first,) = make_range(workspace, Faked(both), KEYS[:1], view=view)
    assert first.files == 2
    (second,) = make_range(workspace, Faked(one, inputs={"more": "1"}), KEYS[:1], view=view)
    assert (second.status, second.files) == (Status.MADE, 1)
    assert workspace.lake.index.entries("toy_totals") == []
    assert not [name for name in _files(workspace) if "toy_totals" in name]
    assert view.at("toy_totals", "BTCUSD", DAYS[0]) == []
    assert view.sessions("toy_totals", "BTCUSD") == []
    (third,) = _run(workspace, Faked(one, inputs={"more": "1"}), KEYS[:1])
    assert third.status is Status.KEPT


def test_what_was_set_aside_goes_when_nothing_is_set_aside_any_more(workspace: Workspace) -> None:
    """A mended day has no quarantine; that of another asset on that day stays."""
    aside = pl.DataFrame(
        {name: pl.Series([None], dtype=dtype) for name, dtype in QUARANTINE.empty().schema.items()}
    ).with_columns(
        session=pl.lit(DAYS[0]),
        file_sha256=pl.lit("f"),
        place=pl.lit("1"),
        rule=pl.lit("r"),
        raw=pl.lit("x"),
    )

    def quarantine(asset: str) -> MadeFile:
        return MadeFile(QUARANTINE, {"table": asset, "symbol": "BTCUSD"}, aside)

    def bad(_view: LakeView, key: Key) -> Made:
        return Made((_file(toy.NUMBERS, key, 1.0),), set_aside=(quarantine("toy_numbers"),))

    other = quarantine("raw_bars")
    workspace.lake.commit(
        other.table, other.levels, other.frame, Lineage("landed"), session=DAYS[0]
    )
    (first,) = _run(workspace, Faked(bad), KEYS[:1])
    assert (first.status, first.files, first.rows) == (Status.MADE, 1, 1)
    assert len(workspace.lake.index.entries(QUARANTINE.name)) == 2
    assert _states(_run(workspace, Faked(bad), KEYS[:1])) == ["kept"]
    good = Faked(lambda _view, key: Made((_file(toy.NUMBERS, key, 1.0),)), inputs={"more": "1"})
    (second,) = _run(workspace, good, KEYS[:1])
    assert second.version == first.version
    left = [entry.levels["table"] for entry in workspace.lake.index.entries(QUARANTINE.name)]
    assert left == ["raw_bars"]


def test_an_input_replaced_while_a_partition_is_made_is_planned_with_anew(
    workspace: Workspace,
) -> None:
    """The version in the lineage is that of the rows that were read, never the one before."""
    view = LakeView(workspace)
    view.of_symbol(toy.LANDED.name, "BTCUSD")
    toy.land(workspace, "BTCUSD", {DAYS[0]: 50.0})
    (outcome,) = make_range(workspace, toy.Numbers(), KEYS[:1], view=view)
    assert outcome.status is Status.MADE
    assert workspace.lake.read(outcome.entries[0])["value"].to_list() == [50.0]
    (landed, *_) = workspace.lake.index.entries(toy.LANDED.name)
    assert workspace.lake.lineage(outcome.entries[0]).inputs == {landed.name: landed.data_version}
    assert _states(_run(workspace, toy.Numbers(), KEYS[:1])) == ["kept"]


def test_an_input_replaced_again_and_again_fails_the_partition(workspace: Workspace) -> None:
    """It is planned a few times, not for ever."""
    count = 0

    def make(view: LakeView, key: Key) -> Made:
        nonlocal count
        count += 1
        old = view.at(toy.LANDED.name, key.symbol, key.session)[0]
        toy.land(workspace, "BTCUSD", {key.session: 100.0 + count})
        view.read(old)
        return Made(())

    (outcome,) = _run(workspace, Faked(make), KEYS[:1])
    assert (outcome.status, count) == (Status.FAILED, 3)
    assert "replaced it since" in outcome.reason


def test_a_writer_that_died_before_the_index_row_is_mended_by_the_next_range(
    workspace: Workspace,
) -> None:
    """The file is new and its entry is not: the next range keeps what the dead one made."""

    def die(step: CommitStep, path: Path) -> None:
        if step is CommitStep.INDEX and "toy_numbers" in path.parts:
            raise KeyboardInterrupt

    dying = Workspace.open(workspace.root, hook=die)
    with pytest.raises(KeyboardInterrupt):
        _run(dying, toy.Numbers(), KEYS[:1])
    dying.state.close()
    assert workspace.lake.index.entries("toy_numbers") == []
    files = _files(workspace)
    assert _states(_run(workspace, toy.Numbers(), KEYS[:1])) == ["kept"]
    assert _files(workspace) == files


def test_a_view_reads_its_own_commits(workspace: Workspace) -> None:
    """One view through three assets: each finds what the one before has just made."""
    view = LakeView(workspace)
    for recipe in toy.RECIPES:
        outcomes = list(make_range(workspace, recipe, KEYS, view=view))
        assert _states(outcomes) == ["made"] * 5
    values = [
        view.read(entry)["value"].item()
        for day in DAYS
        for entry in view.at("toy_doubles", "BTCUSD", day)
    ]
    assert values == [2.0, 6.0, 10.0, 14.0, 18.0]


def test_reading_the_state_does_not_grow_with_the_range(workspace: Workspace) -> None:
    """Keeping many partitions asks the database as often as keeping few, and opens no file."""
    days = [DAYS[0] + timedelta(days=n) for n in range(40)]
    toy.land(workspace, "BTCUSD", dict.fromkeys(days, 1.0))
    keys = [Key("BTCUSD", day) for day in days]
    _run(workspace, toy.Totals(), keys)
    counts = []
    for chosen in (keys[:2], keys):
        _run(workspace, toy.Numbers(), chosen)
        statements: list[str] = []

        def note(*words: Any, into: list[str] = statements) -> None:
            into.append(words[2])

        sa.event.listen(workspace.state.engine, "before_cursor_execute", note)
        outcomes = _run(workspace, toy.Numbers(), chosen)
        sa.event.remove(workspace.state.engine, "before_cursor_execute", note)
        assert set(_states(outcomes)) == {"kept"}
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 4


def test_only_what_was_made_is_timed(workspace: Workspace) -> None:
    """A range that keeps everything leaves the estimate as it was."""
    _run(workspace, toy.Numbers())
    (timed,) = workspace.state.select(TIMINGS)
    assert (timed["asset"], timed["partitions"]) == ("toy_numbers", 5)
    _run(workspace, toy.Numbers())
    assert workspace.state.select(TIMINGS) == [timed]


def test_a_parameter_or_code_change_makes_all_anew(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three hashes decides alone; equal content keeps its version."""
    first = _run(workspace, toy.Numbers())
    recipe = toy.Numbers()
    plan = recipe.plan

    def with_width(view: LakeView, key: Key) -> Plan:
        planned = plan(view, key)
        assert isinstance(planned, Plan)
        return replace(planned, parameters={"width": 2})

    monkeypatch.setattr(recipe, "plan", with_width)
    second = _run(workspace, recipe)
    monkeypatch.setattr("quant_assets.workflows.freshness.code_version", lambda *_: "other")
    third = _run(workspace, recipe)
    for outcomes in (second, third):
        assert _states(outcomes) == ["made"] * 5
        assert [o.version for o in outcomes] == [o.version for o in first]
