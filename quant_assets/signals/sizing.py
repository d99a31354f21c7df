"""How large a position is: fixed, by volatility, by what its stop may lose, or by its chance.

Sizes are computed when an order is made, from what the account and the bars then are: equity at
the last mark, prices up to the signal's close. They are rounded down to the instrument's `qty_step`
and bounded by `max_leverage`.
"""

from typing import Annotated, Literal

from pydantic import Field

from quant_assets.models.spec import Frozen


class FixedSize(Frozen):
    """The strategy's `qty`, whatever the account holds."""

    kind: Literal["fixed"] = "fixed"


class VolatilityTarget(Frozen):
    """As much as would have moved the account by `annual` a year.

    qty = equity x annual / (sigma x price x multiplier), with sigma the annualised standard
    deviation of the last `sessions` daily log returns of the symbol, of sessions before the
    order's; without that many no order is made.
    """

    kind: Literal["volatility_target"]
    annual: float = Field(gt=0.0, le=5.0)
    sessions: int = Field(default=20, ge=2, le=1000)


class RiskPerTrade(Frozen):
    """As much as loses `share` of the equity at the stop.

    qty = equity x share / (price x stop x multiplier).
    """

    kind: Literal["risk_per_trade"]
    share: float = Field(gt=0.0, le=1.0)


class CappedKelly(Frozen):
    """A share of the equity by the signal's chance: `fraction` of Kelly's, `cap` at most.

    Kelly's share of a bet that wins `target` with probability p and else loses `stop` is
    p / stop - (1 - p) / target, of the equity as position value (Kelly, A New Interpretation of
    Information Rate, Bell System Technical Journal 35, 1956). At or below zero no order is made.
    """

    kind: Literal["kelly"]
    fraction: float = Field(default=0.5, gt=0.0, le=1.0)
    cap: float = Field(default=1.0, gt=0.0, le=20.0)


RiskSpec = Annotated[
    FixedSize | VolatilityTarget | RiskPerTrade | CappedKelly, Field(discriminator="kind")
]
