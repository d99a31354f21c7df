"""Which trials are stale: anything that they came from is no longer what it was.

Three things are asked of a trial. Was it computed by the code of now? Are its inputs those that
the lake holds? And would what stands above its inputs be made as it was, or has a file been landed
again, a setting or a computation changed, of which the inputs do not know yet?
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from quant_assets.backtests.schema import EQUITY
from quant_assets.lineage.fingerprint import canonical_json, digest_of
from quant_assets.market.errors import QuantError
from quant_assets.models.schema import PREDICTIONS
from quant_assets.optimization.trials import Trial
from quant_assets.signals.schema import SIGNALS
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.state_tables import JOBS
from quant_assets.workflows.configuration import research_sessions
from quant_assets.workflows.freshness import recipe_code_version, staleness, stored_entries
from quant_assets.workflows.instrument_versions import instrument_versions, symbols_named
from quant_assets.workflows.model_freshness import model_reason
from quant_assets.workflows.recipe import Key, Plan
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.session_closes import closes_versions
from quant_assets.workflows.strategy_backtest import RUN_DIGITS, backtest_code_version
from quant_assets.workflows.sweep_jobs import Reads, sweep_code_version
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

_SHARED = frozenset({"training_set", "predictions", "signals"})
"""Assets whose partitions hold several strategies: another strategy's change says nothing here."""

_CHOOSING: Mapping[str, tuple[str, ...]] = {
    "signal": ("kind", "file", "rule"),
    "confirm": ("table", "name"),
    "regimes": (),
}
"""Parts of a strategy that choose what it reads, by their keys that do."""

Found = TypeVar("Found")


def stale_trials(workspace: Workspace, trials: Sequence[Trial]) -> set[str]:
    """Return the ids of the trials of which anything upstream has changed."""
    judge = _Judge(workspace)
    return {trial.trial_id for trial in trials if not judge.is_current(trial)}


class _Judge:
    """Looks at each partition once, however many trials come from it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._view = LakeView(workspace)
        self._reads = Reads(self._view)
        self._recipes = recipes()
        self._codes = {name: recipe_code_version(one) for name, one in self._recipes.items()}
        self._code = backtest_code_version()
        entries = workspace.lake.index.entries(EQUITY.name)
        self._runs = {entry.levels["run"]: entry for entry in entries}
        self._jobs = _jobs_by_trial(workspace)
        self._known: dict[tuple[str, Key], bool] = {}
        self._answers: dict[str, Any] = {}

    def is_current(self, trial: Trial) -> bool:
        """Whether a trial would come out as it did."""
        if trial.code_version != self._code:
            return False
        run = self._runs.get(trial.trial_id[:RUN_DIGITS])
        try:
            return (run is not None and self._is_run_current(trial, run)) or self._is_cell_current(
                trial
            )
        except QuantError:
            # What cannot be asked for any more, such as a symbol taken away, is not as it was.
            return False

    def _is_run_current(self, trial: Trial, run: Entry) -> bool:
        """Whether a backtest that the lake holds would come out as it did."""
        inputs = self._workspace.lake.lineage(run).inputs
        strategy = Strategy.parse(trial.config)
        if not self._holds(strategy, inputs):
            return False
        if strategy.learns and not self._is_model_current(strategy):
            return False
        keys = sorted({Key(*place[1:]) for place in _places(inputs) if place[0] == SIGNALS.name})
        return self._is_made_so(strategy, keys) and all(
            self._is_code_current(strategy, key) for key in keys
        )

    def _is_cell_current(self, trial: Trial) -> bool:
        """Whether a cell of a sweep would be the job that it was, on what is as it was."""
        job_ids = self._jobs.get(trial.trial_id, ())
        if not job_ids:
            return False
        config = {key: value for key, value in trial.config.items() if key != "name"}
        # Cells differ in what they do with what they read far more often than in what they read.
        reads, is_made_so = self._once(_choice(config), lambda: self._read_now(trial))
        identity = {"config": digest_of(config), "reads": reads, "code": sweep_code_version()}
        return is_made_so and digest_of(identity) in job_ids

    def _read_now(self, trial: Trial) -> tuple[str, bool]:
        """Return the version of what a cell reads, and whether that would be made as it was."""
        strategy = Strategy.parse(trial.config)
        keys = [Key(one.symbol, one.day) for one in research_sessions(self._view, strategy)]
        return self._reads.version(strategy), self._is_made_so(strategy, keys)

    def _holds(self, strategy: Strategy, inputs: Mapping[str, str]) -> bool:
        """Whether the lake holds the inputs, at their versions."""
        now = closes_versions(self._workspace, inputs)
        now |= instrument_versions(self._workspace, symbols_named(inputs))
        return all(
            now[name] == version if name in now else self._version(strategy, name) == version
            for name, version in inputs.items()
        )

    def _version(self, strategy: Strategy, name: str) -> str | None:
        """Return the version of an input now, None where it is gone."""
        for table, symbol, session in _places([name]):
            found = self._view.at(table, symbol, session)
            if table == SIGNALS.name:
                found = [one for one in found if _is_of(one, strategy)]
                return found[0].data_version if found else None
            return next((one.data_version for one in found if one.name == name), None)
        return None

    def _is_model_current(self, strategy: Strategy) -> bool:
        """Whether the strategy's model would be trained as it was."""
        name = f"model/{strategy.name}"
        return self._once(name, lambda: model_reason(self._workspace, strategy) is None)

    def _is_code_current(self, strategy: Strategy, key: Key) -> bool:
        """Whether the code of now made what several strategies share a partition of."""
        levels = {
            SIGNALS.name: {"strategy": strategy.name, "timeframe": strategy.timeframe},
            PREDICTIONS.name: {"model": strategy.name, "timeframe": strategy.timeframe},
            "training_set": {"dataset": strategy.dataset} if strategy.learns else {"dataset": ""},
        }
        return all(
            entry.code_version == self._codes[table]
            for table, wanted in levels.items()
            for entry in self._view.at(table, key.symbol, key.session, **wanted)
        )

    def _is_made_so(self, strategy: Strategy, keys: Iterable[Key]) -> bool:
        """Whether what a strategy reads on some sessions would be made as it was."""
        assets = ["bars"]
        assets += [strategy.source] if strategy.learns else []
        assets += ["regimes"] if strategy.regimes else []
        return all(self._is_fresh(asset, key) for key in keys for asset in assets)

    def _is_fresh(self, asset: str, key: Key) -> bool:
        """Whether a partition, and all above it, would be made as it was."""
        if (asset, key) not in self._known:
            # Assumed while it is looked into: partitions do not come from themselves.
            self._known[asset, key] = True
            self._known[asset, key] = self._would_stay(asset, key)
        return self._known[asset, key]

    def _would_stay(self, asset: str, key: Key) -> bool:
        if asset in _SHARED or asset not in self._recipes:
            return True
        recipe = self._recipes[asset]
        stored = stored_entries(recipe, self._view, key)
        plan = recipe.plan(self._view, key)
        if not isinstance(plan, Plan):
            return not stored
        if staleness(recipe, plan, stored) is not None:
            return False
        above = {*((name, key) for name in recipe.upstream), *plan.needs}
        return all(self._is_fresh(name, other) for name, other in sorted(above))

    def _once(self, name: str, ask: Callable[[], Found]) -> Found:
        """Ask something once."""
        if name not in self._answers:
            self._answers[name] = ask()
        return cast("Found", self._answers[name])


def _choice(config: Mapping[str, Any]) -> str:
    """Return what of a configuration chooses what it reads: equal for cells that read the same."""
    whole = {key: config.get(key) for key in ("symbols", "timeframe", "source")}
    parts = {
        part: {key: config[part].get(key) for key in keys} if config.get(part) else None
        for part, keys in _CHOOSING.items()
    }
    return canonical_json({**whole, **parts})


def _jobs_by_trial(workspace: Workspace) -> dict[str, set[str]]:
    """Return the ids of the jobs that gave each trial."""
    statement = sa.select(JOBS.c.trial_id, JOBS.c.job_id).where(JOBS.c.trial_id.is_not(None))
    found: dict[str, set[str]] = defaultdict(set)
    with workspace.state.transaction("read the jobs of") as connection:
        for trial_id, job_id in connection.execute(statement):
            found[trial_id].add(job_id)
    return found


def _places(names: Iterable[str]) -> Iterator[tuple[str, str, date]]:
    """Yield table, symbol and session of inputs; those that name no session are passed over."""
    for name in names:
        table, *levels, session = name.split("/")
        pairs = dict(level.split("=", 1) for level in levels)
        if "=" not in session and "symbol" in pairs:
            yield table, pairs["symbol"], date.fromisoformat(session)


def _is_of(entry: Entry, strategy: Strategy) -> bool:
    """Whether stored signals are a strategy's."""
    wanted = {"strategy": strategy.name, "timeframe": strategy.timeframe}
    return wanted.items() <= entry.levels.items()
