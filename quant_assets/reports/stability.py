"""Parameter stability: how good a strategy's neighbours in its sweep are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from quant_assets.reports.meanings import title_of
from quant_assets.reports.numbers import amount, count
from quant_assets.reports.pictures import BLUE, RED
from quant_assets.reports.sections import Chart, Section, lay_out
from quant_assets.reports.sweep_frames import key_values

MOST_KEYS = 6


@dataclass(frozen=True)
class Stability:
    """What a sweep tells of the neighbourhood of one of its trials.

    Parameters
    ----------
    neighbours
        A column for each varied key and one for the metric; the strategy's own row among them.
    varied
        Names of the keys.
    metric
        Name of the metric's column.
    own
        Value of each key in the strategy.
    plateau
        Plateau score of the strategy; None where there is none.
    """

    neighbours: pl.DataFrame
    varied: Sequence[str]
    metric: str
    own: Mapping[str, object]
    plateau: float | None = None


def stability_sections(stability: Stability) -> list[Section]:
    """Return one chart a varied key: the metric of the neighbours, with the own value marked.

    At most six keys are drawn.
    """
    known = stability.neighbours.drop_nulls(stability.metric)
    score = "" if stability.plateau is None else f" Plateau score {amount(stability.plateau, 3)}."
    cut = len(stability.varied) > MOST_KEYS
    which = f" The first {MOST_KEYS} of {len(stability.varied)} keys are drawn." * cut
    note = f"{count(known.height)} trials of its sweep, itself among them.{score}{which}"
    if known.is_empty():
        return [Section("Parameter stability", note=note)]
    return [
        Section(
            f"Parameter stability: {title_of(stability.metric)} by {key}",
            note=note if place == 0 else "",
            chart=_chart(known, stability, key, place),
        )
        for place, key in enumerate(stability.varied[:MOST_KEYS])
    ]


def _chart(known: pl.DataFrame, stability: Stability, key: str, place: int) -> Chart:
    """Return the metric by one key: each trial, the best of each value, and the strategy's."""
    values = key_values(known[key])
    rows = known.select(pl.Series("value", values.texts), pl.col(stability.metric).alias("metric"))
    best = dict(rows.group_by("value").agg(pl.col("metric").max()).iter_rows())
    own = key_values(pl.Series([stability.own[key]])).texts[0]
    is_own = pl.all_horizontal(
        pl.Series(key_values(known[name]).texts) == _text_of(stability.own[name])
        for name in stability.varied
    )
    mine = known.filter(is_own)[stability.metric].to_list()
    traces = [
        {"mode": "markers", "name": "trial", "x": rows["value"].to_list(),
         "y": rows["metric"].to_list(), "marker": {"color": "#8a8f98", "size": 6, "opacity": 0.6}},
        {"mode": "lines+markers", "name": "best by value", "x": values.ordered,
         "y": [best[text] for text in values.ordered], "line": {"color": BLUE, "width": 1.5}},
        {"mode": "markers", "name": "this strategy", "x": [own] * len(mine), "y": mine,
         "marker": {"color": RED, "size": 11, "symbol": "diamond"}},
    ]  # fmt: skip
    axis = {"type": "category", "categoryorder": "array", "categoryarray": values.ordered}
    layout = lay_out(x=key, y=title_of(stability.metric), legend=True, x_axis=axis)
    return Chart(f"stability_{place}", [t | {"type": "scatter"} for t in traces], layout)


def _text_of(value: object) -> str:
    """Return a value as the charts write it."""
    return key_values(pl.Series([value])).texts[0]
