"""Bars and cells as the kernels write them, and as the tables of footprints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bars import cell_kernels as cells
from quant_assets.bars.footprint_kernels import read_bars
from quant_assets.market.columns import PRICE_SCALE, UTC_NS

_MOST_COUNTED = 65_535

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FootprintRules:
    """What a footprint is read by.

    Parameters
    ----------
    value_area_share
        Share of the volume that the value area holds at least.
    imbalance_ratio, imbalance_volume
        How many times the volume diagonally beside it, and how much at least, makes an imbalance.
    stacked_rows
        Adjacent imbalances that make a stack.
    absorption_ratio
        How many times the mean row an extreme that absorbs holds.
    """

    value_area_share: float = 0.7
    imbalance_ratio: float = 3.0
    imbalance_volume: float = 1.0
    stacked_rows: int = 3
    absorption_ratio: float = 3.0


@dataclass(frozen=True)
class Written:
    """What `cell_kernels.add_trades` writes: bars, and their rows by ascending price.

    Parameters
    ----------
    bar_ints : int64 array of shape (n_bars, N_INTS)
    bar_reals : float64 array of shape (n_bars, N_REALS)
    row_keys, row_trades : int64 arrays of shape (n_rows,)
        Number of the bucket, and trades in it.
    row_sums : float64 array of shape (n_rows, 3)
        Volume by aggressor.
    """

    bar_ints: Ints
    bar_reals: Floats
    row_keys: Ints
    row_sums: Floats
    row_trades: Ints

    @classmethod
    def room(cls, n_bars: int, n_rows: int) -> "Written":
        """Return room for some bars and rows; pages that nothing is written to cost nothing."""
        return cls(
            np.empty((n_bars, cells.N_INTS), dtype=np.int64),
            np.empty((n_bars, cells.N_REALS), dtype=np.float64),
            np.empty(n_rows, dtype=np.int64),
            np.empty((n_rows, 3), dtype=np.float64),
            np.empty(n_rows, dtype=np.int64),
        )

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """The arrays in the order that the kernels take them."""
        return self.bar_ints, self.bar_reals, self.row_keys, self.row_sums, self.row_trades

    def cut(self, n_bars: int, n_rows: int) -> "Written":
        """Return what was written, without the room behind it."""
        return Written(
            self.bar_ints[:n_bars].copy(),
            self.bar_reals[:n_bars].copy(),
            self.row_keys[:n_rows].copy(),
            self.row_sums[:n_rows].copy(),
            self.row_trades[:n_rows].copy(),
        )


def rows_table(written: Written, *, bucket: int) -> pl.DataFrame:
    """Return the rows in the columns and order of table `footprint`.

    Parameters
    ----------
    bucket
        Width of a bucket in 1e-9.
    """
    of_bar = np.repeat(np.arange(written.bar_ints.shape[0]), written.bar_ints[:, cells.N_CELLS])
    sums = written.row_sums
    return pl.DataFrame(
        {
            "session": _sessions(written.bar_ints[of_bar, cells.SESSION]),
            "bar_start": _instants(written.bar_ints[of_bar, cells.START]),
            "price": _edges(written.row_keys, bucket),
            "bid_volume": sums[:, cells.SELL],
            "ask_volume": sums[:, cells.BUY],
            "unknown_volume": sums[:, cells.UNKNOWN],
            "delta": sums[:, cells.BUY] - sums[:, cells.SELL],
            "trades": pl.Series(written.row_trades).cast(pl.UInt32),
        }
    )


def bars_table(
    written: Written, *, bucket: int, rules: FootprintRules, ends: Callable[[Ints], Ints]
) -> pl.DataFrame:
    """Return the bars in the columns and order of table `footprint_bars`.

    Parameters
    ----------
    ends
        Gives from `bar_ints` when each bar is known, as ns.
    """
    ints, reals = written.bar_ints, written.bar_reals
    prices = {"open": cells.OPEN, "high": cells.HIGH, "low": cells.LOW, "close": cells.CLOSE}
    return pl.DataFrame(
        {
            "session": _sessions(ints[:, cells.SESSION]),
            "bar_start": _instants(ints[:, cells.START]),
            "bar_end": _instants(ends(ints)),
            **{name: ints[:, place] / PRICE_SCALE for name, place in prices.items()},
            "volume": reals[:, cells.VOL],
            "bid_volume": reals[:, cells.BID],
            "ask_volume": reals[:, cells.ASK],
            "unknown_volume": reals[:, cells.UNK],
            "trades": pl.Series(ints[:, cells.COUNT]).cast(pl.UInt32),
            "delta": reals[:, cells.ASK] - reals[:, cells.BID],
            "cum_delta": reals[:, cells.CUM_DELTA],
            "min_delta": reals[:, cells.MIN_DELTA],
            "max_delta": reals[:, cells.MAX_DELTA],
            **_shown(written, bucket, rules),
        }
    )


def _shown(written: Written, bucket: int, rules: FootprintRules) -> dict[str, npt.NDArray[Any]]:
    """Return what each bar's rows show, in the order of the table's columns."""
    area, counts, flags = read_bars(
        written.bar_ints,
        written.row_keys,
        written.row_sums,
        rules.value_area_share,
        rules.imbalance_ratio,
        rules.imbalance_volume,
        rules.stacked_rows,
        rules.absorption_ratio,
    )
    counted = np.minimum(counts, _MOST_COUNTED).astype(np.uint16)
    levels = {name: _edges(area[:, n], bucket) for n, name in enumerate(("poc", "vah", "val"))}
    kinds = ("imbalance_buy", "imbalance_sell", "stacked_buy", "stacked_sell")
    marks = ("unfinished_high", "unfinished_low", "absorption")
    return (
        levels
        | {name: counted[:, n] for n, name in enumerate(kinds)}
        | {name: flags[:, n] for n, name in enumerate(marks)}
    )


def _sessions(days: Ints) -> pl.Series:
    """Return days since the epoch as dates."""
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def _instants(stamps_ns: Ints) -> pl.Series:
    """Return stamps as instants."""
    return pl.Series(stamps_ns).cast(UTC_NS)


def _edges(keys: Ints, bucket: int) -> Floats:
    """Return the lower edges of buckets: below 9 million the Float64 nearest to the decimal."""
    edges: Floats = keys * bucket / PRICE_SCALE
    return edges
