"""The picture of a run that made signals: the newest sessions of one strategy on its prices."""

from collections.abc import Sequence

import polars as pl

from quant_assets.defs.pictures import newest
from quant_assets.reports.signal_picture import draw_signals
from quant_assets.workflows.ranges import Outcome
from quant_assets.workflows.recipes.neighbours import BARS
from quant_assets.workflows.view import LakeView


def signals_picture(view: LakeView, outcomes: Sequence[Outcome]) -> bytes | None:
    """Draw closes with the sides wanted and blocked, of the strategy that asks most often."""
    entries = [entry for one in newest(outcomes) for entry in one.entries if entry.rows]
    if not entries:
        return None
    asked: dict[str, int] = {}
    for entry in entries:
        name = entry.levels["strategy"]
        asked[name] = asked.get(name, 0) + int(entry.stats["asked"])
    strategy = max(sorted(asked), key=lambda name: asked[name])
    parts = []
    for entry in (one for one in entries if one.levels["strategy"] == strategy):
        for bars in view.at(BARS, entry.symbol, entry.day, timeframe=entry.levels["timeframe"]):
            closes = view.read(bars, ("bar_start", "close"))
            parts.append(closes.join(view.read(entry), on="bar_start", how="inner"))
    last = entries[-1]
    title = f"{last.symbol} {last.levels['timeframe']} to {last.session}: signals of {strategy}"
    return draw_signals(pl.concat(parts).sort("bar_start"), title=title) if parts else None
