"""Row rules: a name for each way in which a landed trade is no trade."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

_SIZES = cs.by_name("bid_qty", "ask_qty", require_all=False)

LARGEST_QUANTITY = 2.0**53
"""Above it Float64 no longer counts single units, and a total is no longer exact."""

TICK_RULES: Mapping[str, pl.Expr] = {
    "missing_stamp": pl.col("ts").is_null(),
    "missing_price": pl.col("price").is_null(),
    "missing_quantity": pl.col("qty").is_null(),
    "not_a_number": pl.any_horizontal((cs.by_name("qty") | _SIZES).is_nan()),
    "infinite_value": pl.any_horizontal((cs.by_name("qty") | _SIZES).is_infinite()),
    "negative_quantity": pl.col("qty") < 0,
    "quantity_out_of_range": pl.col("qty") > LARGEST_QUANTITY,
}
"""True for rows that cannot be landed; negative prices are market and stay."""


CLEAN_RULES = (
    "other_session",
    "not_finite",
    "non_positive_price",
    "off_tick_grid",
    "away_from_quote",
    "away_from_median",
)
"""Rules by which cleaning sets landed trades aside, in the order in which they are asked.

A price that is not finite, or none, is `missing_price` already when it lands.
"""


def other_session(
    stamps_ns: npt.NDArray[np.int64], *, start_ns: int, next_start_ns: int
) -> npt.NDArray[np.bool_]:
    """Return which stamps lie outside the session [start, next start) that they are filed under."""
    return (stamps_ns < start_ns) | (stamps_ns >= next_start_ns)


def judge_ticks(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split landed trades into those that keep the rules, and those that break one.

    Parameters
    ----------
    frame
        Columns ts, price and qty at least; bid_qty and ask_qty where there are any.

    Returns
    -------
    tuple
        The good rows, and the bad ones with a column `rule`: the first rule that each breaks.
    """
    if _is_sound(frame):
        return frame, _none_of(frame)
    return judge(frame, TICK_RULES)


def _is_sound(frame: pl.DataFrame) -> bool:
    """Whether no rule can find anything, told by extremes: most batches end here.

    Extremes of numpy are NaN where any value is, and then no comparison holds.
    """
    if frame.height == 0 or any(frame[name].null_count() for name in ("ts", "price", "qty")):
        return False
    qty = frame["qty"].to_numpy()
    sizes = [frame[name] for name in ("bid_qty", "ask_qty") if name in frame.columns]
    return bool(qty.min() >= 0 and qty.max() <= LARGEST_QUANTITY) and all(
        size.null_count() == size.len() or bool(size.is_finite().all()) for size in sizes
    )


def judge(frame: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split rows by named rules that are true for bad rows; the first match names the rule.

    A rule that is null for a row, because a value is missing, does not forbid it.
    """
    broken = pl.coalesce(
        pl.when(expression.fill_null(value=False)).then(pl.lit(name))
        for name, expression in rules.items()
    )
    verdict = frame.select(rule=broken)["rule"]
    if verdict.null_count() == frame.height:
        return frame, _none_of(frame)
    judged = frame.with_columns(rule=verdict)
    is_good = pl.col("rule").is_null()
    return judged.filter(is_good).drop("rule"), judged.filter(~is_good)


def _none_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return no bad rows, in the columns that bad rows have."""
    return frame.clear().with_columns(rule=pl.lit(None, dtype=pl.String))
