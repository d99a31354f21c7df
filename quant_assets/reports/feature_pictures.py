"""Pictures of features as PNG bytes: the same figures give the same bytes."""

from collections.abc import Mapping

from quant_assets.reports.pictures import BLUE, RED, as_png, new_figure

_MOVED = 0.25
"""Siddiqi (2006): from here on a population counts as another one."""


def draw_drifts(drifts: Mapping[str, float], *, n_shown: int) -> bytes:
    """Return the features that have moved the farthest as bars, the farthest on top.

    Parameters
    ----------
    drifts
        Feature to its population stability index; ties stand by name.
    n_shown
        How many are drawn.
    """
    largest = sorted(drifts.items(), key=lambda pair: (-pair[1], pair[0]))[:n_shown]
    figure = new_figure()
    axes = figure.subplots()
    names = [name for name, _ in reversed(largest)]
    axes.barh(range(len(names)), [value for _, value in reversed(largest)], color=BLUE)
    axes.axvline(_MOVED, color=RED, linestyle="--", linewidth=1.0)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xlabel(f"population stability index; {_MOVED} and more is another population")
    axes.set_title(f"{len(largest)} of {len(drifts)} features that have moved the farthest")
    return as_png(figure)
