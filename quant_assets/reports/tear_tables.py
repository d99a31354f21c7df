"""Tables of a tear sheet: months, regimes, realism, orders not filled, trades."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from quant_assets.backtests.engine import Result
from quant_assets.execution.costs import REALISM_LEVELS, Realism
from quant_assets.optimization.trials import Rung
from quant_assets.reports.meanings import FILLS
from quant_assets.reports.numbers import amount, count, digits_needed, instant, percent, price
from quant_assets.reports.pictures import BLUE, RED
from quant_assets.reports.sections import (
    PROSE,
    SORTED,
    TEXT,
    Chart,
    Column,
    Section,
    TextTable,
    lay_out,
)

N_TRADES_SHOWN = 200
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TRADE_COLUMNS = (
    Column("trade", TEXT), Column("symbol", TEXT), Column("side", TEXT),
    Column("entry (UTC)", TEXT), Column("exit (UTC)", TEXT), Column("qty"),
    Column("entry price"), Column("exit price"), Column("reason", TEXT, "what ended the trade"),
    Column("gross"), Column("costs"), Column("net"),
    Column("mae", "", "worst open result"), Column("mfe", "", "best open result"),
)  # fmt: skip


def monthly_section(returns: pl.DataFrame) -> Section:
    """Return the compounded return of each month and year.

    Parameters
    ----------
    returns
        Columns session and return, as a ratio.
    """
    by_year: dict[int, dict[int, list[float]]] = {}
    for session, value in returns.iter_rows():
        by_year.setdefault(session.year, {}).setdefault(session.month, []).append(value)
    rows = [
        [
            str(year),
            *(_compounded(months.get(month)) for month in range(1, 13)),
            _compounded([value for month in months.values() for value in month]),
        ]
        for year, months in sorted(by_year.items())
    ]
    columns = [Column(title) for title in ("year", *_MONTHS, "all")]
    return Section("Monthly returns, %", table=TextTable("monthly", columns, rows))


def regime_section(trades: pl.DataFrame, regimes: pl.DataFrame, *, currency: str) -> Section:
    """Return results by regime, those of trades without a label apart.

    Parameters
    ----------
    regimes
        Columns trade_id and regime; the label known when the trade was asked for.
    """
    labels = regimes.select("trade_id", pl.col("regime").cast(pl.String))
    joined = trades.join(labels, on="trade_id", how="left", maintain_order="left")
    grouped = (
        joined.with_columns(pl.col("regime").fill_null("no label"))
        .group_by("regime")
        .agg(
            trades=pl.len(),
            hit=(pl.col("net") > 0.0).mean(),
            mean=pl.col("net").mean(),
            net=pl.col("net").sum(),
        )
        .sort("regime")
    )
    rows = [
        [regime, count(n), percent(hit, 1), amount(mean), amount(net)]
        for regime, n, hit, mean, net in grouped.iter_rows()
    ]
    titles = ("trades", "hit rate", f"mean net, {currency}", f"net, {currency}")
    columns = (Column("regime", TEXT), *(Column(title) for title in titles))
    bars = _bars(grouped["regime"].to_list(), grouped["net"].to_list())
    return Section(
        f"Results by regime, {currency}",
        note="The regime is the one known when the trade was asked for.",
        chart=Chart("regimes", [bars], lay_out(x="regime", y=currency, x_axis=_CATEGORIES)),
        table=TextTable("regime_table", columns, rows),
    )


def ladder_section(ladder: Mapping[str, Rung], *, own: Realism, currency: str) -> Section:
    """Return Sharpe ratio and net at each level of realism that was run, the least real first."""
    levels = [level for level in REALISM_LEVELS if level in ladder]
    rows = [
        [
            f"{level} (this page)" if level == own.value else level,
            amount(ladder[level].get("sharpe"), 3),
            amount(ladder[level].get("net")),
            count(ladder[level].get("n_trades")),
            FILLS[Realism(level)],
        ]
        for level in levels
    ]
    columns = (
        Column("realism", TEXT), Column("Sharpe ratio"), Column(f"net, {currency}"),
        Column("trades"), Column("fills pay for", PROSE),
    )  # fmt: skip
    bars = _bars(levels, [ladder[level].get("net") for level in levels])
    return Section(
        "Realism ladder",
        note="The same strategy on the same data, at each level of realism.",
        chart=Chart("ladder", [bars], lay_out(y=f"net, {currency}", x_axis=_CATEGORIES)),
        table=TextTable("ladder_table", columns, rows),
    )


def unfilled_section(unfilled: Mapping[str, int]) -> Section:
    """Return how many orders were not filled, or not wholly, by reason."""
    n_orders = sum(unfilled.values())
    title = f"Orders not filled, or not wholly: {count(n_orders)}"
    if not n_orders:
        return Section(title, note="Every order was filled as a whole.")
    ranked = sorted(unfilled.items(), key=lambda item: (-item[1], item[0]))
    rows = [[reason, count(n), percent(n / n_orders, 1)] for reason, n in ranked if n]
    columns = (Column("reason", TEXT), Column("orders"), Column("share"))
    return Section(title, table=TextTable("unfilled", columns, rows))


def trades_section(result: Result) -> Section:
    """Return the last trades as a table, the prices of a symbol with the same digits."""
    trades = result.trades.tail(N_TRADES_SHOWN)
    digits = {
        str(symbol): digits_needed([*own["entry_price"], *own["exit_price"]])
        for (symbol,), own in trades.group_by("symbol")
    }
    rows = [_trade_cells(row, digits[row["symbol"]]) for row in trades.iter_rows(named=True)]
    title = f"Last {trades.height} of {count(result.trades.height)} trades"
    table = TextTable("trades", _TRADE_COLUMNS, rows, sortable=True)
    return Section(title, note=SORTED, table=table)


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


_CATEGORIES = {"type": "category"}


def _bars(names: list[str], values: list[float | None]) -> dict[str, Any]:
    """Return bars, blue above zero and red below."""
    colours = [BLUE if (value or 0.0) >= 0.0 else RED for value in values]
    return {"type": "bar", "x": names, "y": values, "marker": {"color": colours}, "width": 0.5}


def _compounded(values: list[float] | None) -> str:
    """Return the compounded return in percent, empty where there is none."""
    return "" if values is None else f"{100.0 * (float(np.prod(1.0 + np.array(values))) - 1.0):.2f}"
