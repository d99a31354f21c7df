"""What earlier sessions of a stretch hand on: volume by price, and its moments."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.levels.kernels import N_MOMENTS, added_moments
from quant_assets.market.columns import PRICE_SCALE


def units_of(prices: FloatArray) -> IntArray:
    """Return prices as whole counts of 1e-9, in which equal prices are equal numbers."""
    units: IntArray = np.rint(prices * PRICE_SCALE).astype(np.int64)
    return units


@dataclass(frozen=True)
class Stretch:
    """Volume traded so far in a stretch of sessions.

    Parameters
    ----------
    units : int64 array of shape (n_prices,)
        Prices that were traded, ascending, as counts of 1e-9.
    volumes : float64 array of shape (n_prices,)
        Volume at each, summed in order of the sessions.
    moments : float64 array of shape (N_MOMENTS,)
        As in `levels.kernels`, of the same rows: sessions in their order, prices ascending.
    """

    units: IntArray
    volumes: FloatArray
    moments: FloatArray

    @classmethod
    def empty(cls) -> "Stretch":
        """Return a stretch of no session."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0), np.zeros(N_MOMENTS))

    def extended(self, profile: pl.DataFrame) -> "Stretch":
        """Return the stretch with one more session.

        Extended session by session or made anew, the same sessions in the same order give the
        same bits.

        Parameters
        ----------
        profile
            Columns price and volume of table `profiles`, by ascending price.
        """
        prices = np.ascontiguousarray(profile["price"].to_numpy())
        volumes = np.ascontiguousarray(profile["volume"].to_numpy())
        grown = self.widened(own := units_of(prices))
        grown.volumes[np.searchsorted(grown.units, own)] += volumes
        return Stretch(grown.units, grown.volumes, added_moments(self.moments, prices, volumes))

    def widened(self, units: IntArray) -> "Stretch":
        """Return a copy that has a place for each of some prices too, of no volume where new."""
        wide = np.union1d(self.units, units)
        volumes = np.zeros(wide.shape[0])
        volumes[np.searchsorted(wide, self.units)] = self.volumes
        return Stretch(wide, volumes, self.moments)
