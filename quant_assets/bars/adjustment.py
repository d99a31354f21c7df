"""Back-adjustment: continuous prices as a view, the raw price and its contract beside them.

At a roll the price jumps from one contract's to another's, which nobody earned or lost. The view
shifts (`difference`) or scales (`ratio`) the prices before each roll by its gap, added up over all
rolls that follow, so that the newest contract's prices are its own.

An adjusted price of an old bar therefore depends on every later roll: it changes when the next one
comes. It serves charts, and returns within the series; it is never a feature, a label, or a price
of a fill. Only `ratio` keeps returns, and only `difference` keeps differences.
"""

from enum import StrEnum
from itertools import accumulate
from operator import add, mul

import numpy as np
import polars as pl

from quant_assets.market.errors import InputError, parse_choice

PRICES = ("open", "high", "low", "close")

GAPS = {
    "session": pl.Date,
    "from_contract": pl.String,
    "to_contract": pl.String,
    "measured_on": pl.Date,
    "from_price": pl.Float64,
    "to_price": pl.Float64,
}
"""Columns of roll gaps: first session of the new contract, both contracts, the session on which
both last traded before it, and their last prices there; the last three are null where there was no
such session."""


class Adjustment(StrEnum):
    """How prices before a roll are made to fit those after it."""

    DIFFERENCE = "difference"
    RATIO = "ratio"


def parse_adjustment(text: str) -> Adjustment:
    """Return the adjustment of that name, or raise `InputError` with those there are."""
    return parse_choice(Adjustment, text, asked="adjustment", option="--adjust")


def find_rolls(contracts: pl.DataFrame) -> pl.DataFrame:
    """Return where a continuous series changes its contract.

    Parameters
    ----------
    contracts
        Columns session and contract of the series, a row a session or more, in time order.

    Returns
    -------
    DataFrame
        Columns session (first of the new contract), from_contract, to_contract.
    """
    before = pl.col("contract").shift()
    return (
        contracts.select("session", from_contract=before, to_contract=pl.col("contract"))
        .filter(pl.col("from_contract") != pl.col("to_contract"))
        .select("session", "from_contract", "to_contract")
    )


def find_adjustments(gaps: pl.DataFrame) -> pl.DataFrame:
    """Return by how much the prices before each roll are shifted and scaled.

    Parameters
    ----------
    gaps
        Columns `GAPS`, by session.

    Returns
    -------
    DataFrame
        Columns session, difference, ratio: what applies to bars before that session, and not
        before an earlier one of the rows. Null where this gap, or one that follows, has no prices;
        the ratio also where a price is not above 0.
    """
    newest_first = gap_sizes(gaps).sort("session", descending=True)
    sums = accumulate(newest_first["difference"].fill_null(np.nan), add)
    products = accumulate(newest_first["ratio"].fill_null(np.nan), mul)
    return pl.DataFrame(
        {
            "session": newest_first["session"],
            "difference": pl.Series(list(sums), dtype=pl.Float64).fill_nan(None),
            "ratio": pl.Series(list(products), dtype=pl.Float64).fill_nan(None),
        }
    ).reverse()


def gap_sizes(gaps: pl.DataFrame) -> pl.DataFrame:
    """Return session, difference and ratio of each gap; null where its prices give none.

    A ratio needs both prices above 0, which those of crude oil were not in April 2020.
    """
    old, new = pl.col("from_price"), pl.col("to_price")
    return gaps.select(
        "session", difference=new - old, ratio=pl.when((old > 0) & (new > 0)).then(new / old)
    )


def adjustments_by_session(sessions: pl.Series, gaps: pl.DataFrame) -> pl.DataFrame:
    """Return difference and ratio of each session: those of the first roll after it.

    Parameters
    ----------
    sessions
        Dates, in any order.
    gaps
        Columns `GAPS`, by session.

    Returns
    -------
    DataFrame
        Columns session, difference, ratio, a row a date, ascending; 0 and 1 from the last roll on.
    """
    steps = find_adjustments(gaps)
    newest = pl.DataFrame({"difference": [0.0], "ratio": [1.0]})
    values = pl.concat([steps.drop("session"), newest])
    days = sessions.unique().sort()
    # A session on which a roll happens is behind it: its prices are the new contract's.
    places = np.searchsorted(steps["session"].to_numpy(), days.to_numpy(), side="right")
    return values[places].select(pl.Series("session", days), "difference", "ratio")


def adjust_bars(bars: pl.DataFrame, gaps: pl.DataFrame, *, by: Adjustment) -> pl.DataFrame:
    """Return bars with adjusted prices beside the raw ones.

    Parameters
    ----------
    bars
        Continuous bars of one root: session, contract and the prices; other columns pass through.
    gaps
        Columns `GAPS`: one row for each roll of the bars, by session.
    by
        `difference` adds, `ratio` multiplies.

    Returns
    -------
    DataFrame
        The bars, and behind their columns `adjustment` (price, or a factor) and
        `adjusted_open`, `adjusted_high`, `adjusted_low`, `adjusted_close` (price). Where a roll
        has no gap, these are null in all bars before it: nothing there can be compared with what
        follows.

    Raises
    ------
    InputError
        If the bars have no contracts.
    """
    if bars["contract"].null_count():
        raise InputError(
            asked=f"bars adjusted by {by}",
            found="bars without a contract, which never roll",
            remedy="Leave the adjustment out: their prices are continuous.",
        )
    adjustments = adjustments_by_session(bars["session"], gaps).select(
        "session", adjustment=pl.col(by.value)
    )
    joined = bars.join(adjustments, on="session", how="left", maintain_order="left")
    return joined.with_columns(adjusted_price(name, by=by) for name in PRICES)


def adjusted_price(name: str, *, by: Adjustment) -> pl.Expr:
    """Return the adjusted price of a column, from it and `adjustment`."""
    price, adjustment = pl.col(name), pl.col("adjustment")
    adjusted = price + adjustment if by is Adjustment.DIFFERENCE else price * adjustment
    return adjusted.alias(f"adjusted_{name}")
