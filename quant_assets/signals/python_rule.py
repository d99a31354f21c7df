"""Rules that users write: a class that is asked at the close of each bar.

```python
class Breakout:
    warm_up_bars = 20

    def __init__(self, margin: float = 0.0) -> None:
        self.margin = margin
        self.highs = []

    def decide(self, bar: Bar) -> int:
        highest = max(self.highs[-20:], default=bar.high)
        self.highs.append(bar.high)
        return 1 if bar.close > highest * (1 + self.margin) else 0
```
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl

from quant_assets.market.errors import StrategyError


class Bar(NamedTuple):
    """What a rule sees of a bar, at its close; `start_ns` is UTC."""

    session: date
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Rule(Protocol):
    """What a class of the user's must have.

    A new one is made for each session, with the strategy's `params` as keyword arguments, and is
    first shown the `warm_up_bars` bars before the session, or fewer where a contract began later.
    So what it says of a bar hangs on those bars and the session's alone.
    """

    warm_up_bars: int

    def decide(self, bar: Bar) -> int:
        """Return the side wanted after the bar: 1 long, -1 short, 0 none."""
        ...


def rule_sides(
    made: Any, bars: pl.DataFrame, *, n_before: int, params: Mapping[str, Any]
) -> np.ndarray:
    """Ask a rule for the side after each bar of a session.

    Parameters
    ----------
    made
        The class.
    bars
        Columns of `Bar` by their names in table `bars`: `n_before` bars to warm up on, then the
        session's.

    Returns
    -------
    int8 array of shape (len(bars) - n_before,)

    Raises
    ------
    StrategyError
        If the class cannot be made, fails on a bar, or says what is no side.
    """
    name = getattr(made, "__name__", str(made))
    try:
        rule = made(**params)
    except Exception as error:
        raise _refused(name, "when it is made", error) from error
    columns = ("session", "start_ns", "open", "high", "low", "close", "volume")
    start = pl.col("bar_start").to_physical().alias("start_ns")
    sides: list[int] = []
    for values in (
        bars.select(start, *(c for c in columns if c != "start_ns")).select(columns).iter_rows()
    ):
        bar = Bar(*values)
        try:
            side = rule.decide(bar)
        except Exception as error:
            raise _refused(name, f"at the bar of {bar.session}", error) from error
        if isinstance(side, bool) or side not in (-1, 0, 1):
            raise StrategyError(
                asked=f"the side that rule {name} wants at a bar of {bar.session}",
                found=f"{side!r}",
                remedy="Return 1 for long, -1 for short, 0 for none.",
            )
        sides.append(int(side))
    return np.array(sides[n_before:], dtype=np.int8)


def warm_up_of(made: Any) -> int:
    """Return how many bars before a session a rule wants to see.

    Raises
    ------
    StrategyError
        If the class does not say, or says no count.
    """
    value = getattr(made, "warm_up_bars", None)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise StrategyError(
            asked=f"warm_up_bars of rule {getattr(made, '__name__', made)}",
            found=f"{value!r}",
            remedy="Give the class a count of bars, 0 where it looks at no earlier one.",
        )
    return value


def _refused(name: str, when: str, error: Exception) -> StrategyError:
    """Say that a rule failed, and when."""
    return StrategyError(
        asked=f"rule {name} {when}",
        found=f"{type(error).__name__}: {' '.join(str(error).split())}",
        remedy="Mend the class; signals.python_rule says what it is given.",
    )
