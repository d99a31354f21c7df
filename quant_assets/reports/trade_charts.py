"""Trades on the chart: closes of each symbol, with entries and exits marked."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from quant_assets.reports.numbers import count
from quant_assets.reports.pictures import BLUE, RED
from quant_assets.reports.sections import Chart, Section, lay_out

MOST_BARS = 1500
MOST_SYMBOLS = 4
_STAMP = "%H:%M:%S<br>%Y-%m-%d"
"""Two lines, so that a narrow page has room for some of them."""

_GREY = "#8a8f98"
_SIDES = (("long", "triangle-up", BLUE), ("short", "triangle-down", RED))


def price_sections(trades: pl.DataFrame, prices: Mapping[str, pl.DataFrame]) -> list[Section]:
    """Return one chart a symbol, of those with most trades.

    Parameters
    ----------
    trades
        In the columns of TRADES.
    prices
        By symbol: columns bar_start and close, in time order.

    Notes
    -----
    At most four symbols, and of each the 1,500 bars up to its last exit; the page says so.
    """
    traded = trades.group_by("symbol").len().sort("len", "symbol", descending=[True, False])
    symbols = [symbol for symbol in traded["symbol"] if symbol in prices]
    cut = len(symbols) > MOST_SYMBOLS
    which = f" The {MOST_SYMBOLS} symbols of {len(symbols)} with most trades are shown."
    return [
        _section(symbol, trades.filter(pl.col("symbol") == symbol), prices[symbol], which * cut)
        for symbol in symbols[:MOST_SYMBOLS]
    ]


def _section(symbol: str, trades: pl.DataFrame, bars: pl.DataFrame, which: str) -> Section:
    """Return the chart of one symbol."""
    shown = bars.filter(pl.col("bar_start") <= trades["exit_ts"].max()).tail(MOST_BARS)
    held = trades.filter(pl.col("entry_ts") >= shown["bar_start"].min())
    stamps = shown["bar_start"].dt.strftime(_STAMP)
    closes = {"x": stamps.to_list(), "y": shown["close"].to_list(), "name": "close"}
    traces: list[dict[str, Any]] = [
        closes | {"type": "scatter", "mode": "lines", "line": {"color": _GREY, "width": 1}},
        *_ways(held, shown),
        # Exits below entries: where a position is turned, both stand at one place.
        _exits(held, shown),
        *(_entries(held, shown, *side) for side in _SIDES),
    ]
    # Bars stand side by side: closed hours take no room, and a zoom names other bars.
    x_axis = {"type": "category", "nticks": 8, "tickangle": 0, "showgrid": False}
    layout = lay_out(x="start of the bar, UTC", y="price", legend=True, x_axis=x_axis)
    note = (
        f"Closes of the {count(shown.height)} bars up to the last exit, without closed hours; "
        f"{count(held.height)} of {count(trades.height)} trades.{which}"
    )
    chart = Chart(f"trades_{symbol}", traces, layout, tall=True)
    return Section(f"Trades in {symbol}", note=note, chart=chart)


def _bar_of(trades: pl.DataFrame, bars: pl.DataFrame, column: str) -> list[str]:
    """Return the start of the bar that an instant of each trade lies in."""
    starts = bars.select(bar_start="bar_start", at="bar_start").sort("at")
    instants = trades.select(pl.col(column).alias("at")).with_row_index("row").sort("at")
    found = instants.join_asof(starts, on="at", strategy="backward").sort("row")
    return found["bar_start"].dt.strftime(_STAMP).to_list()


def _ways(trades: pl.DataFrame, bars: pl.DataFrame) -> list[dict[str, Any]]:
    """Return lines from entry to exit, those of gains apart from those of losses."""
    lines = []
    for name, dash, colour, is_own in (
        ("gain", "solid", BLUE, pl.col("net") > 0.0),
        ("loss", "dot", RED, pl.col("net") <= 0.0),
    ):
        own = trades.filter(is_own)
        starts, ends = _bar_of(own, bars, "entry_ts"), _exit_bars(own, bars)
        x = [at for pair in zip(starts, ends, strict=True) for at in (*pair, None)]
        prices = own.select("entry_price", "exit_price").iter_rows()
        y = [price for pair in prices for price in (*pair, None)]
        line = {"color": colour, "dash": dash, "width": 1.5}
        lines.append({"x": x, "y": y, "line": line, "name": f"{name} ({count(own.height)})"})
    style = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "connectgaps": False}
    return [style | line for line in lines]


def _entries(
    trades: pl.DataFrame, bars: pl.DataFrame, side: str, symbol: str, colour: str
) -> dict[str, Any]:
    """Return the entries of one side."""
    own = trades.filter(pl.col("side").cast(pl.String) == side)
    text = [f"{trade} {side} {qty:g}" for trade, qty in own.select("trade_id", "qty").iter_rows()]
    marker = {"symbol": symbol, "color": colour, "size": 8}
    return {
        "type": "scatter", "mode": "markers", "name": f"{side} entry", "marker": marker,
        "x": _bar_of(own, bars, "entry_ts"), "y": own["entry_price"].to_list(), "text": text,
    }  # fmt: skip


def _exits(trades: pl.DataFrame, bars: pl.DataFrame) -> dict[str, Any]:
    """Return the exits, each with its reason and its net result."""
    told = trades.select("trade_id", pl.col("exit_reason").cast(pl.String), "net").iter_rows()
    marker = {"symbol": "circle-open", "color": "#1c1f23", "size": 11}
    return {
        "type": "scatter", "mode": "markers", "name": "exit", "marker": marker,
        "x": _exit_bars(trades, bars), "y": trades["exit_price"].to_list(),
        "text": [f"{trade} {reason}, net {net:,.2f}" for trade, reason, net in told],
    }  # fmt: skip


def _exit_bars(trades: pl.DataFrame, bars: pl.DataFrame) -> list[str]:
    """Return the bar that each exit lies in; one at a bar's end belongs to the bar before."""
    earlier = pl.col("exit_ts") - pl.duration(nanoseconds=1)
    inside = trades.with_columns(exit_ts=pl.max_horizontal(earlier, "entry_ts"))
    return _bar_of(inside, bars, "exit_ts")
