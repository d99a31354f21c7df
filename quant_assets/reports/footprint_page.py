"""The footprint as an interactive page: one HTML file that makes no request."""

from typing import Any

import polars as pl

from quant_assets.bars.footprint_tables import FootprintRules
from quant_assets.market.tick_size import price_name
from quant_assets.reports.ladder import Ladder, build_ladder, price_span, quantity
from quant_assets.reports.numbers import count, exact, script_json
from quant_assets.reports.page import render
from quant_assets.reports.pictures import BLUE, RED
from quant_assets.reports.templates import FOOTPRINT

MOST_BARS = 240
_MOST_CELLS = 6_000
_MOST_ROWS = 400
_BARS_IN_VIEW = 12
_POC = "#d99a00"
_NEUTRAL, _BUYERS, _SELLERS = (247, 247, 247), (150, 187, 226), (240, 165, 158)
"""Red, green and blue of a row without delta, and of rows that one side fills: light under text."""
_TYPICAL_SHARE = 0.95


def build_footprint_page(
    rows: pl.DataFrame,
    bars: pl.DataFrame,
    *,
    bucket: int,
    rules: FootprintRules,
    title: str,
    source: str,
    synthetic: bool,
) -> str:
    """Return a page with the last bars as a ladder, their delta and the running delta below.

    Parameters
    ----------
    rows, bars
        Tables `footprint` and `footprint_bars`, in order.
    bucket
        Width of the rows in 1e-9.
    title, source
        What is shown, and what it was made from, as text.

    Notes
    -----
    A browser draws each cell as an element of its own, so only the last bars are shown: 240 at
    most, and of those as many as have 6,000 cells together.
    """
    from plotly.offline import get_plotlyjs

    shown = _last_bars(rows, bars)
    ladder = build_ladder(rows, shown, bucket=bucket, rules=rules, most_rows=_MOST_ROWS)
    return render(
        FOOTPRINT,
        title=title,
        subtitle=_subtitle(bars, shown, ladder, bucket),
        synthetic=synthetic,
        chart_json=script_json(_chart(ladder)),
        rules=_meanings(rules),
        source=source,
        plotly_js=get_plotlyjs(),
    )


def _last_bars(rows: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """Return the last bars that a browser can draw; one at least."""
    per_bar = rows.group_by("session", "bar_start", maintain_order=True).len().reverse()
    fitting = int((per_bar["len"].cum_sum() <= _MOST_CELLS).sum())
    return bars.tail(max(1, min(fitting, MOST_BARS)))


def _subtitle(bars: pl.DataFrame, shown: pl.DataFrame, ladder: Ladder, bucket: int) -> str:
    """Say which bars are shown, and how wide a row is."""
    if bars.is_empty():
        return "no bars"
    first, last = (shown["bar_start"][place] for place in (0, -1))
    which = f"last {count(shown.height)} of {count(bars.height)} bars"
    span = f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
    rows = f"rows of {price_name(ladder.bucket)}"
    if ladder.bucket != bucket:
        rows += f", each {ladder.bucket // bucket} of the footprint's put together"
    return f"{which}, {span}; {rows}"


def _chart(ladder: Ladder) -> dict[str, Any]:
    """Return the traces and the layout of the ladder and of delta below it."""
    bars, cells = ladder.bars, ladder.cells
    places = list(range(bars.height))
    names = bars["bar_start"].dt.strftime("%m-%d %H:%M:%S").to_list()
    delta = bars["delta"].to_list()
    traces = [
        _cells(cells, ladder.bucket / 1e9),
        *_sides(cells),
        _crosses(cells),
        _points_of_control(cells),
        *_area_ends(ladder),
        {
            "type": "bar", "x": places, "y": delta, "yaxis": "y2", "name": "delta",
            "marker": {"color": [BLUE if value >= 0 else RED for value in delta]},
        },
        {
            "type": "scatter", "mode": "lines", "x": places, "y": bars["cum_delta"].to_list(),
            "yaxis": "y3", "name": "cumulative delta of the session", "line": {"color": "#555"},
        },
    ]  # fmt: skip
    return {"data": traces, "layout": _layout(ladder, places, names)}


def _cells(cells: pl.DataFrame, width: float) -> dict[str, Any]:
    """Return the coloured cells, with all their figures when pointed at."""
    hover = [
        f"{exact(price)}<br>bid {exact(bid)} x ask {exact(ask)}"
        f"<br>unknown {exact(unknown)}<br>delta {exact(delta)}<br>{trades:,} trades"
        for price, bid, ask, unknown, delta, trades in cells.select(
            "price", "bid_volume", "ask_volume", "unknown_volume", "delta", "trades"
        ).iter_rows()
    ]
    return {
        "type": "bar", "base": (cells["price"] - width / 2).to_list(), "x": cells["at"].to_list(),
        "y": [width] * cells.height, "width": 0.94, "name": "delta of the row", "text": hover,
        "hovertemplate": "%{text}<extra></extra>", "textposition": "none",
        "marker": {
            "color": _colours(cells["delta"]),
            "line": {
                "color": ["#9aa4b2" if held else "#f0f0f0" for held in cells["in_value_area"]],
                "width": 1,
            },
        },
    }  # fmt: skip


def _colours(delta: pl.Series) -> list[str]:
    """Return a colour a row by its delta; beyond what 19 rows of 20 have, the full one."""
    reach = delta.abs().quantile(_TYPICAL_SHARE) or delta.abs().max() or 1.0
    return [_mixed(value / float(reach)) for value in delta]  # type: ignore[arg-type]


def _mixed(share: float) -> str:
    """Return a colour between neutral and one side's, as `#rrggbb`."""
    full = _BUYERS if share > 0 else _SELLERS
    weight = min(1.0, abs(share))
    parts = (round(a + weight * (b - a)) for a, b in zip(_NEUTRAL, full, strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


def _sides(cells: pl.DataFrame) -> list[dict[str, Any]]:
    """Return bid and ask volume as text, imbalances coloured."""
    sides = (
        ("bid", "bid_volume", "sell_imbalance", "middle left", RED, -0.03),
        ("ask", "ask_volume", "buy_imbalance", "middle right", BLUE, 0.03),
    )
    return [
        {
            "type": "scatter", "mode": "text", "name": f"{name} volume", "hoverinfo": "skip",
            "x": (cells["at"] + shift).to_list(), "y": cells["price"].to_list(),
            "text": [
                f"<b>{quantity(value)}</b>" if strong else quantity(value)
                for value, strong in cells.select(column, mark).iter_rows()
            ],
            "textposition": position,
            "textfont": {"size": 10, "color": [colour if m else "#222" for m in cells[mark]]},
        }
        for name, column, mark, position, colour, shift in sides
    ]  # fmt: skip


def _crosses(cells: pl.DataFrame) -> dict[str, Any]:
    """Return the x between bid and ask."""
    return {
        "type": "scatter", "mode": "text", "hoverinfo": "skip", "showlegend": False,
        "x": cells["at"].to_list(), "y": cells["price"].to_list(), "text": ["x"] * cells.height,
        "textfont": {"size": 8, "color": "#8a8f98"},
    }  # fmt: skip


def _points_of_control(cells: pl.DataFrame) -> dict[str, Any]:
    """Return a frame round each bar's point of control."""
    held = cells.filter("is_poc")
    return {
        "type": "scatter", "mode": "markers", "name": "point of control", "hoverinfo": "skip",
        "x": (held["at"] - 0.44).to_list(), "y": held["price"].to_list(),
        "marker": {"symbol": "triangle-right", "size": 9, "color": _POC},
    }  # fmt: skip


def _area_ends(ladder: Ladder) -> list[dict[str, Any]]:
    """Return the two ends of each bar's value area as short lines."""
    half = ladder.bucket / 2e9
    held = ladder.cells.filter("in_value_area").group_by("at", maintain_order=True)
    ends = held.agg(high=pl.col("price").max() + half, low=pl.col("price").min() - half)
    return [
        {
            "type": "scatter", "mode": "lines", "hoverinfo": "skip",
            "name": f"value area {end}", "line": {"color": "#30363d", "width": 1.5},
            "x": [x for at in ends["at"] for x in (at - 0.47, at + 0.47, None)],
            "y": [y for price in ends[end] for y in (price, price, None)],
        }
        for end in ("high", "low")
    ]  # fmt: skip


def _layout(ladder: Ladder, places: list[int], names: list[str]) -> dict[str, Any]:
    """Return axes: the ladder above, delta and cumulative delta below; it opens at the end."""
    first = max(0, len(places) - _BARS_IN_VIEW)
    low, high = price_span(ladder.cells.filter(pl.col("at") >= first)["price"])
    margin = 2 * ladder.bucket / 1e9
    return {
        "height": 900, "barmode": "overlay", "dragmode": "pan", "showlegend": True,
        "legend": {"orientation": "h", "y": 1.06}, "font": {"size": 11},
        "margin": {"l": 70, "r": 20, "t": 40, "b": 60},
        "xaxis": {
            "range": [first - 0.6, len(places) - 0.4], "tickvals": places, "ticktext": names,
            "anchor": "y3", "nticks": 20,
        },
        "yaxis": {
            "domain": [0.32, 1.0], "range": [low - margin, high + margin],
            "title": {"text": "price"}, "tickformat": "~f", "exponentformat": "none",
        },
        "yaxis2": {
            "domain": [0.17, 0.29], "title": {"text": "delta"}, "exponentformat": "none",
            "range": _span(ladder.bars["delta"][first:], through_zero=True),
        },
        "yaxis3": {
            "domain": [0.0, 0.14], "title": {"text": "cum. delta"}, "exponentformat": "none",
            "range": _span(ladder.bars["cum_delta"][first:], through_zero=False),
        },
    }  # fmt: skip


def _span(values: pl.Series, *, through_zero: bool) -> list[float]:
    """Return the range of an axis that shows some values, a tenth wider than they are."""
    low, high = price_span(values)
    low, high = (min(low, 0.0), max(high, 0.0)) if through_zero else (low, high)
    margin = 0.1 * (high - low) or 1.0
    return [low - margin, high + margin]


def _meanings(rules: FootprintRules) -> list[tuple[str, str]]:
    """Return what is marked, and by which rule."""
    ratio, least = rules.imbalance_ratio, rules.imbalance_volume
    return [
        ("bid x ask", "volume of selling x of buying aggressors at the price"),
        ("blue ask", f"imbalance: at least {least:g}, and {ratio:g} times the bid one row below"),
        ("red bid", f"imbalance: at least {least:g}, and {ratio:g} times the ask one row above"),
        ("triangle", "point of control: the row of the most volume, the lowest of equals"),
        ("dark lines", f"value area: {100 * rules.value_area_share:.0f} % of the volume or more"),
        ("colour of a row", "delta: ask less bid volume, blue where buyers outweigh"),
    ]
