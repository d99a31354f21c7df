"""Bars made for the tests of labels."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.labels import label_session

BAR = Timeframe.parse("15m")
DAY = date(2024, 3, 4)
OPEN_NS = int(datetime(2024, 3, 4, 14, 30, tzinfo=UTC).timestamp()) * 10**9


def bars_of(
    closes: list[float],
    *,
    high: list[float] | None = None,
    low: list[float] | None = None,
    n_session: int | None = None,
    contract: list[str] | None = None,
) -> pl.DataFrame:
    """Return bars from closes; by default a bar is flat, and all belong to one session."""
    n = len(closes)
    own = n if n_session is None else n_session
    frame = pl.DataFrame(
        {
            "session": [DAY] * own + [DAY + timedelta(days=1)] * (n - own),
            "bar_start": pl.Series(OPEN_NS + np.arange(n) * BAR.ns).cast(UTC_NS),
            "high": np.array(high or closes, dtype=float),
            "low": np.array(low or closes, dtype=float),
            "close": np.array(closes, dtype=float),
        }
    )
    return frame if contract is None else frame.with_columns(contract=pl.Series(contract))


def label(bars: pl.DataFrame, spec: str = "tb(0.1, 0.1, 3)", **changes: object) -> pl.DataFrame:
    """Label with 10 % barriers and three bars, crossing sessions."""
    rules: dict = {
        "session": DAY,
        "timeframe": BAR,
        "spec": LabelSpec.model_validate(spec),
        "cross_session": True,
        "close_ns": None,
    }
    return label_session(bars, **(rules | changes))


def sides_of(bars: pl.DataFrame, sides: list[int | None]) -> pl.DataFrame:
    """Return the first rule's trades on the first bars."""
    return bars.select(pl.col("bar_start").head(len(sides))).with_columns(
        side=pl.Series(sides, dtype=pl.Int8)
    )
