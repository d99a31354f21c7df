"""The picture of the asset `footprint`: the busiest bars of the newest session as a ladder."""

from collections.abc import Sequence

from quant_assets.bars.footprint import RULES
from quant_assets.bars.footprint_schema import FOOTPRINT, FOOTPRINT_BARS
from quant_assets.defs.pictures import newest
from quant_assets.market.tick_size import price_units
from quant_assets.reports.ladder_picture import draw_ladder
from quant_assets.workflows.ranges import Outcome
from quant_assets.workflows.view import LakeView


def footprint_picture(view: LakeView, outcomes: Sequence[Outcome]) -> bytes | None:
    """Draw bid x ask volume by price of the newest session that has ticks."""
    for outcome in reversed(newest(outcomes)):
        entries = {entry.table: entry for entry in reversed(outcome.entries)}
        if FOOTPRINT.name in entries and entries[FOOTPRINT.name].rows:
            rows = entries[FOOTPRINT.name]
            levels = rows.levels
            return draw_ladder(
                view.read(rows),
                view.read(entries[FOOTPRINT_BARS.name]),
                bucket=price_units(levels["bucket"]),
                rules=RULES,
                title=f"{levels['symbol']} {rows.session}, busiest stretch of "
                f"{levels['timeframe']} bars: bid x ask",
            )
    return None
