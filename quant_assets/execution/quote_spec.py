"""How orders take from quotes: what each realism level pays, as a spec and as kernels' rules."""

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from quant_assets.execution import consumption_kernels as place
from quant_assets.execution.costs import Realism
from quant_assets.execution.impact_kernels import impact_ratio
from quant_assets.models.spec import Frozen

_BPS = 0.0001
_SECOND_NS = 1e9


class QuoteSpec(Frozen):
    """Rules of taking from quotes at realism `full`.

    Parameters
    ----------
    max_sweep_levels
        Levels that an order may take from one quote, the touch counted.
    level_ticks
        Distance of neighbouring levels; a quote tells the first one alone.
    level_window_s
        A level beyond the first has the median size of its side's touch over that time.
    collar_bps
        Distance from the touch first seen beyond which nothing is paid, in 0.0001 of it.
    ttl_s
        How long a market order works on; 0 is immediate or cancel.
    max_quote_age_s
        Age from which a standing quote fills nothing.
    impact
        Y of the square-root law; 1 is on the safe side of the 0.5 to 1 that is measured.
    tau_s, permanent_share
        Own impact fades with tau, but for a share that stays. Tau is a guess; no data tell it.
    """

    max_sweep_levels: int = Field(default=5, ge=1, le=64)
    level_ticks: int = Field(default=1, ge=1, le=1_000_000)
    level_window_s: int = Field(default=60, ge=1, le=86_400)
    collar_bps: float = Field(default=100.0, gt=0.0, le=10_000.0)
    ttl_s: float = Field(default=5.0, ge=0.0, le=86_400.0)
    max_quote_age_s: float = Field(default=30.0, gt=0.0, le=86_400.0)
    impact: float = Field(default=1.0, ge=0.0, le=10.0)
    tau_s: float = Field(default=300.0, gt=0.0, le=1e6)
    permanent_share: float = Field(default=0.3, ge=0.0, le=1.0)


def quote_rules(
    spec: QuoteSpec,
    *,
    realism: Realism,
    sigma_day: float,
    volume_day: float,
    qty_step: float,
) -> npt.NDArray[np.float64]:
    """Return a spec at a realism level as rules of `consumption_kernels`.

    `ideal` pays the mid, `spread` and `latency` the touch, each whole; `full` adds levels, collar,
    impact and memory. That unsound quotes fill nothing holds at each level.

    Parameters
    ----------
    sigma_day, volume_day
        Of sessions before; 0 or NaN where not known: no impact then.
    qty_step
        Parts of an order are multiples of it.

    Returns
    -------
    float64 array of shape (N_RULES,)
    """
    is_full = realism is Realism.FULL
    impact = impact_ratio(spec.impact, sigma_day, 1.0, volume_day)
    rules = np.zeros(place.N_RULES, dtype=np.float64)
    rules[place.PAYS_SPREAD] = realism is not Realism.IDEAL
    rules[place.HAS_SIZE] = is_full
    rules[place.MAX_LEVELS] = spec.max_sweep_levels
    rules[place.LEVEL_TICKS] = spec.level_ticks
    rules[place.COLLAR_RATIO] = spec.collar_bps * _BPS if is_full else math.inf
    rules[place.MAX_AGE_NS] = spec.max_quote_age_s * _SECOND_NS
    rules[place.IMPACT_OF_ONE] = impact if is_full else 0.0
    rules[place.TAU_NS] = spec.tau_s * _SECOND_NS
    rules[place.STAYING] = spec.permanent_share
    rules[place.QTY_STEP] = qty_step
    return rules
