"""Parts of a page: a heading with a note, a chart and a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TEXT, PROSE = "text", "prose"
"""Kinds of columns that are no figures: one line each, or wrapped."""

SORTED = "Click a heading, or press Enter on it, to sort."

FONT = {"family": "system-ui, sans-serif", "size": 12, "color": "#1c1f23"}
_GRID = "#e3e6ea"


@dataclass(frozen=True)
class Chart:
    """A chart of plotly: traces and layout under a fixed id."""

    name: str
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    tall: bool = False

    def to_mapping(self) -> dict[str, Any]:
        """Return the chart as the page's script reads it."""
        return {"id": self.name, "data": list(self.traces), "layout": dict(self.layout)}


@dataclass(frozen=True)
class Column:
    """Heading of a column; without a kind it holds figures, which stand right."""

    title: str
    kind: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class TextTable:
    """A table of texts, row by row in the order of its columns."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    sortable: bool = False


@dataclass(frozen=True)
class Section:
    """A headed part of a page."""

    title: str
    note: str = ""
    chart: Chart | None = None
    table: TextTable | None = None


def lay_out(
    *,
    x: str = "",
    y: str = "",
    legend: bool = False,
    x_axis: Mapping[str, Any] | None = None,
    y_axis: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a layout with named axes; the upper margin is the place of the buttons.

    Figures are written whole: plotly would shorten 100,000 to 100k.
    """
    whole = {"exponentformat": "none", "separatethousands": True, "gridcolor": _GRID}
    return {
        "margin": {"l": 76, "r": 16, "t": 34, "b": 54},
        "font": FONT,
        "plot_bgcolor": "#fff",
        "showlegend": legend,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0.0},
        "xaxis": {"title": {"text": x}, "gridcolor": _GRID, "automargin": True}
        | dict(x_axis or {}),
        "yaxis": whole
        | {"title": {"text": y, "standoff": 10}, "automargin": True}
        | dict(y_axis or {}),
    } | more


def script_charts(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Return the charts of a page in the order of their places."""
    return [section.chart.to_mapping() for section in sections if section.chart is not None]
