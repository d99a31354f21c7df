"""The footprint ladder as PNG: bid x ask at each price, bar beside bar."""

from typing import Any

import polars as pl

from quant_assets.bars.footprint_tables import FootprintRules
from quant_assets.reports.ladder import Ladder, build_ladder, busiest_bars, price_span, quantity
from quant_assets.reports.pictures import BLUE, RED, as_png, new_figure

N_BARS = 8
_MOST_ROWS = 60
_AREA, _POC, _FRAME = "#e8eef6", "#f2c14e", "#8a8f98"
_ROW_INCHES, _BAR_INCHES = 0.19, 1.35


def draw_ladder(
    rows: pl.DataFrame, bars: pl.DataFrame, *, bucket: int, rules: FootprintRules, title: str
) -> bytes:
    """Return the eight bars in a row that hold most volume as a ladder.

    Each cell reads bid x ask volume; the point of control is framed, the value area shaded, buy
    imbalances are blue and sell imbalances red. Under each bar stand its delta and its volume.

    Parameters
    ----------
    rows, bars
        Tables `footprint` and `footprint_bars`, in order.
    bucket
        Width of the rows in 1e-9.
    """
    shown = busiest_bars(bars, N_BARS)
    ladder = build_ladder(rows, shown, bucket=bucket, rules=rules, most_rows=_MOST_ROWS)
    width = ladder.bucket / 1e9
    low, high = price_span(ladder.cells["price"])
    n_rows = round((high - low) / width) + 1
    figure = new_figure((max(6.0, 1.2 + _BAR_INCHES * shown.height), 1.6 + _ROW_INCHES * n_rows))
    axes = figure.subplots()
    for cell in ladder.cells.iter_rows(named=True):
        _draw_cell(axes, cell, width)
    axes.set_xlim(-0.55, shown.height - 0.45)
    axes.set_ylim(low - width / 2, high + width)
    axes.set_xticks(range(shown.height), _captions(ladder), fontsize=8)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_title(title, fontsize=10)
    axes.set_ylabel("price, lower edge of the row", fontsize=8)
    return as_png(figure)


def _draw_cell(axes: Any, cell: dict[str, Any], width: float) -> None:
    """Draw one row of one bar."""
    from matplotlib.patches import Rectangle

    at, price = cell["at"], cell["price"]
    axes.add_patch(
        Rectangle(
            (at - 0.46, price - width * 0.46),
            0.92,
            width * 0.92,
            facecolor=_AREA if cell["in_value_area"] else "none",
            edgecolor=_POC if cell["is_poc"] else "none",
            linewidth=2.0,
        )
    )
    sides = (
        (quantity(cell["bid_volume"]), -0.06, "right", RED if cell["sell_imbalance"] else "black"),
        (quantity(cell["ask_volume"]), 0.06, "left", BLUE if cell["buy_imbalance"] else "black"),
    )
    for text, shift, align, colour in sides:
        weight = "normal" if colour == "black" else "bold"
        place = {"ha": align, "va": "center", "fontsize": 6.5}
        axes.text(at + shift, price, text, color=colour, weight=weight, **place)
    axes.text(at, price, "x", color=_FRAME, fontsize=6, ha="center", va="center")


def _captions(ladder: Ladder) -> list[str]:
    """Return what stands under each bar."""
    starts = ladder.bars["bar_start"].dt.strftime("%m-%d %H:%M")
    return [
        f"{start}\ndelta {_signed(delta)}\nvol {quantity(volume)}"
        for start, delta, volume in zip(
            starts, ladder.bars["delta"], ladder.bars["volume"], strict=True
        )
    ]


def _signed(value: float) -> str:
    """Return a quantity with its sign."""
    return f"{'-' if value < 0 else '+'}{quantity(abs(value))}"
