"""A picture of signals: prices with the sides wanted, and those that were blocked."""

from typing import Any

import numpy as np
import polars as pl

from quant_assets.reports.pictures import BLUE, RED, as_png, new_figure
from quant_assets.signals.schema import BLOCKED

_MOST_BARS = 1000
_LINE = "#8a8f98"
_WHY = {"unconfirmed": ("D", "#b7791f"), "regime": ("s", "#6b3fa0")}
"""Shape and colour of what was blocked, by its reason."""


def draw_signals(rows: pl.DataFrame, *, title: str) -> bytes:
    """Return closes bar by bar without gaps for closed hours, marked where a side is wanted.

    Parameters
    ----------
    rows
        Columns bar_start, close, side, asked and blocked, in time order; the last 1,000 are
        drawn. No rows give an empty picture.

    Notes
    -----
    Longs point up and shorts down, so that they are told apart without colours; what was blocked
    is hollow.
    """
    figure = new_figure((9.0, 4.5))
    axes = figure.subplots()
    shown = rows.tail(_MOST_BARS)
    cut = f" (last {shown.height:,} of {rows.height:,} bars)" if shown.height < rows.height else ""
    axes.set_title(f"{title}{cut}", fontsize=10)
    axes.set_xlabel("start of the bar, UTC", fontsize=8)
    axes.set_ylabel("close")
    axes.ticklabel_format(axis="y", useOffset=False)
    place, close = np.arange(shown.height), shown["close"].to_numpy()
    axes.plot(place, close, color=_LINE, linewidth=0.8)
    side = shown["side"].to_numpy()
    for sign, marker, colour, name in ((1, "^", BLUE, "long"), (-1, "v", RED, "short")):
        _mark(axes, place, close, side == sign, marker=marker, color=colour, label=name)
    blocked = shown["blocked"].cast(pl.String).fill_null("").to_numpy()
    for reason in BLOCKED:
        marker, colour = _WHY[reason]
        style = {"marker": marker, "facecolor": "none", "edgecolor": colour}
        _mark(axes, place, close, blocked == reason, label=f"blocked: {reason}", **style)
    _name_bars(axes, shown)
    if shown.height:
        axes.legend(fontsize=7, loc="upper center", ncols=4, bbox_to_anchor=(0.5, -0.15))
    else:
        axes.text(0.5, 0.5, "no signals", ha="center", transform=axes.transAxes)
    return as_png(figure)


def _mark(
    axes: Any, place: np.ndarray, close: np.ndarray, at: np.ndarray, *, label: str, **style: Any
) -> None:
    """Mark some bars, and count them in the legend."""
    n_marked = int(at.sum())
    size = min(36.0, max(8.0, 6000.0 / max(1, n_marked)))
    style = {"linewidths": 0.8, "s": size, "zorder": 3} | style
    axes.scatter(place[at], close[at], label=f"{label} ({n_marked:,})", **style)


def _name_bars(axes: Any, shown: pl.DataFrame) -> None:
    """Write the starts of about six bars below the axis, in UTC."""
    if shown.height:
        ticks = np.unique(np.linspace(0, shown.height - 1, 6).astype(int))
        texts = shown["bar_start"].dt.strftime("%m-%d %H:%M").gather(ticks)
        axes.set_xticks(ticks, texts.to_list(), fontsize=8)
