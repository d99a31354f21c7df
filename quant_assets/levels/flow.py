"""A session's trading bar by bar: its prices by volume, from its footprint or else its bars."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.bars.profile import typical_ticks
from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.levels.kernels import NOTHING, developing_areas, running_moments
from quant_assets.levels.schema import BAND_DEVIATIONS
from quant_assets.levels.stretches import Stretch, units_of
from quant_assets.market.columns import PRICE_SCALE

VALUE_AREA_SHARE = 0.7
"""Least share of the volume that a value area holds."""


@dataclass(frozen=True)
class Rows:
    """Volume at prices, in the order in which it becomes known.

    Parameters
    ----------
    price, volume : float64 arrays of shape (n_rows,)
    end : int64 array of shape (n_bars,)
        Rows known at each bar's end, counted from the first.
    """

    price: FloatArray
    volume: FloatArray
    end: IntArray


@dataclass(frozen=True)
class Flow:
    """The trading of one session.

    Parameters
    ----------
    price, volume : float64 arrays of shape (n_bars,)
        Each bar's average price, and its volume.
    spread
        What deviations are taken from.
    profile
        What profiles are made of.
    """

    price: FloatArray
    volume: FloatArray
    spread: Rows
    profile: Rows

    @classmethod
    def of(cls, bars: pl.DataFrame, footprint: pl.DataFrame | None, *, tick: int) -> "Flow":
        """Take a session's bars, and its footprint by tick where it has one.

        Parameters
        ----------
        bars
            Table `bars`, of one session.
        footprint
            Table `footprint` of the same session; None where its bars are all there is. A frame
            without rows is a footprint too: what is still to come must not decide.
        tick
            Tick size in 1e-9, to which prices of bars are rounded.
        """
        high, low, close, vwap = (_values(bars, name) for name in ("high", "low", "close", "vwap"))
        typical = (high + low + close) / 3.0
        price = np.where(np.isnan(vwap), typical, vwap)
        volume = _values(bars, "volume")
        if footprint is not None:
            rows = _footprint_rows(bars, footprint)
            return cls(price, volume, rows, rows)
        each = np.arange(1, bars.height + 1)
        rounded = typical_ticks(bars, tick=tick) * tick / PRICE_SCALE
        return cls(price, volume, Rows(price, volume, each), Rows(rounded, volume, each))

    def bands(self, name: str, before: Stretch) -> dict[str, FloatArray]:
        """Return the volume-weighted mean price of a stretch up to each bar's end, and its bands.

        Parameters
        ----------
        before
            The stretch's earlier sessions.
        """
        mean, deviation = running_moments(
            before.moments,
            self.price,
            self.volume,
            self.spread.price,
            self.spread.volume,
            self.spread.end,
        )
        bands = {name: mean}
        for count in BAND_DEVIATIONS:
            bands[f"{name}_upper_{count}"] = mean + count * deviation
            bands[f"{name}_lower_{count}"] = mean - count * deviation
        return bands

    def area(self, name: str, before: Stretch) -> dict[str, FloatArray]:
        """Return point of control and value area of a stretch up to each bar's end.

        Parameters
        ----------
        before
            The stretch's earlier sessions.
        """
        units = units_of(self.profile.price)
        whole = before.widened(units)
        places = np.searchsorted(whole.units, units)
        areas = developing_areas(
            whole.volumes, places, self.profile.volume, self.profile.end, VALUE_AREA_SHARE
        )
        poc, low, high = (_at(whole.units / PRICE_SCALE, areas[:, column]) for column in range(3))
        return {f"{name}_poc": poc, f"{name}_vah": high, f"{name}_val": low}


def _at(prices: FloatArray, places: IntArray) -> FloatArray:
    """Return the price at each place, NaN where a place is NOTHING."""
    found = np.full(places.shape[0], np.nan)
    is_place = places != NOTHING
    found[is_place] = prices[places[is_place]]
    return found


def _footprint_rows(bars: pl.DataFrame, footprint: pl.DataFrame) -> Rows:
    """Return a footprint's rows; those of a stretch without a bar are known at the next one."""
    starts = footprint["bar_start"].to_physical().to_numpy()
    ends = np.searchsorted(starts, bars["bar_start"].to_physical().to_numpy(), side="right")
    sides = [_values(footprint, f"{side}_volume") for side in ("ask", "bid", "unknown")]
    return Rows(_values(footprint, "price"), sides[0] + sides[1] + sides[2], ends)


def _values(frame: pl.DataFrame, name: str) -> FloatArray:
    """Return a column as contiguous float64, NaN for null."""
    return np.ascontiguousarray(frame[name].cast(pl.Float64).to_numpy())
