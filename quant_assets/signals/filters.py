"""Components that a strategy switches on: a second opinion, and the regime that it trades in."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from quant_assets.models.spec import Frozen


class ConfirmSpec(Frozen):
    """A second strategy, the "bot", that must agree with each trade.

    Parameters
    ----------
    table
        `predictions`: its model's probability of the same side must reach `threshold`; a short
        is confirmed by predictions that speak of shorts, those of a meta-label.
        `signals`: it must ask for the same side.
    name
        Strategy whose rows of that table are read; a bar that has none is not confirmed.
    """

    table: Literal["predictions", "signals"] = "predictions"
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,40}$")
    threshold: float | None = Field(default=None, gt=0.0, lt=1.0)

    @model_validator(mode="after")
    def _threshold_fits(self) -> Self:
        if (self.threshold is None) == (self.table == "predictions"):
            needs = "needs a threshold" if self.threshold is None else "has no threshold"
            raise ValueError(f"table {self.table} {needs}")
        return self


class RegimeFilter(Frozen):
    """Regimes in which trades are allowed.

    The label of a bar is known at its close and decides the order that follows it. A bar without a
    label, of a time without a fitted state, allows none.
    """

    column: Literal["mixture_label", "volatility_label"] = "volatility_label"
    allowed: tuple[int, ...]

    @field_validator("allowed")
    @classmethod
    def _is_a_set(cls, allowed: tuple[int, ...]) -> tuple[int, ...]:
        if not allowed or min(allowed) < 0:
            raise ValueError("name at least one label, from 0 on")
        return tuple(sorted(set(allowed)))
