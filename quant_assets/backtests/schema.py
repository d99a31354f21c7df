"""Tables of a backtest: its trades and its equity."""

import dataframely as dy

from quant_assets.execution.costs import REALISM_LEVELS
from quant_assets.execution.reasons import EXIT_REASONS
from quant_assets.market.columns import choice, day, instant, real, word
from quant_assets.market.tables import Grain, Table

TRADE_SIDES = ("long", "short")


class TradesSchema(dy.Schema):
    """One row a closed trade; money in the account's currency, costs positive."""

    session = day("session of the entry's bar")
    trade_id = word("first ten digits of the run's hash, dash, number in order of entry", key=True)
    symbol = word("symbol traded")
    contract = word("contract held; null where the symbol has none", nullable=True)
    side = choice(TRADE_SIDES, "direction of the position")
    signal_ts = instant("close of the bar whose signal asked for the trade")
    entry_ts = instant("when the entry filled: the next bar's open, or later by the order's way")
    exit_ts = instant(
        "end of the bar in which the exit filled; of an exit at an open, that instant"
    )
    qty = real("size of the position", unit="contracts, shares or units")
    entry_price = real(
        "price of the entry's fill, spread and slippage included", unit="quote currency"
    )
    exit_price = real(
        "mean price of the exit's fills, spread and slippage included", unit="quote currency"
    )
    exit_reason = choice(EXIT_REASONS, "what ended the trade")
    gross = real("result at undisturbed mid prices, before all costs", unit="currency")
    spread_cost = real("half the spread on both sides", unit="currency")
    fees = real("fees of both sides", unit="currency")
    latency_cost = real("move between decision and arrival; 0 below that realism", unit="currency")
    slippage = real("worse price by size; 0 below that realism", unit="currency")
    net = real("gross less all costs", unit="currency")
    mae = real("worst open result at the price to leave at, never above 0", unit="currency")
    mfe = real("best open result at the price to leave at, never below 0", unit="currency")
    model_version = word("SHA-256 of the model that predicted; null of rules", nullable=True)
    realism = choice(REALISM_LEVELS, "how much of a real market the fills paid for")


class EquitySchema(dy.Schema):
    """The account at the end of each bar at which any symbol traded has one."""

    session = day("session of the bar; the latest where symbols differ")
    ts = instant("end of the bar", key=True)
    equity = real("cash and open results, at the prices to leave at", unit="currency")
    cash = real("capital, closed results and all fees paid", unit="currency")
    position = real("market value of what is held, shorts negative", unit="currency")
    drawdown = real("fall from the highest equity so far, never above 0", unit="ratio")


TRADES = Table(
    name="trades",
    schema=TradesSchema,
    levels=("strategy", "run"),
    order=("trade_id",),
    grain=Grain.WHOLE,
)

EQUITY = Table(
    name="equity",
    schema=EquitySchema,
    levels=("strategy", "run"),
    order=("ts",),
    grain=Grain.WHOLE,
)
