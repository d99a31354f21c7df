"""The picture of a run that made levels: the newest session of one symbol."""

from collections.abc import Sequence

from quant_assets.reports.level_pictures import LEVELS_DRAWN, draw_levels
from quant_assets.workflows.ranges import Outcome
from quant_assets.workflows.recipe import Status
from quant_assets.workflows.recipes.neighbours import research_bars
from quant_assets.workflows.view import LakeView


def levels_picture(view: LakeView, outcomes: Sequence[Outcome]) -> bytes | None:
    """Draw closes and levels of the newest session that was made of the last symbol."""
    made = [one for one in outcomes if one.status is Status.MADE and one.rows]
    if not made:
        return None
    newest = max(made, key=lambda one: one.key)
    bars = research_bars(view, newest.key.symbol, newest.key.session)
    if bars is None:
        return None
    (entry,) = newest.entries
    levels = view.read(entry, ("bar_start", *LEVELS_DRAWN))
    rows = levels.join(view.read(bars, ("bar_start", "close")), on="bar_start", how="left")
    title = f"{newest.key.symbol} {newest.key.session}, levels known at each bar's end"
    return draw_levels(rows.sort("bar_start"), title=title)
