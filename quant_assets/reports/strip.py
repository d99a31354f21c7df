"""A scatter of figures between two axes as plain SVG, for pages that need no chart library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quant_assets.reports.pictures import BLUE, RED

_WIDTH, _HEIGHT = 760, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 46
_GRID, _INK = "#e3e6ea", "#4a4f57"


@dataclass(frozen=True)
class Mark:
    """One mark: its place, its trial, what it says when pointed at, and where it leads."""

    x: float
    y: float
    trial: str
    hint: str
    href: str = ""
    hollow: bool = False


def scatter_of(
    marks: Sequence[Mark], *, x: str, y: str, bar: float | None = None, note: str = ""
) -> dict[str, Any]:
    """Return lines, texts and marks of a scatter as places in the picture.

    Parameters
    ----------
    marks
        Their y is a ratio, 0 to 1; hollow ones are drawn in outline.
    x, y
        Titles of the axes.
    bar
        Height of a dashed line; None draws none.
    """
    low, high, steps = _round_span([mark.x for mark in marks])

    def across(value: float) -> float:
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    def up(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - value * (_HEIGHT - _TOP - _BOTTOM), 1)

    lines = [_line(across(v), _TOP, across(v), up(0.0), _GRID) for v in steps]
    lines += [_line(_LEFT, up(v), _WIDTH - _RIGHT, up(v), _GRID) for v in _QUARTERS]
    if bar is not None:
        lines.append(_line(_LEFT, up(bar), _WIDTH - _RIGHT, up(bar), RED) | {"dashed": True})
    texts = [_text(across(v), up(0.0) + 17, f"{v:.10g}", "middle") for v in steps]
    texts += [_text(_LEFT - 7, up(v) + 4, f"{100 * v:.0f} %", "end") for v in _QUARTERS]
    texts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, x, "middle"))
    texts.append(_text(15, (_TOP + up(0.0)) / 2, y, "middle") | {"turned": True})
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "note": note,
        "label": f"{y} against {x}, a mark each trial",
        "lines": lines,
        "texts": texts,
        "marks": [_drawn(mark, across(mark.x), up(mark.y)) for mark in marks],
    }


_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def _round_span(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Return the ends of an axis that holds the values, and about six round steps on it."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    width = max(high - low, 1e-3 * max(1.0, abs(low), abs(high)))
    power = 10.0 ** np.floor(np.log10(width / 5.0))
    step = float(next(power * n for n in (1.0, 2.0, 5.0, 10.0) if power * n >= width / 5.0))
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    last += last == first
    return first * step, last * step, [n * step for n in range(first, last + 1)]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> dict[str, Any]:
    """Return a line between two places."""
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "colour": colour, "dashed": False}


def _text(x: float, y: float, text: str, anchor: str) -> dict[str, Any]:
    """Return a text at a place."""
    return {"x": x, "y": y, "text": text, "anchor": anchor, "turned": False}


def _drawn(mark: Mark, x: float, y: float) -> Mapping[str, Any]:
    """Return a mark as a circle."""
    told = {"trial": mark.trial, "hint": mark.hint, "href": mark.href}
    return told | {
        "x": x,
        "y": y,
        "fill": "#fff" if mark.hollow else BLUE,
        "stroke": _INK if mark.hollow else BLUE,
    }
