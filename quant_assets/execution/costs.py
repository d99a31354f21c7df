"""What a trade costs: half the spread against us on each side, and fees."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from quant_assets.market.errors import StrategyError
from quant_assets.market.instruments import Instrument
from quant_assets.market.tick_size import infer_tick_size
from quant_assets.signals.execution_spec import ExecutionSpec

_BPS = 0.0001


class Realism(StrEnum):
    """How much of a real market the fills pay for; each level holds the ones before it."""

    IDEAL = "ideal"
    """No cost at all."""
    SPREAD = "spread"
    """Half the spread on each side, and fees."""
    LATENCY = "latency"
    """Besides, the time an order takes."""
    FULL = "full"
    """Besides, slippage by size, partial fills and halts."""


REALISM_LEVELS = tuple(level.value for level in Realism)
"""The levels as stored words, from least to most real."""


@dataclass(frozen=True)
class Costs:
    """Costs of one instrument.

    Parameters
    ----------
    half_spread
        Price given up on each side, in quote currency.
    fee_per_unit
        Fee a unit and side, in quote currency.
    fee_ratio
        Fee a side as a ratio of the traded value.
    """

    half_spread: float
    fee_per_unit: float
    fee_ratio: float

    def fees(self, *, price: float, qty: float, multiplier: float) -> float:
        """Return the fees of one side."""
        return qty * self.fee_per_unit + qty * multiplier * price * self.fee_ratio


def costs_of(
    instrument: Instrument,
    execution: ExecutionSpec,
    *,
    closes: npt.NDArray[np.float64],
    realism: Realism = Realism.SPREAD,
) -> Costs:
    """Return an instrument's costs; at realism `ideal` there are none.

    Parameters
    ----------
    execution
        What the strategy says; None there takes the instrument's own. A fee given there replaces
        all of the instrument's fees.
    closes : float64 array of shape (n,)
        Prices to infer the tick size from, where the instrument has none.

    Raises
    ------
    StrategyError
        If the tick size is neither known nor to be read off the prices.
    """
    if realism is Realism.IDEAL:
        return Costs(half_spread=0.0, fee_per_unit=0.0, fee_ratio=0.0)
    tick = instrument.tick_size or infer_tick_size(closes)
    if tick is None:
        raise StrategyError(
            asked=f"execution.spread_ticks for {instrument.symbol}",
            found="no tick size is known, and there is no price to infer it from",
            remedy="Name the symbol's tick_size in instruments.yaml.",
        )
    ticks = instrument.spread_ticks if execution.spread_ticks is None else execution.spread_ticks
    given = execution.fee_per_unit
    return Costs(
        half_spread=0.5 * ticks * tick,
        fee_per_unit=instrument.fee_per_unit if given is None else given,
        fee_ratio=instrument.fee_bps * _BPS if given is None else 0.0,
    )
