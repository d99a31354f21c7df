"""Price steps: the tick size of a symbol that no list names, and widths of price as units."""

from decimal import Decimal, InvalidOperation

import numpy as np
import numpy.typing as npt

from quant_assets.market.errors import InputError

_FITTING_SHARE = 0.99
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
    usable = usable[np.isfinite(usable)]
    step = infer_tick_units(np.rint(usable * _UNITS_OF_ONE).astype(np.int64))
    return None if step is None else step / _UNITS_OF_ONE


def infer_tick_units(prices: npt.NDArray[np.int64]) -> int | None:
    """Return the step that `infer_tick_size` tells, as a whole number of 1e-9.

    Parameters
    ----------
    prices : int64 array of shape (n,)
        Prices in 1e-9; zeros are left out. Large ones keep all their digits here.
    """
    units = prices[prices != 0]
    if units.size == 0:
        return None
    mantissas = _MANTISSAS if np.unique(units).size >= _FEW_PRICES else _MANTISSAS[:1]
    for step in _steps(mantissas):
        if np.mean(units % step == 0) >= _SHARE:
            return step
    return 1


def _steps(mantissas: tuple[int, ...]) -> list[int]:
    """Return whole steps in units of 1e-9, largest first."""
    return [
        mantissa * 10**power // 1_000
        for power in range(9, -1, -1)
        for mantissa in mantissas
        if mantissa * 10**power % 1_000 == 0
    ]


def price_units(width: float | str) -> int:
    """Return a width of price as a whole number of 1e-9.

    Raises
    ------
    InputError
        If it is no number above 0, or finer than 1e-9.
    """
    try:
        units = Decimal(str(width)) * _UNITS_OF_ONE
        is_whole = 0 < units <= 10**18 and units == int(units)
    except (InvalidOperation, ValueError, OverflowError):
        is_whole = False
    if not is_whole:
        raise InputError(
            asked=f"a price step of {str(width)[:40]!r}",
            found="no number above 0 with nine decimals at most",
            remedy="Write it like 0.25.",
        )
    return int(units)


def price_name(units: int) -> str:
    """Return a width of price as a plain decimal: 5,000 units of 1e-9 are `0.000005`."""
    return format((Decimal(units) / _UNITS_OF_ONE).normalize(), "f")


def check_tick_size(prices: npt.NDArray[np.int64], tick: int) -> None:
    """Do nothing if a tick size fits: 99 % of the prices are multiples of it.

    Parameters
    ----------
    prices : int64 array of shape (n,)
        Prices in 1e-9.
    tick
        Tick size in 1e-9.

    Raises
    ------
    InputError
        If it does not; the message says which step fits.
    """
    on_grid = np.mean(prices % tick == 0) if prices.size else 1.0
    if on_grid < _FITTING_SHARE:
        fitting = price_name(infer_tick_units(prices) or 1)
        raise InputError(
            asked=f"a tick size of {price_name(tick)}",
            found=f"{100 * (1 - on_grid):.0f} % of {prices.size:,} prices are no multiples of it",
            remedy=f"The prices' own step is {fitting}: state that one, or none.",
        )
