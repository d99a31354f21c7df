"""What a range would make and why, before anything is made."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from quant_assets.storage.state import TIMINGS
from quant_assets.workflows.ranges import Outcome, decide, staleness, stored_entries
from quant_assets.workflows.recipe import Key, Plan, Recipe, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace


@dataclass(frozen=True)
class PlanLine:
    """One asset of a plan.

    `seconds` is estimated from what its partitions took before; None where none was ever made.
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


def plan_ranges(workspace: Workspace, assets: Sequence[str], keys: Iterable[Key]) -> list[PlanLine]:
    """Return, asset by asset, how many partitions would be made.

    What lies below a partition that would be made counts as "input would be made": whether its
    content changes is known only afterwards, and where it does not the partition is kept. Assets
    by strategy and unpartitioned ones are not listed: they follow at the end of every run.
    """
    view = LakeView(workspace)
    ordered = sorted(keys)
    waiting: set[tuple[str, Key]] = set()
    known = recipes()
    lines = []
    for asset in (name for name in assets if name in known):
        reasons: Counter[str] = Counter()
        fresh = 0
        for key in ordered:
            reason = _reason(known[asset], view, key, waiting)
            if reason is not None:
                waiting.add((asset, key))
                reasons[reason] += 1
            elif stored_entries(known[asset], view, key):
                fresh += 1
        count = sum(reasons.values())
        seconds = _seconds(workspace, asset, count)
        lines.append(PlanLine(asset, count, fresh, dict(reasons.most_common()), seconds))
    return lines


def _reason(recipe: Recipe, view: LakeView, key: Key, waiting: set[tuple[str, Key]]) -> str | None:
    """Return why a partition would be made; None where it is fresh or not due."""
    if any((asset, key) in waiting for asset in recipe.upstream):
        return "input would be made"
    if not view.workspace.calendar(key.symbol).is_session(key.session):
        return None
    plan = recipe.plan(view, key)
    if not isinstance(plan, Plan):
        return None
    # Also where what is stored is fresh: a neighbour that would be made may come out otherwise.
    if any(need in waiting for need in plan.needs):
        return "input would be made"
    decided = decide(recipe, view, key)
    if isinstance(decided, Outcome):
        return f"failed above: {decided.reason}" if decided.status is Status.SKIPPED else None
    return staleness(recipe, decided, stored_entries(recipe, view, key))


def _seconds(workspace: Workspace, asset: str, count: int) -> float | None:
    """Return about how long some partitions would take, by what they took before."""
    if count == 0:
        return 0.0
    rows = workspace.state.select(TIMINGS, asset=asset)
    return rows[0]["seconds"] / rows[0]["partitions"] * count if rows else None
