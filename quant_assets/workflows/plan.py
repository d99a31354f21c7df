"""What a run would make and why, before anything is made."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.models.schema import PREDICTIONS
from quant_assets.signals.strategy import Strategy
from quant_assets.workflows.freshness import staleness, stored_entries
from quant_assets.workflows.plan_contracts import BY_CONTRACT, contracts_of, expected_contracts
from quant_assets.workflows.plan_strategies import BY_STRATEGY, ONCE
from quant_assets.workflows.ranges import Outcome, decide
from quant_assets.workflows.recipe import Key, Plan, Recipe, Status
from quant_assets.workflows.recipes.bars import expected_bars
from quant_assets.workflows.recipes.neighbours import research_bars
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_model import training_entries
from quant_assets.workflows.timings import estimated_seconds
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

INPUT = "input would be made"
GONE = "no session any more"
LEFT = "its input is gone"

_ABOVE = {
    "model": frozenset({"training_set"}),
    "backtest": frozenset({"bars", "signals"}),
    "feature_catalog": frozenset({"features", "model"}),
    "trials": frozenset({"backtest"}),
    "leaderboard": frozenset({"backtest", "tear_sheet", "trials"}),
    "warehouse": frozenset(
        {*recipes(), "model", "backtest", "feature_catalog", "trials", "leaderboard"}
    ),
}
"""What an asset by strategy, or an unpartitioned one, reads."""


@dataclass(frozen=True)
class PlanLine:
    """One asset of a plan.

    `would_run` and `fresh` count partitions: sessions of a symbol, strategies, contracts, or the
    asset as a whole. `seconds` is estimated from what they took before; None where none was ever
    made.
    """

    asset: str
    would_run: int
    fresh: int
    reasons: dict[str, int]
    seconds: float | None

    @property
    def why(self) -> str:
        """Reasons with how often each holds."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())

    def to_json(self) -> dict[str, Any]:
        """Return the line as JSON values."""
        return {
            "asset": self.asset,
            "would_run": self.would_run,
            "fresh": self.fresh,
            "reasons": self.reasons,
            "seconds": self.seconds,
        }


def plan_assets(
    workspace: Workspace,
    assets: Sequence[str],
    keys: Iterable[Key],
    *,
    names: Collection[str] = (),
) -> list[PlanLine]:
    """Return, asset by asset, how many partitions would be made.

    What lies below a partition that would be made counts as "input would be made": whether its
    content changes is known only afterwards, and where it does not the partition is kept.

    Parameters
    ----------
    assets
        In the order of the graph.
    keys
        Sessions of the run; strategies that trade none of their symbols are left out.
    names
        Strategies; all where none is named.
    """
    planner = _Planner(workspace, sorted(keys), names)
    return [planner.line(asset) for asset in assets]


class _Planner:
    """Goes down the graph and remembers what would be made."""

    def __init__(self, workspace: Workspace, keys: Sequence[Key], names: Collection[str]) -> None:
        self._workspace = workspace
        self._view = LakeView(workspace)
        self._recipes = recipes()
        self._keys = keys
        self._names = names
        self._waiting: set[tuple[str, Key]] = set()
        self._symbols: dict[str, set[str]] = {}
        """Symbols of the partitions that would be made, by asset."""
        self._named: dict[str, list[Strategy]] = {name: [] for name in BY_STRATEGY}
        """Strategies whose partition would be made, by asset."""
        self._would_run: set[str] = set()

    def line(self, asset: str) -> PlanLine:
        """Return the line of the next asset down the graph."""
        if asset in self._recipes:
            told = self._of_range(self._recipes[asset])
        elif asset in BY_STRATEGY:
            told = self._of_strategies(asset)
        elif asset in BY_CONTRACT:
            told = self._of_contracts(asset)
        else:
            told = [self._of_whole(asset) or ""]
        reasons = Counter(reason for reason in told if reason)
        count = sum(reasons.values())
        self._would_run |= {asset} if count else set()
        seconds = estimated_seconds(self._workspace, asset, count)
        return PlanLine(asset, count, len(told) - count, dict(reasons.most_common()), seconds)

    def _of_range(self, recipe: Recipe) -> list[str]:
        """Return the reason of each partition that would be made, nothing for each fresh one."""
        told = []
        for key in self._keys:
            reason = self._why(recipe, key)
            if reason is not None:
                self._waiting.add((recipe.asset, key))
                self._symbols.setdefault(recipe.asset, set()).add(key.symbol)
                told.append(reason)
            elif stored_entries(recipe, self._view, key):
                told.append("")
        return told

    def _why(self, recipe: Recipe, key: Key) -> str | None:
        """Return why a partition would be made or taken away; None where neither would be."""
        if not self._workspace.calendar(key.symbol).is_session(key.session):
            return GONE if stored_entries(recipe, self._view, key) else None
        is_below = any((asset, key) in self._waiting for asset in recipe.upstream)
        if is_below or (recipe.asset == PREDICTIONS.name and self._waits_for_a_model(key)):
            return INPUT
        plan = recipe.plan(self._view, key)
        # Also where what is stored is fresh: a neighbour that would be made may come out otherwise.
        if any(need in self._waiting for need in plan.needs):
            return INPUT
        if not isinstance(plan, Plan):
            return self._why_not_due(recipe, key)
        decided = decide(recipe, self._view, key)
        if isinstance(decided, Outcome):
            return f"failed above: {decided.reason}" if decided.status is Status.SKIPPED else None
        return staleness(recipe, decided, stored_entries(recipe, self._view, key))

    def _why_not_due(self, recipe: Recipe, key: Key) -> str | None:
        """Return why a partition that cannot be made would be taken away, if it would be."""
        decided = decide(recipe, self._view, key)
        return LEFT if isinstance(decided, Outcome) and decided.is_left_over else None

    def _waits_for_a_model(self, key: Key) -> bool:
        """Whether a session has what a model would predict from that is still to come."""
        here = research_bars(self._view, key.symbol, key.session)
        if here is None:
            return False
        return any(
            one.timeframe == here.levels["timeframe"]
            and key.symbol in (one.symbols or ())
            and bool(self._view.at(one.source, key.symbol, key.session))
            for one in self._named["model"]
        )

    def _of_strategies(self, asset: str) -> list[str]:
        """Return the reason of each strategy that would be made, nothing for each fresh one."""
        told = []
        for strategy in self._strategies:
            if asset == "model" and not strategy.learns:
                continue
            reason = self._why_strategy(asset, strategy)
            if reason is not None:
                self._named[asset].append(strategy)
            told.append(reason or "")
        return told

    def _of_contracts(self, asset: str) -> list[str]:
        """Return the reason of each contract that would be written, nothing for each fresh one."""
        there = contracts_of(self._workspace, self._keys)
        names = sorted({*there, *self._contracts_to_come})
        reason = BY_CONTRACT[asset]
        return [
            INPUT if name in self._contracts_to_come else reason(self._workspace, name) or ""
            for name in names
        ]

    @cached_property
    def _contracts_to_come(self) -> set[str]:
        """Contracts of which a session of the flat table would be made."""
        waiting = (key for asset, key in self._waiting if asset == CONTRACT_TABLE.name)
        return expected_contracts(self._view, waiting)

    def _why_strategy(self, asset: str, strategy: Strategy) -> str | None:
        """Return why a strategy's partition would be made; None where it is fresh."""
        if asset == "tear_sheet" and strategy in self._named["backtest"]:
            return INPUT
        above = (self._symbols.get(name, set()) for name in _ABOVE.get(asset, ()))
        if any(symbols & set(strategy.symbols or ()) for symbols in above):
            return INPUT
        return BY_STRATEGY[asset](self._workspace, strategy)

    @cached_property
    def _strategies(self) -> list[Strategy]:
        """Strategies of the run's symbols: rules, and what has something to learn from or would."""
        wanted = {key.symbol for key in self._keys}
        to_come = self._symbols.get("training_set", set())
        bars = expected_bars(self._view, (key for asset, key in self._waiting if asset == "bars"))
        return [
            one
            for name, one in strategies(self._workspace, expected=bars).items()
            if wanted & set(one.symbols or ())
            and (not self._names or name in self._names)
            and (
                not one.learns
                or to_come & set(one.symbols or ())
                or training_entries(self._workspace, one)
            )
        ]

    def _of_whole(self, asset: str) -> str | None:
        """Return why an unpartitioned asset would be made; None where it is fresh."""
        if self._would_run & _ABOVE.get(asset, frozenset()):
            return INPUT
        return ONCE[asset](self._workspace)
