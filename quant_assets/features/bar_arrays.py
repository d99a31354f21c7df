"""What a feature function sees: a stretch of bars without a break, as read-only arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.market.timeframes import Timeframe

Result = TypeVar("Result")
Values = TypeVar("Values", FloatArray, IntArray)


@dataclass(frozen=True)
class BarArrays:
    """The bars a feature function sees: a stretch without a break, oldest first.

    Parameters
    ----------
    columns
        The declared inputs, float64 arrays of shape (n,). All arrays are read-only.
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
        of one MACD cost one. What an indicator returns, an array or several, becomes read-only.
        """
        key = (indicator, names, tuple(parameters.items()))
        if key not in self._made:
            made = indicator(*(self.columns[name] for name in names), **parameters)
            for array in made if isinstance(made, tuple) else (made,):
                if isinstance(array, np.ndarray):
                    read_only(array)
            self._made[key] = made
        result: Result = self._made[key]
        return result


def read_only(array: Values) -> Values:
    """Return an array that no feature can change for the next one."""
    array.flags.writeable = False
    return array


Compute = Callable[..., FloatArray]
"""`compute(bars, **parameters)`: float64 of shape (n,); NaN and infinities become null."""
