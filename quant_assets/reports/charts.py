"""Charts of an account and of its trades, as plotly's data and layout."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from quant_assets.backtests.engine import Result
from quant_assets.backtests.metrics import sharpe_ratio
from quant_assets.reports.meanings import COSTS
from quant_assets.reports.numbers import amount, count, instant
from quant_assets.reports.pictures import BLUE, RED, thin_rows
from quant_assets.reports.sections import PROSE, TEXT, Chart, Column, Section, TextTable, lay_out

_MOST_POINTS = 2000
_MOST_BARS = 2000
_MOST_DOTS = 1000
_WINDOWS = (252, 63, 20, 5)
_GREY = "#8a8f98"
_NOTHING_FELL = {"range": [-1.0, 0.02]}
"""Axis of an account that never fell: by default it would reach above 0."""

# Between two marks the account is unknown: a slope over a weekend would be an invention.
_STEPS = {"type": "scatter", "mode": "lines"}


def account_sections(result: Result, *, currency: str) -> list[Section]:
    """Return equity and drawdown; of a long account its highest and lowest marks are drawn too."""
    shown = _thin_account(result.equity)
    ts = [instant(value) for value in shown["ts"]]
    depth = [100.0 * value for value in shown["drawdown"]]
    equity = {"x": ts, "y": shown["equity"].to_list(), "line": _line(BLUE)}
    drawdown = {"x": ts, "y": depth, "line": _line(RED), "fill": "tozeroy"}
    return [
        _section(
            "equity",
            f"Equity, {currency}",
            equity | _STEPS,
            y=currency,
            note=_told_cut(shown.height, result.equity.height, "marks"),
        ),
        _section(
            "drawdown",
            "Drawdown, %",
            drawdown | _STEPS,
            y="% below the highest",
            y_axis=_NOTHING_FELL if not any(depth) else None,
        ),
    ]


def return_sections(result: Result, returns: pl.DataFrame) -> list[Section]:
    """Return the session returns, and their Sharpe ratio over a window that rolls.

    Parameters
    ----------
    returns
        Columns session and return, as a ratio.
    """
    days = [day.isoformat() for day in returns["session"]]
    daily = [100.0 * value for value in returns["return"]]
    bars = {"x": days, "y": daily, "type": "bar", "marker": {"color": BLUE}}
    return [
        _section("returns", "Return by session, %", bars, y="%"),
        _rolling(result, days, returns["return"].to_numpy()),
    ]


def exposure_section(result: Result) -> Section:
    """Return the value held over the equity at the end of each bar."""
    shown = thin_rows(result.equity, _MOST_POINTS)
    share = [
        100.0 * held / equity if equity > 0.0 else None
        for held, equity in shown.select("position", "equity").iter_rows()
    ]
    ts = [instant(value) for value in shown["ts"]]
    held = {"x": ts, "y": share, "line": _line(BLUE), "fill": "tozeroy"}
    note = "Value held over the equity at the end of a bar; shorts lie below 0."
    return _section(
        "exposure",
        "Exposure, %",
        held | _STEPS,
        y="% of the equity",
        note=f"{note} {_told_cut(shown.height, result.equity.height, 'marks')}".rstrip(),
    )


def trade_sections(result: Result, *, currency: str) -> list[Section]:
    """Return the results of trades in their order, and how far each went against and for it.

    Notes
    -----
    A browser draws each bar as an element of its own, so only the last 2,000 trades have one.
    """
    n_trades = result.trades.height
    net = result.trades["net"].tail(_MOST_BARS).to_list()
    last = f", last {count(len(net))} of {count(n_trades)}" if len(net) < n_trades else ""
    bars = {"x0": n_trades - len(net) + 1, "dx": 1, "y": net, "type": "bar"}
    colours = [BLUE if value >= 0.0 else RED for value in net]
    return [
        _section(
            "results",
            f"Net result by trade, {currency}{last}",
            bars | {"marker": {"color": colours}},
            x="trade, in order of entry",
            y=currency,
        ),
        _excursions(result.trades, currency),
    ]


def cost_section(metrics: Mapping[str, float | None], *, currency: str) -> Section:
    """Return the way from gross to net, cost by cost, as steps and as a table."""
    values = [metrics[name] or 0.0 for name in COSTS]
    steps = {
        "type": "waterfall",
        "x": [title for title, _ in COSTS.values()],
        "y": [values[0], *(-value for value in values[1:-1]), values[-1]],
        "measure": ["absolute", *["relative"] * (len(values) - 2), "total"],
        "text": [amount(value) for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "connector": {"line": {"color": _GREY, "width": 1}},
        "increasing": {"marker": {"color": BLUE}},
        "decreasing": {"marker": {"color": RED}},
        "totals": {"marker": {"color": _GREY}},
    }
    chart = Chart("cost_split", [steps | {"name": "costs"}], lay_out(y=currency))
    rows = [
        [title, amount(value), meaning]
        for (title, meaning), value in zip(COSTS.values(), values, strict=True)
    ]
    columns = (Column("", TEXT), Column(currency), Column("meaning", PROSE))
    table = TextTable("costs", columns, rows)
    return Section(f"Costs, {currency}: from gross to net", chart=chart, table=table)


def _rolling(result: Result, days: list[str], returns: np.ndarray) -> Section:
    """Return the Sharpe ratio of the last sessions at each session that has as many before it."""
    window = next((n for n in _WINDOWS if 2 * n <= returns.size), None)
    if window is None:
        return Section("Rolling Sharpe ratio", note=f"{returns.size} sessions are too few for one.")
    periods = _sessions_a_year(result.metrics)
    at_each = np.lib.stride_tricks.sliding_window_view(returns, window)
    values = [sharpe_ratio(own, periods_per_year=periods) for own in at_each]
    line = {"x": days[window - 1 :], "y": values, "line": {"color": BLUE, "width": 1.5}}
    return _section(
        "rolling_sharpe",
        f"Rolling Sharpe ratio, {window} sessions",
        line | {"type": "scatter", "mode": "lines" if len(values) > 60 else "lines+markers"},
        y="Sharpe ratio, a year",
        note=f"Over the {window} sessions up to each, times the root of {periods:.0f} a year.",
    )


def _sessions_a_year(metrics: Mapping[str, float | None]) -> float:
    """Return sessions a year, as the metrics count them; 252 where they do not tell."""
    year, session = metrics["sharpe"], metrics["sharpe_per_session"]
    return (year / session) ** 2 if year and session else 252.0


def _excursions(trades: pl.DataFrame, currency: str) -> Section:
    """Return the worst open result of each trade against its best, by how it ended."""
    shown = thin_rows(trades, _MOST_DOTS)
    traces = []
    for name, colour, symbol, is_own in (
        ("net gain", BLUE, "triangle-up", pl.col("net") > 0.0),
        ("net loss", RED, "triangle-down", pl.col("net") <= 0.0),
    ):
        own = shown.filter(is_own)
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": f"{name} ({count(own.height)})",
                "x": own["mae"].to_list(), "y": own["mfe"].to_list(),
                "text": own["trade_id"].to_list(),
                "marker": {"color": colour, "symbol": symbol, "size": 7, "opacity": 0.7},
            }
        )  # fmt: skip
    layout = lay_out(
        x=f"worst open result (MAE), {currency}", y=f"best (MFE), {currency}", legend=True
    )
    cut = _told_cut(shown.height, trades.height, "trades")
    return Section(
        f"Excursions, {currency}: worst and best open result of each trade",
        note=cut,
        chart=Chart("excursions", traces, layout),
    )


def _thin_account(equity: pl.DataFrame) -> pl.DataFrame:
    """Return evenly spread marks, and among them the highest equity and the deepest drawdown."""
    if equity.height <= _MOST_POINTS:
        return equity
    spread = np.linspace(0, equity.height - 1, _MOST_POINTS - 3).astype(np.int64)
    level, depth = equity["equity"].to_numpy(), equity["drawdown"].to_numpy()
    ends = [level.argmax(), level.argmin(), depth.argmin()]
    return equity[np.unique(np.append(spread, ends))]


def _told_cut(n_shown: int, n_all: int, what: str) -> str:
    """Say how many of how many are drawn; nothing where all are."""
    if n_shown == n_all:
        return ""
    return f"{count(n_shown)} of {count(n_all)} {what} are drawn, evenly spread."


def _line(colour: str) -> dict[str, Any]:
    """Return a line that stays at each mark until the next."""
    return {"color": colour, "shape": "hv", "width": 1.5}


def _section(
    name: str,
    title: str,
    trace: Mapping[str, Any],
    *,
    x: str = "",
    y: str = "",
    note: str = "",
    y_axis: Mapping[str, Any] | None = None,
) -> Section:
    """Return a part of the page with one chart of one trace."""
    chart = Chart(name, [dict(trace) | {"name": title}], lay_out(x=x, y=y, y_axis=y_axis))
    return Section(title, note=note, chart=chart)
