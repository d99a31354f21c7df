"""What a feature function sees: a stretch of bars without a break, as read-only arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.market.timeframes import Timeframe

Result = TypeVar("Result")


@dataclass(frozen=True)
class BarArrays:
    """The bars a feature function sees: a stretch without a break, oldest first.

    Parameters
    ----------
    columns
        The declared inputs, read-only float64 arrays of shape (n,).
    bar_start_ns
        Start of each bar, int64 nanoseconds UTC, shape (n,).
    bar_of_session
        Row number counted from the session's first bar, which is 0; negative before it.
    timeframe
        Length of a bar.
    """

    columns: Mapping[str, FloatArray]
    bar_start_ns: IntArray
    bar_of_session: IntArray
    timeframe: Timeframe
    _made: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, name: str) -> FloatArray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.bar_start_ns)

    def shared(self, indicator: Callable[..., Result], *names: str, **parameters: float) -> Result:
        """Return an indicator of the named columns, computed once for all features that ask.

        Features share it where they declare the same inputs and see the same bars: three features
        of one MACD cost one.
        """
        key = (indicator, names, tuple(parameters.items()))
        if key not in self._made:
            self._made[key] = indicator(*(self.columns[name] for name in names), **parameters)
        result: Result = self._made[key]
        return result


Compute = Callable[..., FloatArray]
"""`compute(bars, **parameters)`: float64 of shape (n,); NaN and infinities become null."""
