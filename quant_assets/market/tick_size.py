"""Tick size of a symbol that no list names, read off its prices."""

import numpy as np
import numpy.typing as npt

_UNITS_OF_ONE = 1_000_000_000
_SHARE = 0.999
_MANTISSAS = (1_000, 500, 250)
_FEW_PRICES = 20


def infer_tick_size(prices: npt.NDArray[np.float64]) -> float | None:
    """Return the largest decimal step of which 99.9 % of the prices are multiples.

    Steps are 1, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01 and so on down to 1e-9, the unit of prices at
    rest; never above 1. Where fewer than 20 prices differ, steps of 0.5 and 0.25 could fit by
    chance, so only powers of ten are tried.

    Parameters
    ----------
    prices : float64 array of shape (n,)
        Prices in quote currency, in any order; NaN, infinities and zeros are left out.

    Returns
    -------
    float or None
        The step; None where no price is left.
    """
    usable = np.asarray(prices, dtype=np.float64)
    usable = usable[np.isfinite(usable) & (usable != 0)]
    if usable.size == 0:
        return None
    units = np.rint(usable * _UNITS_OF_ONE).astype(np.int64)
    mantissas = _MANTISSAS if np.unique(units).size >= _FEW_PRICES else _MANTISSAS[:1]
    for step in _steps(mantissas):
        if np.mean(units % step == 0) >= _SHARE:
            return step / _UNITS_OF_ONE
    return 1 / _UNITS_OF_ONE


def _steps(mantissas: tuple[int, ...]) -> list[int]:
    """Return whole steps in units of 1e-9, largest first."""
    return [
        mantissa * 10**power // 1_000
        for power in range(9, -1, -1)
        for mantissa in mantissas
        if mantissa * 10**power % 1_000 == 0
    ]
