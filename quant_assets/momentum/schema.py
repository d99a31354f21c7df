"""The index of scanned days: one row a symbol and session, whatever its class."""

from enum import StrEnum

import dataframely as dy

from quant_assets.market.columns import choice, day, real
from quant_assets.market.tables import Grain, Table


class DayClass(StrEnum):
    """What a day is good for; the rules stand in `momentum.rules`, the first match wins."""

    PRIME = "prime"
    SECONDARY = "secondary"
    RISK = "risk"
    MIXED = "mixed"
    ORDINARY = "ordinary"


DAY_CLASSES = tuple(one.value for one in DayClass)


class MomentumDaysSchema(dy.Schema):
    """A session as its finished bars show it: it is known at the session's end, not before."""

    session = day("Session that was scanned.", key=True)
    open = real("Open of the first bar.", unit="price")
    high = real("Highest price, bad prints included.", unit="price")
    low = real("Lowest price, bad prints included.", unit="price")
    close = real("Close of the last bar.", unit="price")
    volume = real("Sum of the bars' volume.", unit="units")
    range_pct = real("(high - low) / open, bad prints included.", unit="percent")
    volume_ratio = real(
        "Volume over the mean of up to 20 sessions before; null below 5 of them.",
        unit="ratio",
        nullable=True,
    )
    halts = dy.UInt16(nullable=False, metadata={"unit": "count", "meaning": "Trading halts."})
    day_class = choice(DAY_CLASSES, "What the day is good for.")
    quality = real(
        "Score of the day, 0 to 1; null where a suspect bar hides its range.",
        unit="0-1",
        nullable=True,
    )
    landed_paths = dy.List(
        dy.String(nullable=False),
        nullable=False,
        metadata={"unit": "text", "meaning": "Landed files that the day was scanned from."},
    )


MOMENTUM_DAYS = Table(
    name="momentum_days",
    schema=MomentumDaysSchema,
    levels=("symbol",),
    order=("session",),
    grain=Grain.YEAR,
)
