"""What a change of landed data leaves to be made: partitions whose inputs are others now."""

from collections.abc import Iterable
from datetime import date

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.errors import QuantError
from quant_assets.workflows.freshness import stored_entries
from quant_assets.workflows.ranges import Outcome, decide
from quant_assets.workflows.recipe import Key, Plan, Recipe
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.view import LakeView

Pending = tuple[str, Key]
"""An asset and its partition."""


def pending_partitions(
    view: LakeView, symbol: str, sessions: Iterable[date], *, retry_failed: bool = True
) -> list[Pending]:
    """Return the partitions that were never made of what is there now, and all below them.

    A change of code or parameters alone counts for nothing here: a new day must not set the
    history of its symbol in motion.

    Parameters
    ----------
    sessions
        Sessions to look at; those that hold landed data, or anything made of it, are enough.
    retry_failed
        Whether partitions that could not be made count as pending.

    Returns
    -------
    list
        In the data's order. A partition below a pending one counts even where its input may
        come out as before; the range then keeps it.
    """
    days = sorted(sessions)
    pending: dict[Pending, None] = {}
    for asset, recipe in recipes().items():
        failed = {} if retry_failed else view.failures(asset)
        for key in (Key(symbol, day) for day in days):
            if str(key) not in failed and _is_pending(view, recipe, key, pending):
                pending[asset, key] = None
    return list(pending)


def _is_pending(view: LakeView, recipe: Recipe, key: Key, above: dict[Pending, None]) -> bool:
    """Whether a partition's inputs are others now, or will be when what is above it is made."""
    if not view.workspace.calendar(key.symbol).is_session(key.session):
        return _is_left_over(view, recipe, key)
    if any((asset, key) in above for asset in recipe.upstream):
        return True
    try:
        plan = recipe.plan(view, key)
    except QuantError:
        return True  # the run says why, and records it
    if any(need in above for need in plan.needs):
        return True
    if not isinstance(plan, Plan):
        return _is_left_over(view, recipe, key)
    stored = stored_entries(recipe, view, key)
    inputs = digest_of(dict(plan.inputs))
    return not stored or any(entry.inputs_hash != inputs for entry in stored)


def _is_left_over(view: LakeView, recipe: Recipe, key: Key) -> bool:
    """Whether something stands of a partition that nothing is to be made of any more."""
    decided = decide(recipe, view, key)
    return isinstance(decided, Outcome) and decided.is_left_over
