"""Trials that Optuna proposes: one process asks and tells, the queue computes.

Proposals come in rounds of a fixed size. A round is told whole, in its order, before the next is
asked for: what is proposed hangs on the spec and the results alone, not on how many workers there
are or which was faster. So a sweep that is run again proposes the same cells, and runs none.
"""

from collections.abc import Callable, Mapping
from typing import Any

from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.market.errors import InputError
from quant_assets.optimization.search_space import (
    Cell,
    check_cell,
    count_cells,
    keeps_constraints,
    spread_base,
)
from quant_assets.optimization.strategy_keys import with_values
from quant_assets.optimization.sweep_spec import Range, SweepSpec
from quant_assets.storage.job_queue import JobQueue
from quant_assets.storage.sweep_store import SweepStore
from quant_assets.workflows.sweep import Queued, base_values, queue_cells, with_written_symbols
from quant_assets.workflows.sweep_jobs import Reads
from quant_assets.workflows.workspace import Workspace

ROUND = 8
"""Trials that are asked for before any of them is told."""


class Proposer:
    """Asks Optuna for cells and tells it what became of them.

    Parameters
    ----------
    wait
        Returns once no job of the sweep is open.
    """

    def __init__(
        self,
        workspace: Workspace,
        queue: JobQueue,
        spec: SweepSpec,
        reads: Reads,
        *,
        wait: Callable[[], object],
    ) -> None:
        self._workspace = workspace
        self._queue = queue
        self._spec = spec
        self._reads = reads
        self._wait = wait
        self._base = spread_base(spec, base_values(workspace, spec))

    def run(self, *, retry: bool = False) -> Queued:
        """Propose, queue and wait, round by round; return what it came to.

        Raises
        ------
        InputError
            If Optuna is not installed.
        """
        total, queued = count_cells(self._spec), Queued(0, 0, 0, 0)
        study = _study(self._spec)
        for first in range(0, total, ROUND):
            trials = [study.ask() for _ in range(min(ROUND, total - first))]
            cells = [
                self._cell(number, _proposed(self._spec, trial))
                for number, trial in enumerate(trials, start=first)
            ]
            cells = with_written_symbols(self._workspace, cells)
            of_round = queue_cells(
                self._workspace, self._queue, self._spec, cells, self._reads, more=first > 0
            )
            queued = _sum(queued, of_round)
            if retry:
                self._queue.retry(self._spec.name)
            self._wait()
            self._tell(study, dict(zip((c.number for c in cells), trials, strict=True)))
        return queued

    def _cell(self, number: int, values: Mapping[str, Any]) -> Cell:
        """Return a proposal as a cell; one that breaks a constraint is invalid."""
        made = with_values(self._base, values)
        if not keeps_constraints(self._spec, made):
            return Cell(number, values, None, "it breaks a constraint")
        return check_cell(self._spec, number, values, made)

    def _tell(self, study: Any, trials: Mapping[int, Any]) -> None:
        """Tell the results of a round; a cell without the metric has failed."""
        from optuna.trial import TrialState

        results = {r.cell: r for r in SweepStore(self._workspace.state).results(self._spec.name)}
        for number, trial in trials.items():
            score = results[number].metrics.get(self._spec.metric)
            if score is None:
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, score)


def _study(spec: SweepSpec) -> Any:
    """Return a new study in memory, seeded by the spec."""
    try:
        import optuna
    except ImportError as error:
        raise InputError(
            asked=f"sweep {spec.name!r} of kind optuna",
            found="Optuna is not installed",
            remedy="Install the extra: pip install 'quant_assets[hpo]'; or use kind: random.",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=spec.seed)
    return optuna.create_study(direction="maximize", sampler=sampler)


def _proposed(spec: SweepSpec, trial: Any) -> dict[str, Any]:
    """Return the values that a trial proposes; keys are asked for in sorted order."""
    chosen = {key: _suggest(key, spec.vary[key], trial) for key in sorted(spec.vary)}
    return {key: chosen[key] for key in spec.vary}


def _suggest(key: str, varied: Any, trial: Any) -> Any:
    """Ask for one value: from the range, or one of the values of its steps or its choice."""
    if isinstance(varied, Range) and not varied.steps:
        ask = trial.suggest_int if varied.is_whole else trial.suggest_float
        return ask(key, varied.first, varied.last, log=varied.scale == "log")
    values = varied.values()
    if isinstance(varied, Range):
        return values[trial.suggest_int(key, 0, len(values) - 1)]
    # A list or a mapping is no category of Optuna's: its text is.
    texts = [canonical_json(value) for value in values]
    return values[texts.index(trial.suggest_categorical(key, texts))]


def _sum(one: Queued, other: Queued) -> Queued:
    """Return the counts of two rounds together."""
    return Queued(
        one.cells + other.cells,
        one.invalid + other.invalid,
        one.new + other.new,
        one.known + other.known,
    )
