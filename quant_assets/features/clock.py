"""The clock: where in the day and in the session a bar starts."""

import numpy as np

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.indicators.kernels import ratio
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE

_MINUTES = 24 * 60

# A table of the day's minutes, so that a value never depends on how many rows stand beside it:
# vectorised sines may round the last rows of an array in another way than the first.
_ANGLES = 2.0 * np.pi * np.arange(_MINUTES) / _MINUTES
_SINES = np.sin(_ANGLES)
_COSINES = np.cos(_ANGLES)


@feature(
    name="minute_of_day_sin",
    family=Family.CLOCK,
    unit="-1 to 1",
    inputs=(),
    look_back=0,
    source="Own: angle of the UTC minute",
)
def minute_of_day_sin(bars: BarArrays) -> FloatArray:
    """Sine of the bar's UTC minute on a circle of 24 hours."""
    return _SINES[_minute_of_day(bars.bar_start_ns)]


@feature(
    name="minute_of_day_cos",
    family=Family.CLOCK,
    unit="-1 to 1",
    inputs=(),
    look_back=0,
    source="Own: angle of the UTC minute",
)
def minute_of_day_cos(bars: BarArrays) -> FloatArray:
    """Cosine of the bar's UTC minute on a circle of 24 hours."""
    return _COSINES[_minute_of_day(bars.bar_start_ns)]


@feature(
    name="bars_since_session_start",
    family=Family.CLOCK,
    unit="bars",
    inputs=(),
    look_back=0,
    source="Own: count of the session's rows; a stretch without trades has none",
)
def bars_since_session_start(bars: BarArrays) -> FloatArray:
    """Bars of the session before this one."""
    return bars.bar_of_session.astype(np.float64)


@feature(
    name="session_phase",
    family=Family.CLOCK,
    unit="0 to 1",
    inputs=("minutes_since_open", "session_minutes"),
    look_back=0,
    nulls="pass",
    source="Own: the calendar's open and close",
)
def session_phase(bars: BarArrays) -> FloatArray:
    """Share of the official hours gone at the bar's end; null before and after them."""
    phase = ratio(bars["minutes_since_open"], bars["session_minutes"])
    return np.where((phase > 0.0) & (phase <= 1.0), phase, np.nan)


@feature(
    name="minutes_to_close",
    family=Family.CLOCK,
    unit="minutes",
    inputs=("minutes_to_close",),
    look_back=0,
    nulls="pass",
    source="Own: the calendar's close",
)
def minutes_to_close(bars: BarArrays) -> FloatArray:
    """Minutes from the bar's end to the official close; negative after it."""
    return bars["minutes_to_close"]


@feature(
    name="days_to_expiry",
    family=Family.CLOCK,
    unit="days",
    inputs=("days_to_expiry",),
    look_back=0,
    nulls="pass",
    source="Own: expiry of the contract",
)
def days_to_expiry(bars: BarArrays) -> FloatArray:
    """Calendar days to the contract's expiry; null where nothing expires."""
    return bars["days_to_expiry"]


def _minute_of_day(bar_start_ns: IntArray) -> IntArray:
    """Return the UTC minute of the day, 0 to 1439."""
    return bar_start_ns % NS_PER_DAY // NS_PER_MINUTE
