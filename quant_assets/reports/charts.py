"""Charts of a tear sheet, as plotly's data and layout."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from quant_assets.backtests.engine import Result
from quant_assets.reports.numbers import count, instant
from quant_assets.reports.pictures import BLUE, RED, thin_rows

_MOST_POINTS = 4000
_MOST_BARS = 2000
_FONT = {"family": "system-ui, sans-serif", "size": 12, "color": "#1c1f23"}

# Between two marks the account is unknown: a slope over a weekend would be an invention.
_STEPS = {"type": "scatter", "mode": "lines"}


def build_charts(
    result: Result, returns: pl.DataFrame, *, currency: str = "USD"
) -> list[dict[str, Any]]:
    """Return equity, drawdown, session returns and results of trades, under fixed ids.

    Parameters
    ----------
    returns
        Columns session and return, as a ratio.

    Notes
    -----
    A browser draws each bar as an element of its own, so only the last 2,000 trades have one.
    """
    shown = thin_rows(result.equity, _MOST_POINTS)
    ts = [instant(value) for value in shown["ts"]]
    days = [day.isoformat() for day in returns["session"]]
    depth = [100.0 * value for value in shown["drawdown"]]
    daily = [100.0 * value for value in returns["return"]]
    net = result.trades["net"].tail(_MOST_BARS).to_list()
    n_trades = result.trades.height
    last = f", last {count(len(net))} of {count(n_trades)}" if len(net) < n_trades else ""
    return [
        _chart(
            "equity",
            f"Equity, {currency}",
            {"x": ts, "y": shown["equity"].to_list(), "line": _line(BLUE)} | _STEPS,
        ),
        _chart(
            "drawdown",
            "Drawdown, %",
            {"x": ts, "y": depth, "line": _line(RED), "fill": "tozeroy"} | _STEPS,
        ),
        _chart(
            "returns",
            "Return by session, %",
            {"x": days, "y": daily, "type": "bar", "marker": {"color": BLUE}},
        ),
        _chart(
            "results",
            f"Net result by trade, {currency}{last}",
            {"x0": n_trades - len(net) + 1, "dx": 1, "y": net}
            | {"type": "bar", "marker": {"color": BLUE}},
            axis="trade, in order of entry",
        ),
    ]


def _line(colour: str) -> dict[str, Any]:
    """Return a line that stays at each mark until the next."""
    return {"color": colour, "shape": "hv", "width": 1.5}


def _chart(name: str, title: str, trace: Mapping[str, Any], *, axis: str = "") -> dict[str, Any]:
    """Return one chart of one trace; the upper margin is the place of the buttons."""
    layout = {
        "margin": {"l": 70, "r": 20, "t": 30, "b": 50},
        "font": _FONT,
        "yaxis": {"tickformat": ",~r", "separatethousands": True},
        "xaxis": {"title": {"text": axis}} if axis else {},
    }
    return {"id": name, "title": title, "data": [dict(trace) | {"name": title}], "layout": layout}
