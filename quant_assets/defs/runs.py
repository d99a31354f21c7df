"""Runs of the graph on a Dagster instance, from the command line: waves of ranges, N at a time."""

import logging
import multiprocessing as mp
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster_shared.error import SerializableErrorInfo

from quant_assets.defs.landed import landed_versions, observe, register
from quant_assets.defs.location import load_location
from quant_assets.defs.partitions import listed_once, partition_key, range_tags, sessions_of
from quant_assets.defs.selection import (
    SessionRange,
    Wave,
    edges,
    parts_of,
    select_assets,
    turns_of,
    waves_of,
)
from quant_assets.observe.progress import Reported, listening
from quant_assets.settings.model import PartitionGrain
from quant_assets.signals.strategy import Strategy
from quant_assets.workflows.plan_contracts import BY_CONTRACT, contracts_of
from quant_assets.workflows.plan_strategies import BY_STRATEGY
from quant_assets.workflows.ranges import DROPPED, Outcome, decide
from quant_assets.workflows.recipe import BROKEN, Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_model import stored_model, training_entries
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

Tell = Callable[[str, str, str, int, int], None]
"""Called with asset, status, partition, place and total as the work goes on."""

NOT_RUN = "fresh, not run"

_INTERRUPTS = ("KeyboardInterrupt", dg.DagsterExecutionInterruptedError.__name__)


@dataclass(frozen=True)
class RunRequest:
    """One run: some assets over one range, one strategy or contract, or unpartitioned."""

    assets: tuple[str, ...]
    partition: str | None = None
    first: str | None = None
    last: str | None = None

    def keys(self, grain: PartitionGrain) -> list[Key]:
        """Return the calendar days of a range of one symbol."""
        first, last = (sessions_of(str(edge), grain) for edge in (self.first, self.last))
        return SessionRange(first[0].symbol, first[0].session, last[-1].session).keys

    @property
    def name(self) -> str:
        """What the run is about."""
        span = self.partition or (f"{self.first} to {self.last}" if self.first else "")
        return f"{', '.join(self.assets)} {span}".strip()


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    request: RunRequest
    success: bool
    message: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    """Partitions by status."""


@cache
def load_graph() -> tuple[dg.Definitions, BaseAssetGraph]:
    """Return the code location and its asset graph."""
    definitions = load_location()
    return definitions, definitions.resolve_asset_graph()


def materialize(
    workspace: Workspace,
    instance: dg.DagsterInstance,
    selection: str,
    ranges: Sequence[SessionRange],
    *,
    names: Collection[str] = (),
    workers: int = 1,
    tell: Tell = lambda *_: None,
) -> Iterator[RunResult]:
    """Make what a selection needs and is not fresh, wave after wave, runs beside each other.

    A wave that fails stops nothing of the rest of it; waves below make what they can.

    Parameters
    ----------
    names
        Strategies; all that trade a symbol of the ranges where none is named.
    """
    _, graph = load_graph()
    observe(instance, landed_versions(workspace))
    with _workers(workers) as crew:
        waves = waves_of(graph, select_assets(graph, selection))
        compared = any(workspace.settings.member(one.symbol).reference for one in ranges)
        parts = [p for one in waves for p in parts_of(one, ranges, is_compared=compared)]
        for wave, turn in ((part, turn) for part in parts for turn in turns_of(part, ranges)):
            register(instance, workspace)
            requests = _requests(workspace, wave, turn, names)
            known = _Standing(workspace, instance, wave.kind)
            kept = {one: known.result(one, tell) for one in requests}
            yield from (result for result in kept.values() if result)
            requests = [one for one in requests if kept[one] is None]
            yield from _run_all(requests, instance, crew, tell)


@dataclass(frozen=True)
class _Standing:
    """Says of which requests nothing needs a run: all is fresh, and Dagster knows of it."""

    workspace: Workspace
    instance: dg.DagsterInstance
    kind: str

    def result(self, request: RunRequest, tell: Tell) -> RunResult | None:
        """Return the result of a request that needs no run; None where it needs one."""
        if self.kind == "ranges":
            return _if_fresh(self.workspace, self.instance, request, tell)
        name = request.partition
        if name is None or not all(self._stands(asset, name) for asset in request.assets):
            return None
        for asset in request.assets:
            tell(asset, Status.KEPT.value, name, 1, 1)
        counts = {Status.KEPT.value: len(request.assets)}
        return RunResult(request, success=True, message=NOT_RUN, counts=counts)

    def _stands(self, asset: str, name: str) -> bool:
        """Whether the partition of a strategy or contract would come out as it is."""
        if name not in self.instance.get_materialized_partitions(dg.AssetKey(asset)):
            return False
        if self.kind == "contracts":
            return BY_CONTRACT[asset](self.workspace, name) is None
        # A model that is listed may be torn: then it is made again.
        if asset == "model" and stored_model(self.workspace, name) is None:
            return False
        return BY_STRATEGY[asset](self.workspace, self._strategies[name]) is None

    @cached_property
    def _strategies(self) -> dict[str, Strategy]:
        """Strategies with bars, by name."""
        return strategies(self.workspace)


def _if_fresh(
    workspace: Workspace, instance: dg.DagsterInstance, request: RunRequest, tell: Tell
) -> RunResult | None:
    """Return the result of a range that needs no run."""
    view = LakeView(workspace)
    keys = request.keys(workspace.settings.partitions.grain)
    outcomes: list[tuple[str, Outcome]] = []
    for asset in request.assets:
        known = instance.get_materialized_partitions(dg.AssetKey(asset))
        for key in keys:
            outcome = decide(recipes()[asset], view, key)
            stands = partition_key(key, workspace.settings.partitions.grain) in known
            if not isinstance(outcome, Outcome) or outcome.status in BROKEN or not stands:
                return None
            if outcome.is_left_over:
                return None
            outcomes.append((asset, outcome))
    for place, (asset, outcome) in enumerate(outcomes, start=1):
        tell(asset, outcome.status.value, str(outcome.key), (place - 1) % len(keys) + 1, len(keys))
    counts = Counter(outcome.status.value for _, outcome in outcomes)
    return RunResult(request, success=True, message=NOT_RUN, counts=dict(counts))


def _requests(
    workspace: Workspace, wave: Wave, ranges: Sequence[SessionRange], names: Collection[str]
) -> list[RunRequest]:
    """Return the runs of a wave."""
    if wave.kind == "ranges":
        spans = [edges(workspace, one) for one in ranges]
        return [RunRequest(wave.assets, first=first, last=last) for first, last in spans]
    if wave.kind == "strategies":
        wanted = {one.symbol for one in ranges}
        return [
            RunRequest(wave.assets, partition=name)
            for name, one in strategies(workspace).items()
            if (not names or name in names)
            and wanted & set(one.symbols or ())
            and _is_due(workspace, one, wave)
        ]
    if wave.kind == "contracts":
        keys = [key for one in ranges for key in one.keys]
        return [RunRequest(wave.assets, partition=name) for name in contracts_of(workspace, keys)]
    return [RunRequest(wave.assets)]


def _is_due(workspace: Workspace, strategy: Strategy, wave: Wave) -> bool:
    """Whether a wave has anything to make of a strategy: a rule has no model, and needs none."""
    if not strategy.learns:
        return set(wave.assets) != {"model"}
    return bool(training_entries(workspace, strategy))


@contextmanager
def _workers(count: int) -> Iterator["_Crew | None"]:
    """Give worker processes that serve all waves, or None where one process does it all."""
    if count <= 1:
        yield None
        return
    context = mp.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(count, mp_context=context) as pool:
        try:
            yield _Crew(pool, manager.Queue())
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise


@dataclass(frozen=True)
class _Crew:
    """Worker processes and the queue by which they report."""

    pool: ProcessPoolExecutor
    heard: Any


def _run_all(
    requests: Sequence[RunRequest],
    instance: dg.DagsterInstance,
    crew: _Crew | None,
    tell: Tell,
) -> Iterator[RunResult]:
    """Run requests, in this process or beside each other in workers."""
    if crew is None:
        for request in requests:
            yield execute(request, instance, tell)
        return
    futures = [crew.pool.submit(_execute_apart, one, crew.heard) for one in requests]
    yield from _collect(futures, crew.heard, tell)


def _collect(futures: list[Future[RunResult]], heard: Any, tell: Tell) -> Iterator[RunResult]:
    """Pass on what workers report until all are done, then their results in order."""
    from queue import Empty

    while True:
        done = all(future.done() for future in futures)
        try:
            tell(*heard.get(timeout=0.05))
        except Empty:
            if done:
                break
    for future in futures:
        yield future.result()


def _execute_apart(request: RunRequest, heard: Any) -> RunResult:
    """Execute a run in a worker process, on the instance that the environment names."""
    with dg.DagsterInstance.get() as instance:
        return execute(request, instance, lambda *told: heard.put(told))


def execute(request: RunRequest, instance: dg.DagsterInstance, tell: Tell) -> RunResult:
    """Execute one run in this process; its partitions are told as they end."""
    definitions, _ = load_graph()
    keys = {dg.AssetKey(name) for name in request.assets}
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection=keys)
    counts: dict[str, int] = {}

    def heard(asset: str, outcome: Reported, place: int, total: int) -> None:
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
        tell(asset, str(outcome.status), str(outcome.key), place, total)

    tags = range_tags(request.first, request.last) if request.first and request.last else {}
    with listening(heard), _Quiet(), listed_once(instance):
        result = job.execute_in_process(
            instance=instance,
            tags=tags,
            partition_key=request.partition,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    if _was_interrupted(result):
        raise KeyboardInterrupt
    for event in result.get_asset_materialization_events():
        if dropped := event.materialization.metadata.get(DROPPED):
            counts["dropped"] = counts.get("dropped", 0) + int(float(str(dropped.value)))
        status = event.materialization.metadata.get("status")
        if request.first is None:
            name = str(status.value) if status else "made"
            counts[name] = counts.get(name, 0) + 1
            tell(
                event.materialization.asset_key.to_user_string(),
                name,
                request.partition or "",
                1,
                1,
            )
    return RunResult(request, result.success, _message(result), counts)


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Return whether Ctrl-C ended the run: Dagster turns it into a failure like any other."""
    failures = [event.job_failure_data for event in result.all_events if event.is_job_failure]
    errors = [failure.error for failure in failures if failure and failure.error]
    return any(error.cls_name in _INTERRUPTS for error in errors)


def _message(result: dg.ExecuteInProcessResult) -> str:
    """Return what a failed run says: its own failure's words, without a traceback."""
    words: list[str] = []
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        told = data.user_failure_data
        error = data.error
        cause = error.cause if error and error.cause else error
        words.append(str(told.description) if told else _said(cause) if cause else "it failed")
    return "; ".join(words)


def _said(error: SerializableErrorInfo) -> str:
    """Return an error's words behind the name of its class, as the command line says it."""
    name = error.cls_name or ""
    return re.sub(rf"^(\w+\.)+{name}:", f"{name}:", error.message.strip())


class _Quiet:
    """Keep Dagster's own log lines off the terminal while a run goes on."""

    def __enter__(self) -> None:
        self._level = logging.getLogger("dagster").level
        logging.getLogger("dagster").setLevel(logging.CRITICAL)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("dagster").setLevel(self._level)
