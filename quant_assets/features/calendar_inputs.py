"""What the calendar tells of a bar: how far its session has come, and when its contract ends."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from quant_assets.features.inputs import CLOCK_INPUTS, REFERENCE_CONTRACT
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_MINUTE, Timeframe


@dataclass(frozen=True)
class SessionFacts:
    """A session's official hours, and the last trading day of the contract that is read on it."""

    bounds: SessionBounds
    expiry: date | None

    @property
    def parameters(self) -> list[int | str | None]:
        """What its inputs hang on, as JSON values."""
        expiry = self.expiry.isoformat() if self.expiry else None
        return [self.bounds.open_ns, self.bounds.close_ns, expiry]


def clock_inputs(bars: pl.DataFrame, facts: SessionFacts, *, timeframe: Timeframe) -> pl.DataFrame:
    """Return the calendar's columns for the bars of one session.

    Parameters
    ----------
    bars
        Column bar_start.
    facts
        The session that all of them belong to.

    Returns
    -------
    DataFrame
        bar_start and `CLOCK_INPUTS`. Minutes count to the bar's end, the instant at which its
        features are known; daily bars have none. Days to expiry are calendar days from the
        session's date, 0 on the last one; null without a contract that expires.
    """
    end_ns = bars["bar_start"].to_physical().to_numpy() + timeframe.ns
    bounds = facts.bounds
    is_known = not timeframe.is_daily
    left = (facts.expiry - bounds.session).days if facts.expiry else None
    spans_ns = (
        end_ns - bounds.open_ns,
        bounds.close_ns - end_ns,
        np.full(end_ns.shape[0], bounds.close_ns - bounds.open_ns),
    )
    nothing = [None] * bars.height
    minutes = [span / NS_PER_MINUTE if is_known else nothing for span in spans_ns]
    return pl.DataFrame(
        {
            "bar_start": bars["bar_start"],
            **dict(zip(CLOCK_INPUTS, [*minutes, [left] * bars.height], strict=True)),
        },
        schema_overrides=dict.fromkeys(CLOCK_INPUTS, pl.Float64),
    )


def known_closes(bars: pl.DataFrame, *, timeframe: Timeframe) -> pl.DataFrame:
    """Return the closes of bars at the instants from which they are known.

    Returns
    -------
    DataFrame
        `end`, the end of the bar, `reference_close`, and `REFERENCE_CONTRACT`; a null close is
        left out.
    """
    end = pl.col("bar_start") + pl.duration(nanoseconds=timeframe.ns)
    closes = bars.select(
        end.alias("end"),
        pl.col("close").alias("reference_close"),
        pl.col("contract").cast(pl.String).alias(REFERENCE_CONTRACT),
    )
    return closes.drop_nulls("reference_close")


def reference_inputs(
    bars: pl.DataFrame, closes: pl.DataFrame, *, timeframe: Timeframe
) -> pl.DataFrame:
    """Return for each bar the last close of another symbol that is known at the bar's end.

    Parameters
    ----------
    bars
        Column bar_start, of one symbol.
    closes
        What `known_closes` says of the other symbol, in any order.

    Returns
    -------
    DataFrame
        bar_start, `reference_close` and `REFERENCE_CONTRACT`: those of the last bar of the other
        symbol whose end is not after the bar's own end; null before any.
    """
    end = pl.col("bar_start") + pl.duration(nanoseconds=timeframe.ns)
    own = bars.select("bar_start", end.alias("end")).sort("end")
    found = own.join_asof(closes.sort("end"), on="end", strategy="backward")
    return found.select("bar_start", "reference_close", REFERENCE_CONTRACT)
