"""Numba functions of sizing: how many units an order asks for, and what refuses it."""

import numpy as np
from numba import njit

from quant_assets.backtests.columns import (
    AMOUNT,
    LIMIT,
    MAX_LEVERAGE,
    SIZING,
    STOP_RATIO,
    TARGET_RATIO,
)
from quant_assets.execution.bar_kernels import whole_steps
from quant_assets.execution.reasons import BAD_SIZE, FILLED, Reason, code_of

BUYING_POWER = code_of(Reason.BUYING_POWER)

FIXED, VOLATILITY, RISK, KELLY = 0.0, 1.0, 2.0, 3.0


@njit(cache=True, nogil=True)
def order_qty(
    rules: np.ndarray, told: float, equity: float, price: float, multiplier: float, step: float
) -> tuple[float, int]:
    """Return an order's size, and FILLED or why it is not made.

    Parameters
    ----------
    rules : float64 array of shape (N_RULES,)
        AMOUNT is the qty, the deviation a year, the share of the equity or the fraction of
        Kelly's; LIMIT is Kelly's cap.
    told
        Of VOLATILITY the annualised deviation of earlier sessions, of KELLY the signal's chance;
        NaN where there is none, then no order is made.
    equity, price
        The account at the last mark, and the close of the signal's bar.

    Notes
    -----
    `signals.sizing` states the formulas. A size that is computed is rounded down to the step.
    """
    if not equity > 0.0:
        return 0.0, BUYING_POWER
    value = price * multiplier
    qty = rules[AMOUNT]
    if rules[SIZING] != FIXED:
        if rules[SIZING] != RISK and not told > 0.0:
            return 0.0, BAD_SIZE
        if rules[SIZING] == VOLATILITY:
            qty = equity * rules[AMOUNT] / (told * value)
        elif rules[SIZING] == RISK:
            qty = equity * rules[AMOUNT] / (value * rules[STOP_RATIO])
        else:
            edge = told / rules[STOP_RATIO] - (1.0 - told) / rules[TARGET_RATIO]
            qty = equity * min(rules[AMOUNT] * edge, rules[LIMIT]) / value
        qty = whole_steps(qty, step)
        if not qty >= step:
            return 0.0, BAD_SIZE
    if not qty * value <= rules[MAX_LEVERAGE] * equity:
        return 0.0, BUYING_POWER
    return qty, FILLED
