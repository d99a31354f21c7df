"""Longer bars within an unbroken run, complete ones only, and which of them an own bar may see.

Longer bars are anchored at midnight UTC, as bars are. One is complete at the first own bar that
ends at its end or later. The first of a run counts only if the run starts where it starts: of any
other, bars are missing. Nor does one count that a run's end interrupts.
"""

from dataclasses import dataclass

import numpy as np

from quant_assets.features.bar_arrays import BarArrays, read_only
from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.indicators.kernels import FIRST, HIGHEST, LAST, LOWEST, TOTAL, aggregated
from quant_assets.market.timeframes import Timeframe

HOW = {
    "open": FIRST,
    "high": HIGHEST,
    "low": LOWEST,
    "volume": TOTAL,
    "trades": TOTAL,
    "buy_volume": TOTAL,
    "sell_volume": TOTAL,
    "footprint_volume": TOTAL,
    "footprint_bid_volume": TOTAL,
    "footprint_ask_volume": TOTAL,
    "footprint_delta": TOTAL,
}
"""How a column of own bars becomes one of longer bars; of the others the last value counts."""


@dataclass(frozen=True)
class LongerBars:
    """The complete longer bars of a run.

    Parameters
    ----------
    bars
        Their columns; `bar_of_session` is 0 at the first that ends inside the session.
    seen
        Shape (n_own,): the last longer bar that is complete at the own bar's end, -1 for none.
    """

    bars: BarArrays
    seen: IntArray

    @classmethod
    def of_run(cls, own: BarArrays, longer: Timeframe) -> "LongerBars":
        """Put a run of own bars together; a longer bar without own bars does not exist."""
        start_ns = own.bar_start_ns // longer.ns * longer.ns
        firsts = np.flatnonzero(np.diff(start_ns, prepend=-1))
        if own.bar_start_ns[0] != start_ns[0]:
            firsts = firsts[1:]
        end_ns = start_ns[firsts] + longer.ns
        own_end_ns = own.bar_start_ns + own.timeframe.ns
        seen = np.searchsorted(end_ns, own_end_ns, side="right") - 1
        n_complete = int(seen[-1]) + 1
        edges = np.append(firsts, len(own))[: n_complete + 1]
        return cls(_put_together(own, longer, edges, start_ns), seen)

    def spread(self, values: FloatArray) -> FloatArray:
        """Return at each own bar the value of the longer bar that it sees, NaN for none."""
        return np.append(values, np.nan)[self.seen]


def _put_together(
    own: BarArrays, longer: Timeframe, edges: IntArray, start_ns: IntArray
) -> BarArrays:
    """Return the longer bars between neighbouring edges."""
    columns = {
        name: read_only(aggregated(values, edges, HOW.get(name, LAST)))
        for name, values in own.columns.items()
    }
    ends_inside = own.bar_of_session[edges[1:] - 1] >= 0
    return BarArrays(
        columns=columns,
        bar_start_ns=read_only(start_ns[edges[:-1]]),
        bar_of_session=read_only(np.arange(len(ends_inside)) - np.count_nonzero(~ends_inside)),
        timeframe=longer,
    )
