"""Row rules: a name for each way in which a landed bar is no bar."""

from collections.abc import Mapping

import polars as pl
import polars.selectors as cs

from quant_assets.ticks.rules import judge

_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")
_NUMBERS = cs.by_name(*_VALUES) | cs.by_name("bid", "ask", require_all=False)

LARGEST_VOLUME = 2.0**53
"""Above it Float64 no longer counts single units, and a total is no longer exact."""

BAR_RULES: Mapping[str, pl.Expr] = {
    "missing_stamp": pl.col("bar_start").is_null(),
    "missing_value": pl.any_horizontal(pl.col(*_VALUES).is_null()),
    "not_a_number": pl.any_horizontal(_NUMBERS.is_nan()),
    "infinite_value": pl.any_horizontal(_NUMBERS.is_infinite()),
    "non_positive_price": pl.any_horizontal(pl.col(*_PRICES) <= 0),
    "negative_volume": pl.col("volume") < 0,
    "high_below_low": pl.col("high") < pl.col("low"),
    "open_or_close_outside_range": ~(
        pl.col("open").is_between("low", "high") & pl.col("close").is_between("low", "high")
    ),
    "volume_out_of_range": pl.col("volume") > LARGEST_VOLUME,
}
"""True for rows that cannot be landed; a volume of zero is fine, feeds without volume give it."""


def judge_bars(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split landed bars into those that keep the rules, and those that break one.

    Parameters
    ----------
    frame
        Columns bar_start, open, high, low, close and volume at least; bid and ask where there
        are any.

    Returns
    -------
    tuple
        The good rows, and the bad ones with a column `rule`: the first rule that each breaks.
    """
    return judge(frame, BAR_RULES)
