"""The picture of a run that made regimes: its newest sessions, and the states up to them."""

from collections.abc import Sequence

import polars as pl

from quant_assets.defs.pictures import newest
from quant_assets.features.regime_schema import REGIME_MODELS, REGIMES
from quant_assets.reports.regime_picture import draw_regimes
from quant_assets.workflows.ranges import Outcome
from quant_assets.workflows.recipes.neighbours import BARS
from quant_assets.workflows.view import LakeView

_MOST_STATES = 60


def regimes_picture(view: LakeView, outcomes: Sequence[Outcome]) -> bytes | None:
    """Draw closes by regime, and the centres of the last states, for the last symbol."""
    made = [e for one in newest(outcomes) for e in one.entries if e.table == REGIMES.name]
    parts = []
    for entry in made:
        bars = view.at(BARS, entry.symbol, entry.day, timeframe=entry.levels["timeframe"])
        labels = view.read(entry, ("bar_start", "mixture_label"))
        parts += [
            labels.join(view.read(one, ("bar_start", "close")), on="bar_start") for one in bars
        ]
    if not any(part.height for part in parts):
        return None
    last = made[-1]
    title = f"{last.symbol} {last.levels['timeframe']} to {last.session}: regimes of the mixture"
    states = [
        view.read(state)
        for day in view.sessions(REGIME_MODELS.name, last.symbol)
        for state in view.at(REGIME_MODELS.name, last.symbol, day, **dict(last.levels))
        if day <= last.day
    ][-_MOST_STATES:]
    return draw_regimes(
        pl.concat(parts).sort("bar_start"),
        pl.concat([REGIME_MODELS.empty(), *states]),
        title=title,
    )
