"""Which trials are stale: anything that they came from is no longer what it was.

Three things are asked of a trial. Was it computed by the code of now? Are its inputs those that
the lake holds? And would what stands above its inputs be made as it was, or has a file been landed
again, a setting or a computation changed, of which the inputs do not know yet?
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from quant_assets.backtests.schema import EQUITY
from quant_assets.market.errors import QuantError
from quant_assets.optimization.trials import Trial
from quant_assets.signals.schema import SIGNALS
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.workflows.freshness import staleness, stored_entries
from quant_assets.workflows.model_freshness import model_reason
from quant_assets.workflows.recipe import Key, Plan
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.session_closes import closes_versions
from quant_assets.workflows.strategy_backtest import RUN_DIGITS, backtest_code_version
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

_SHARED = frozenset({"training_set", "predictions", "signals"})
"""Assets whose partitions hold several strategies: another strategy's change says nothing here."""


def stale_trials(workspace: Workspace, trials: Sequence[Trial]) -> set[str]:
    """Return the ids of the trials of which anything upstream has changed."""
    judge = _Judge(workspace)
    return {trial.trial_id for trial in trials if not judge.is_current(trial)}


class _Judge:
    """Looks at each partition once, however many trials come from it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._view = LakeView(workspace)
        self._recipes = {n: one for n, one in recipes().items() if n not in _SHARED}
        self._code = backtest_code_version()
        entries = workspace.lake.index.entries(EQUITY.name)
        self._runs = {entry.levels["run"]: entry for entry in entries}
        self._known: dict[tuple[str, Key], bool] = {}
        self._models: dict[str, bool] = {}

    def is_current(self, trial: Trial) -> bool:
        """Whether a trial would come out as it did."""
        run = self._runs.get(trial.trial_id[:RUN_DIGITS])
        if trial.code_version != self._code or run is None:
            return False
        inputs = self._workspace.lake.lineage(run).inputs
        try:
            strategy = Strategy.parse(trial.config)
            return self._holds(strategy, inputs) and self._is_made_so(strategy, inputs)
        except QuantError:
            # What cannot be asked for any more, such as a symbol taken away, is not as it was.
            return False

    def _holds(self, strategy: Strategy, inputs: Mapping[str, str]) -> bool:
        """Whether the lake holds the inputs, at their versions."""
        now = closes_versions(self._workspace, inputs)
        return all(
            now[name] == version if name in now else self._version(strategy, name) == version
            for name, version in inputs.items()
        )

    def _version(self, strategy: Strategy, name: str) -> str | None:
        """Return the version of an input now, None where it is gone."""
        if (place := _place(name)) is None:
            return None
        table, symbol, session = place
        found = self._view.at(table, symbol, session)
        if table == SIGNALS.name:
            found = [one for one in found if _is_of(one, strategy)]
            return found[0].data_version if found else None
        return next((one.data_version for one in found if one.name == name), None)

    def _is_made_so(self, strategy: Strategy, inputs: Mapping[str, str]) -> bool:
        """Whether what stands above the inputs would be made as it was."""
        if strategy.learns and not self._is_model_current(strategy):
            return False
        return all(self._is_fresh(asset, key) for asset, key in _roots(strategy, inputs))

    def _is_model_current(self, strategy: Strategy) -> bool:
        """Whether the strategy's model would be trained as it was."""
        if strategy.name not in self._models:
            self._models[strategy.name] = model_reason(self._workspace, strategy) is None
        return self._models[strategy.name]

    def _is_fresh(self, asset: str, key: Key) -> bool:
        """Whether a partition, and all above it, would be made as it was."""
        if (asset, key) not in self._known:
            # Assumed while it is looked into: partitions do not come from themselves.
            self._known[asset, key] = True
            self._known[asset, key] = self._would_stay(asset, key)
        return self._known[asset, key]

    def _would_stay(self, asset: str, key: Key) -> bool:
        recipe = self._recipes.get(asset)
        if recipe is None:
            return True
        stored = stored_entries(recipe, self._view, key)
        plan = recipe.plan(self._view, key)
        if not isinstance(plan, Plan):
            return not stored
        if staleness(recipe, plan, stored) is not None:
            return False
        above = {*((name, key) for name in recipe.upstream), *plan.needs}
        return all(self._is_fresh(name, other) for name, other in sorted(above))


def _roots(strategy: Strategy, inputs: Mapping[str, str]) -> Iterator[tuple[str, Key]]:
    """Yield the partitions that a strategy's signals and fills come from."""
    assets = ["bars"]
    assets += [strategy.source] if strategy.learns else []
    assets += ["regimes"] if strategy.regimes else []
    for place in map(_place, inputs):
        if place is not None and place[0] == SIGNALS.name:
            yield from ((asset, Key(*place[1:])) for asset in assets)


def _place(name: str) -> tuple[str, str, date] | None:
    """Return table, symbol and session of an input's name; None where it names no session."""
    table, *levels, session = name.split("/")
    if "=" in session:
        return None
    pairs = dict(level.split("=", 1) for level in levels)
    return table, pairs["symbol"], date.fromisoformat(session)


def _is_of(entry: Entry, strategy: Strategy) -> bool:
    """Whether stored signals are a strategy's."""
    wanted = {"strategy": strategy.name, "timeframe": strategy.timeframe}
    return wanted.items() <= entry.levels.items()
