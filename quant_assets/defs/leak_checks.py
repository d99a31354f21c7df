"""The check of features, levels and regimes: no stored value knows what came after its bar."""

from collections.abc import Sequence

import dagster as dg

from quant_assets.workflows.leak_check import (
    LEAST_CUTS,
    LeakOutcome,
    last_made,
    leaks_of_last_made,
)
from quant_assets.workflows.ranges import Outcome
from quant_assets.workflows.recomputation import RecomputableRecipe
from quant_assets.workflows.view import LakeView

KNOWS_NO_FUTURE = "knows_no_future"

_LISTED = 20


def knows_no_future(asset: str, *, n_cuts: int = LEAST_CUTS) -> dg.AssetCheckSpec:
    """Return the check that an asset reports once a run, with as many cuts as it is made with."""
    return dg.AssetCheckSpec(
        KNOWS_NO_FUTURE,
        asset=asset,
        description=f"The session made last, at {n_cuts} cuts: without the bars after a cut, or "
        "with others in their place, what is computed up to it has the bits of what is stored.",
    )


def check_last_made(
    view: LakeView,
    recipe: RecomputableRecipe,
    outcomes: Sequence[Outcome],
    *,
    n_cuts: int = LEAST_CUTS,
) -> dg.AssetCheckResult:
    """Return the result of `knows_no_future`; it passes where nothing was made."""
    found = leaks_of_last_made(view, recipe, outcomes, n_cuts=n_cuts)
    newest = last_made(outcomes)
    if found is None or newest is None:
        return dg.AssetCheckResult(
            check_name=KNOWS_NO_FUTURE, passed=True, metadata={"status": "nothing was made"}
        )
    metadata = {
        "partition": dg.MetadataValue.text(str(newest.key)),
        "cuts": dg.MetadataValue.int(found.n_cuts),
        "seconds": dg.MetadataValue.float(round(found.seconds, 3)),
    }
    if not found.passed:
        metadata["leaks"] = dg.MetadataValue.md(_listing(found))
    return dg.AssetCheckResult(check_name=KNOWS_NO_FUTURE, passed=found.passed, metadata=metadata)


def _listing(found: LeakOutcome) -> str:
    """Return the first cut at which each column changed, as a list."""
    first = {leak.feature: leak for leak in sorted(found.leaks, key=lambda x: x.cut, reverse=True)}
    lines = [
        f"- `{name}` at {leak.time:%Y-%m-%d %H:%M:%S} with rows after {leak.cut:%H:%M:%S} "
        f"{leak.change}"
        for name, leak in sorted(first.items())
    ]
    if found.error:
        lines.append(f"- {found.error}")
    more = [f"- and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return "\n".join([*lines[:_LISTED], *more])
