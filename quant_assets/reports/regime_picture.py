"""A picture of regimes: which one each bar is in, and what each has meant from state to state."""

from typing import Any

import numpy as np
import polars as pl

from quant_assets.features.regime_schema import MIXTURE
from quant_assets.reports.pictures import as_png, new_figure, thin_rows

_MOST_POINTS = 4000
_BASIS_POINTS = 10_000.0
_NO_LABEL = "#c4c8cf"
_COLOURS = (
    "#1f5fa8", "#2c7a4b", "#b3261e", "#b7791f", "#6b3fa0", "#0f7f8c", "#8c4a2f", "#4a4f58",
)  # fmt: skip
"""A colour a regime, as many as the settings allow; the first three are those by default."""


def draw_regimes(rows: pl.DataFrame, states: pl.DataFrame, *, title: str) -> bytes:
    """Return closes in the colour of their regime, above the centres of each regime by state.

    Centres of a regime are joined by a line: where its meaning stays the same, lines keep apart
    and do not cross.

    Parameters
    ----------
    rows
        Columns bar_start, close and mixture_label of some sessions, in time order; bars without a
        label are grey. No rows give an empty picture.
    states
        Table `regime_models` of some sessions; rows of other kinds than the mixture are passed
        over.
    """
    figure = new_figure((8.0, 6.0))
    upper, middle, lower = figure.subplots(3, 1, height_ratios=(3, 1, 1))
    upper.set_title(title)
    _draw_closes(upper, thin_rows(rows, _MOST_POINTS))
    mixture = states.filter(pl.col("kind") == MIXTURE).sort("session", "label")
    volatility = pl.col("mean_log_volatility").exp() * _BASIS_POINTS
    _draw_centres(middle, mixture.with_columns(volatility.alias("centre")))
    middle.set_ylabel("volatility\nbp a bar")
    _draw_centres(lower, mixture.with_columns(pl.col("mean_drift").alias("centre")))
    lower.set_ylabel("drift\ndeviations")
    lower.set_xlabel("session that a state was fitted at")
    return as_png(figure)


def _draw_closes(axes: Any, shown: pl.DataFrame) -> None:
    """Draw closes bar by bar, without gaps for closed hours."""
    place = np.arange(shown.height)
    close = shown["close"].to_numpy()
    labels = shown["mixture_label"].fill_null(-1).to_numpy()
    size = min(20.0, max(3.0, 2000.0 / max(1, shown.height)))
    for label in np.unique(labels):
        at = labels == label
        name, colour = ("no label", _NO_LABEL) if label < 0 else (str(label), _COLOURS[label])
        axes.scatter(place[at], close[at], s=size, linewidths=0.0, color=colour, label=name)
    axes.set_ylabel("close")
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.grid(visible=True, alpha=0.25)
    if shown.height:
        ticks = np.unique(np.linspace(0, shown.height - 1, 6).astype(int))
        texts = shown["bar_start"].dt.strftime("%m-%d %H:%M").gather(ticks)
        axes.set_xticks(ticks, texts.to_list(), fontsize=7)
        axes.legend(
            title="regime",
            fontsize=7,
            title_fontsize=7,
            markerscale=(20.0 / size) ** 0.5,
            loc="best",
        )


def _draw_centres(axes: Any, mixture: pl.DataFrame) -> None:
    """Draw a regime's centre at each state as a line with marks."""
    sessions = mixture["session"].unique().sort()
    places = {session: place for place, session in enumerate(sessions)}
    for (label,), own in mixture.group_by("label", maintain_order=True):
        at = [places[session] for session in own["session"]]
        colour = _COLOURS[int(str(label))]
        axes.plot(at, own["centre"].to_numpy(), color=colour, linewidth=0.9, marker="o", ms=2.5)
    axes.grid(visible=True, alpha=0.25)
    if len(sessions):
        ticks = np.unique(np.linspace(0, len(sessions) - 1, 6).astype(int))
        axes.set_xticks(ticks, sessions.gather(ticks).cast(pl.String).to_list(), fontsize=7)
