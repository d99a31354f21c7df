"""Ranges of partitions, memoized: what is fresh is kept, each made one is committed at once."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import polars as pl

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.lineage.records import ABSENT, Lineage
from quant_assets.market.errors import LakeError, PartitionReplacedError, QuantError
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Committed
from quant_assets.storage.state_tables import FAILURES
from quant_assets.ticks.schema import QUARANTINE
from quant_assets.workflows.freshness import (
    FILES,
    partition_version,
    recipe_code_version,
    staleness,
    stored_entries,
)
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Recipe, Status
from quant_assets.workflows.timings import note_timings
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

DROPPED = "partitions_dropped"
"""Count of an outcome: what was stored of it went, because nothing is to be made of it."""

NOT_TO_BE_MADE = frozenset({Status.NO_SESSION, Status.NOT_DUE, Status.MISSING})

_REPLANS = 2
"""How often a partition is planned anew because an input was replaced while it was made."""

# A panic of polars is no Exception.
_UNFORESEEN = (Exception, pl.exceptions.PanicException)


@dataclass(frozen=True)
class Outcome:
    """How one partition of a range ended, with the data version that it has now."""

    key: Key
    status: Status
    version: str
    reason: str = ""
    rows: int = 0
    files: int = 0
    seconds: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()

    @property
    def is_left_over(self) -> bool:
        """Whether something still stands that nothing is to be made of any more: it is to go."""
        return self.status in NOT_TO_BE_MADE and bool(self.entries)


_Stored = tuple[Made, list[Committed]]
"""What was made of a partition, and the commits of its files, in the order of `_files`."""

Progress = Callable[[str, Outcome, int, int], None]
"""Called after each partition with the asset, its outcome, its place and the range's length."""


def silent(_asset: str, _outcome: Outcome, _place: int, _total: int) -> None:
    """Report nothing."""


def make_range(
    workspace: Workspace,
    recipe: Recipe,
    keys: Iterable[Key],
    *,
    progress: Progress = silent,
    view: LakeView | None = None,
) -> Iterator[Outcome]:
    """Make what is not fresh of some partitions, in sorted order; one bad one stops no other.

    Each made partition is committed before its outcome is given, so a killed range has lost
    nothing but the partitions it was working on: one, or several of a recipe that `is_parallel`.
    """
    ordered = sorted(keys)
    seen = view or LakeView(workspace)
    is_parallel = getattr(recipe, "is_parallel", False) and workspace.threads > 1
    make = _by_threads if is_parallel else _by_turns
    made: list[float] = []
    for place, outcome in enumerate(make(workspace, recipe, seen, ordered), start=1):
        made += [outcome.seconds] if outcome.status is Status.MADE else []
        progress(recipe.asset, outcome, place, len(ordered))
        yield outcome
    note_timings(workspace, recipe.asset, made)


def _by_turns(
    workspace: Workspace, recipe: Recipe, view: LakeView, keys: Sequence[Key]
) -> Iterator[Outcome]:
    """Make one partition after the other."""
    return (_make_one(workspace, recipe, view, key) for key in keys)


def _by_threads(
    workspace: Workspace, recipe: Recipe, view: LakeView, keys: Sequence[Key]
) -> Iterator[Outcome]:
    """Make and commit several partitions at once, and tell of them in order.

    Only the making and the commits are the threads': what is planned, taken into the view and told
    is as by turns.
    """
    # Computed once, here: two threads of CPython 3.11 that parse at once break each other's trees.
    recipe_code_version(recipe)
    with ThreadPoolExecutor(workspace.threads, thread_name_prefix="range") as pool:
        begun: deque[tuple[Key, Future[_Stored] | None]] = deque()
        for key in keys:
            begun.append((key, _begin(pool, workspace, recipe, view, key)))
            if len(begun) > workspace.threads:
                yield _make_one(workspace, recipe, view, *begun.popleft())
        while begun:
            yield _make_one(workspace, recipe, view, *begun.popleft())


def _begin(
    pool: ThreadPoolExecutor, workspace: Workspace, recipe: Recipe, view: LakeView, key: Key
) -> "Future[_Stored] | None":
    """Let a thread make a partition that must be made; all else is left to its turn."""
    try:
        decided = decide(recipe, view, key)
    except _UNFORESEEN:
        return None
    if isinstance(decided, Outcome):
        return None
    return pool.submit(_make_and_store, workspace, recipe, view, key, decided)


def _make_one(
    workspace: Workspace,
    recipe: Recipe,
    view: LakeView,
    key: Key,
    begun: "Future[_Stored] | None" = None,
) -> Outcome:
    """Make or keep one partition; any error becomes its outcome and a row in `failures`.

    Parameters
    ----------
    begun
        The making of it by a thread, where one has begun it; then its seconds are those waited for.
    """
    started = time.monotonic()
    try:
        done = _attempt(workspace, recipe, view, key, begun)
    except _UNFORESEEN as error:
        return _failed(workspace, recipe, view, key, error, time.monotonic() - started)
    if isinstance(done, Outcome):
        _settle(workspace, recipe, view, key, done)
        return done
    made, entries = done
    outcome = Outcome(
        key=key,
        status=Status.MADE,
        version=partition_version(entries),
        rows=sum(entry.rows for entry in entries),
        files=len(entries),
        seconds=time.monotonic() - started,
        counts=dict(made.counts),
        entries=tuple(entries),
    )
    _settle(workspace, recipe, view, key, outcome)
    return outcome


def _attempt(
    workspace: Workspace,
    recipe: Recipe,
    view: LakeView,
    key: Key,
    begun: "Future[_Stored] | None",
) -> Outcome | tuple[Made, list[Entry]]:
    """Make and commit one partition; plan it anew where an input was replaced meanwhile.

    Otherwise rows of a newer version would be recorded under the version that was planned with.
    """
    for attempt in range(_REPLANS):
        try:
            if begun and attempt == 0:
                made, stored = begun.result()
                return made, _take_in(workspace, recipe, view, key, made, stored)
            return _plan_and_make(workspace, recipe, view, key)
        except PartitionReplacedError:
            view.reload()
    return _plan_and_make(workspace, recipe, view, key)


def _plan_and_make(
    workspace: Workspace, recipe: Recipe, view: LakeView, key: Key
) -> Outcome | tuple[Made, list[Entry]]:
    """Make and commit one partition, where its plan says that it must be made."""
    decided = decide(recipe, view, key)
    if isinstance(decided, Outcome) and decided.is_left_over:
        # What was read of the index a while ago must take nothing away.
        view.reload()
        decided = decide(recipe, view, key)
    if isinstance(decided, Outcome):
        return _drop(workspace, view, decided) if decided.is_left_over else decided
    made, stored = _make_and_store(workspace, recipe, view, key, decided)
    return made, _take_in(workspace, recipe, view, key, made, stored)


def decide(recipe: Recipe, view: LakeView, key: Key) -> Plan | Outcome:
    """Return the plan of a partition that must be made, or the outcome of one that must not."""
    if not view.workspace.calendar(key.symbol).is_session(key.session):
        left = _all_stored(recipe, view, key)
        return Outcome(key, Status.NO_SESSION, Status.NO_SESSION.value, entries=left)
    if broken := _broken(view, [(asset, key) for asset in recipe.upstream]):
        return _skipped(key, broken)
    plan = recipe.plan(view, key)
    if isinstance(plan, NotDue):
        left = _left_over(recipe, view, key)
        return Outcome(key, plan.status, plan.status.value, reason=plan.reason, entries=left)
    if broken := _broken(view, plan.needs):
        return _skipped(key, broken)
    stored = stored_entries(recipe, view, key)
    if stored and staleness(recipe, plan, stored) is None:
        return Outcome(
            key,
            Status.KEPT,
            partition_version(stored),
            rows=sum(entry.rows for entry in stored),
            files=len(stored),
            entries=tuple(stored),
        )
    return plan


def _broken(view: LakeView, needs: Iterable[tuple[str, Key]]) -> list[str]:
    """Return the needs that could not be made, as `asset partition`."""
    return [f"{asset} {key}" for asset, key in needs if str(key) in view.failures(asset)]


def _skipped(key: Key, broken: list[str]) -> Outcome:
    """Return the outcome of a partition that lies below one that could not be made."""
    version = f"skipped-{digest_of(broken)[:16]}"
    return Outcome(key, Status.SKIPPED, version, reason=f"upstream: {', '.join(broken)}")


def _make_and_store(
    workspace: Workspace, recipe: Recipe, view: LakeView, key: Key, plan: Plan
) -> _Stored:
    """Make one partition and commit its files; of the view this only reads files."""
    made = recipe.make(view, key, plan)
    return made, [_commit(workspace, recipe, key, plan, made, file) for file in _files(made)]


def _files(made: Made) -> tuple[MadeFile, ...]:
    """Return the files of a partition in the order in which they are stored."""
    return (*made.set_aside, *made.files)


def _commit(
    workspace: Workspace, recipe: Recipe, key: Key, plan: Plan, made: Made, file: MadeFile
) -> Committed:
    """Store one file of a partition."""
    lineage = Lineage(
        code_version=recipe_code_version(recipe),
        parameters=plan.parameters,
        inputs=plan.inputs,
        origin=plan.origin,
        final=made.final,
        final_through=made.final_through,
        stats={**file.stats, FILES: len(made.files)},
    )
    return workspace.lake.commit(file.table, file.levels, file.frame, lineage, session=key.session)


def _take_in(
    workspace: Workspace,
    recipe: Recipe,
    view: LakeView,
    key: Key,
    made: Made,
    stored: Sequence[Committed],
) -> list[Entry]:
    """Put commits on top of the view, and forget the files that the partition no longer has."""
    before = _all_stored(recipe, view, key)
    for committed in stored:
        view.note(committed)
    names = {committed.entry.name for committed in stored}
    _forget(workspace, view, [entry for entry in before if entry.name not in names])
    return [committed.entry for committed in stored[len(made.set_aside) :]]


def _left_over(recipe: Recipe, view: LakeView, key: Key) -> tuple[Entry, ...]:
    """Return what stands of a partition that cannot be made, if what it was made from is gone.

    Where all of that still stands, only something between is not made yet, for example the roll
    map by another mode: then it stays.
    """
    stored = _all_stored(recipe, view, key)
    return stored if any(not _stands(view, entry) for entry in stored) else ()


def _stands(view: LakeView, entry: Entry) -> bool:
    """Whether the lake still holds every input of an entry at the version that it was made from."""
    try:
        inputs = view.workspace.lake.lineage(entry).inputs
    except LakeError:
        return False
    return all(
        version == ABSENT or view.workspace.lake.index.holds(name, version)
        for name, version in inputs.items()
    )


def _drop(workspace: Workspace, view: LakeView, outcome: Outcome) -> Outcome:
    """Take what is left over out of the lake: later stages would still read it."""
    _forget(workspace, view, outcome.entries)
    return replace(outcome, entries=(), counts={DROPPED: 1.0})


def _forget(workspace: Workspace, view: LakeView, entries: Iterable[Entry]) -> None:
    """Take what no longer belongs to its partition out of the lake."""
    for entry in entries:
        workspace.lake.drop(entry)
        view.forget(entry)


def _all_stored(recipe: Recipe, view: LakeView, key: Key) -> tuple[Entry, ...]:
    """Return the index entries of a partition and of what was set aside of it."""
    aside = view.at(QUARANTINE.name, key.symbol, key.session, table=recipe.asset)
    return (*stored_entries(recipe, view, key), *aside)


def _settle(
    workspace: Workspace, recipe: Recipe, view: LakeView, key: Key, outcome: Outcome
) -> None:
    """Write or clear the partition's row in `failures`, so that what lies below knows."""
    failures = view.failures(recipe.asset)
    if outcome.status in {Status.FAILED, Status.SKIPPED}:
        failures[str(key)] = outcome.version
        row = {
            "asset": recipe.asset,
            "partition": str(key),
            "kind": outcome.status.value,
            "message": outcome.reason,
            "version": outcome.version,
        }
        workspace.state.upsert(FAILURES, [row])
    elif str(key) in failures:
        del failures[str(key)]
        workspace.state.delete(FAILURES, asset=recipe.asset, partition=str(key))


def _failed(
    workspace: Workspace,
    recipe: Recipe,
    view: LakeView,
    key: Key,
    error: BaseException,
    seconds: float,
) -> Outcome:
    """Record a partition that could not be made; an unforeseen error says its type too."""
    reason = str(error) if isinstance(error, QuantError) else f"{type(error).__name__}: {error}"
    outcome = Outcome(
        key,
        Status.FAILED,
        f"failed-{digest_of(reason)[:16]}",
        reason=reason,
        seconds=seconds,
    )
    _settle(workspace, recipe, view, key, outcome)
    return outcome
