"""A picture of a session's levels: the same figures give the same bytes."""

import numpy as np
import polars as pl

from quant_assets.reports.pictures import BLUE, RED, as_png, new_figure, thin_rows

_MOST_POINTS = 4000
_GREEN, _GREY = "#2c7a4b", "#8a8f98"

_LINES = {
    "session_vwap": ("VWAP", RED, "-"),
    "session_poc": ("POC", _GREEN, ":"),
    "previous_day_high": ("high and low of the day before", _GREY, "--"),
    "previous_day_low": (None, _GREY, "--"),
}
"""Levels drawn as lines: label, colour and style."""

_AREAS = (
    ("session_vwap_lower_1", "session_vwap_upper_1", "VWAP, 1 deviation", RED, 0.15),
    ("session_vwap_lower_2", "session_vwap_upper_2", "VWAP, 2 deviations", RED, 0.08),
    ("session_val", "session_vah", "value area", _GREEN, 0.18),
)
"""Levels drawn as areas between two: label, colour and opacity."""

LEVELS_DRAWN = (*_LINES, *(name for low, high, *_ in _AREAS for name in (low, high)))
"""Columns that `draw_levels` reads besides bar_start and close."""


def draw_levels(rows: pl.DataFrame, *, title: str) -> bytes:
    """Return closes over VWAP, its bands, the value area and the marks of the day before.

    A level is drawn as it was known at each bar's end, so its line has steps; a null leaves a gap.

    Parameters
    ----------
    rows
        Columns bar_start, close and `LEVELS_DRAWN`, of one session in time order; no rows give an
        empty picture.
    """
    figure = new_figure()
    axes = figure.subplots()
    shown = thin_rows(rows, _MOST_POINTS)
    place = np.arange(shown.height)
    for low, high, label, colour, opacity in _AREAS:
        edges = (_values(shown, low), _values(shown, high))
        axes.fill_between(
            place, *edges, color=colour, alpha=opacity, linewidth=0.0, label=label, step="post"
        )
    for name, (text, colour, style) in _LINES.items():
        axes.plot(
            place,
            _values(shown, name),
            color=colour,
            linestyle=style,
            linewidth=0.9,
            label=text,
            drawstyle="steps-post",
        )
    axes.plot(place, _values(shown, "close"), color=BLUE, linewidth=1.0, label="close")
    axes.set_title(title)
    axes.set_ylabel("price")
    axes.ticklabel_format(axis="y", useOffset=False)
    if shown.height:
        ticks = np.unique(np.linspace(0, shown.height - 1, 6).astype(int))
        axes.set_xticks(
            ticks, shown["bar_start"].dt.strftime("%m-%d %H:%M").gather(ticks).to_list()
        )
        axes.legend(fontsize=7, loc="best")
    return as_png(figure)


def _values(rows: pl.DataFrame, name: str) -> np.ndarray:
    """Return a column as float64, NaN for null."""
    return rows[name].cast(pl.Float64).to_numpy()
