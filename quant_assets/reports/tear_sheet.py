"""The tear sheet: one HTML page about one backtest, which needs nothing but itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from quant_assets.backtests.engine import Result
from quant_assets.backtests.metrics import session_returns
from quant_assets.reports.charts import build_charts
from quant_assets.reports.meanings import COSTS, FILLS, METRICS
from quant_assets.reports.numbers import (
    amount,
    count,
    digits_needed,
    instant,
    percent,
    price,
    script_json,
)
from quant_assets.reports.templates import TEAR_SHEET, render
from quant_assets.signals.strategy import Strategy

N_TRADES_SHOWN = 200
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PERCENTS = (
    "total_return", "cagr", "volatility", "max_drawdown", "hit_rate", "exposure",
)  # fmt: skip
_COUNTS = ("n_trades", "n_sessions")


@dataclass(frozen=True)
class Provenance:
    """What a page was made from, as its footer tells it.

    Parameters
    ----------
    data_versions
        Name of each input (or of each table) to its data version.
    command
        Command that makes the page again.
    market_seed
        Seed of a synthetic market, None for a real one.
    """

    data_versions: Mapping[str, str]
    code_version: str
    model_version: str | None
    command: str
    synthetic: bool
    market_seed: int | None = None


def build_tear_sheet(
    result: Result, *, strategy: Strategy, provenance: Provenance, currency: str = "USD"
) -> str:
    """Return the page as HTML; the same input gives the same bytes.

    plotly.js stands in it once, its charts have fixed ids, and its content policy forbids every
    request.
    """
    from plotly.offline import get_plotlyjs

    returns = _session_table(result, strategy)
    charts = build_charts(result, returns, currency=currency)
    symbols = sorted(result.costs)
    shown = result.trades.tail(N_TRADES_SHOWN)
    days = [day.isoformat() for day in returns["session"]]
    span = f"{min(days)} to {max(days)}" if days else "no session"
    return render(
        TEAR_SHEET,
        title=f"Tear sheet: {strategy.name}",
        subtitle=(
            f"{', '.join(symbols)} at {strategy.timeframe}, {span}, out of sample, "
            f"realism {result.realism.value} ({FILLS[result.realism]})"
        ),
        synthetic=provenance.synthetic,
        metrics=_metrics(result, currency),
        charts=charts,
        charts_json=script_json(charts),
        months=_MONTHS,
        monthly=_monthly(returns),
        currency=currency,
        costs=[(t, amount(result.metrics[name]), m) for name, (t, m) in COSTS.items()],
        trades_title=f"Last {shown.height} of {count(result.trades.height)} trades",
        trade_columns=_TRADE_COLUMNS,
        text_columns=_TEXT_COLUMNS,
        trades=_trade_rows(shown),
        provenance=_provenance_rows(result, strategy, provenance),
        inputs=sorted(provenance.data_versions.items()),
        plotly_js=get_plotlyjs(),
    )


_TRADE_COLUMNS = (
    "trade", "symbol", "side", "entry (UTC)", "exit (UTC)", "qty", "entry price", "exit price",
    "reason", "gross", "costs", "net", "mae", "mfe",
)  # fmt: skip


_TEXT_COLUMNS = frozenset({"trade", "symbol", "side", "entry (UTC)", "exit (UTC)", "reason"})


def _trade_rows(trades: pl.DataFrame) -> list[list[str]]:
    """Return trades as text, the prices of a symbol with the same digits."""
    digits = {
        str(symbol): digits_needed([*own["entry_price"], *own["exit_price"]])
        for (symbol,), own in trades.group_by("symbol")
    }
    return [_trade_cells(row, digits[row["symbol"]]) for row in trades.iter_rows(named=True)]


def _trade_cells(row: Mapping[str, Any], digits: int) -> list[str]:
    """Return one trade as text."""
    costs = row["spread_cost"] + row["fees"] + row["latency_cost"] + row["slippage"]
    return [
        row["trade_id"],
        row["contract"] or row["symbol"],
        row["side"],
        instant(row["entry_ts"]),
        instant(row["exit_ts"]),
        price(row["qty"]),
        amount(row["entry_price"], digits),
        amount(row["exit_price"], digits),
        row["exit_reason"],
        *(amount(value) for value in (row["gross"], costs, row["net"], row["mae"], row["mfe"])),
    ]


def _metrics(result: Result, currency: str) -> list[tuple[str, str, str]]:
    """Return title, value and meaning of each metric that is no cost."""
    titles = {"expectancy": f"expectancy, {currency}"}
    return [
        (titles.get(name, title), _metric(name, result.metrics[name]), f"{name}: {meaning}")
        for name, (title, meaning) in METRICS.items()
    ]


def _metric(name: str, value: float | None) -> str:
    """Return a metric in its unit."""
    if name in _PERCENTS:
        return percent(value)
    return count(value) if name in _COUNTS else amount(value, 3)


def _session_table(result: Result, strategy: Strategy) -> pl.DataFrame:
    """Return session and its return."""
    sessions = result.equity["session"].unique(maintain_order=True)
    values = session_returns(result.equity, capital=strategy.capital)
    return pl.DataFrame({"session": sessions, "return": values})


def _monthly(returns: pl.DataFrame) -> list[tuple[str, list[str], str]]:
    """Return year, its twelve months and the year, compounded, in percent."""
    rows = []
    by_year: dict[int, dict[int, list[float]]] = {}
    for session, value in returns.iter_rows():
        by_year.setdefault(session.year, {}).setdefault(session.month, []).append(value)
    for year, months in sorted(by_year.items()):
        cells = [_compounded(months.get(month)) for month in range(1, 13)]
        rows.append((str(year), cells, _compounded([v for m in months.values() for v in m])))
    return rows


def _compounded(values: list[float] | None) -> str:
    """Return the compounded return in percent, empty where there is none."""
    return "" if values is None else f"{100.0 * (float(np.prod(1.0 + np.array(values))) - 1.0):.2f}"


def _market_seed(provenance: Provenance) -> list[tuple[str, str]]:
    """Return the seed of a synthetic market; a real one has none."""
    seed = provenance.market_seed
    return [] if seed is None else [("seed of the synthetic market", str(seed))]


def _provenance_rows(
    result: Result, strategy: Strategy, provenance: Provenance
) -> list[tuple[str, str]]:
    """Return what the page was made from, name by name."""
    charged = [
        f"{symbol}: half spread {price(c.half_spread)}, fee {price(c.fee_per_unit)} a unit"
        f" and {price(10_000.0 * c.fee_ratio)} bp a side"
        for symbol, c in sorted(result.costs.items())
    ]
    return [
        ("command", provenance.command),
        ("run", result.run_hash),
        ("model version", provenance.model_version or "-"),
        ("code version", provenance.code_version),
        ("seed of the booster", str(strategy.seed)),
        *_market_seed(provenance),
        ("charged", "; ".join(charged)),
        ("strategy", strategy.canonical_json()),
    ]
