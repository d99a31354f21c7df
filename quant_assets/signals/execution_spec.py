"""What trading costs and how real it is, as a strategy asks for it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from quant_assets.models.spec import Frozen

RealismLevel = Literal["ideal", "spread", "latency", "full"]

ADDED_COSTS = ("realism", "latency", "participation", "impact", "blind_slippage_bps", "seed")
"""Keys that the first version did not have: left out of a strategy's text at their default."""


class LatencySpec(Frozen):
    """Time from a decision to the order's arrival, and from the fill to its being known.

    Parameters
    ----------
    kind
        `uniform` draws network, exchange and way back each on its own, 50 to 200 ms in sum;
        `constant` is `arrival_ms`; `lognormal_truncated` has median `arrival_ms` and `spread` as
        the deviation of its logarithm, cut at `most_ms`; `empirical` draws from `samples_ms`.
    """

    kind: Literal["uniform", "constant", "lognormal_truncated", "empirical"] = "uniform"
    arrival_ms: float = Field(default=100.0, gt=0.0, le=60_000.0)
    spread: float = Field(default=0.3, gt=0.0, le=3.0)
    most_ms: float = Field(default=1_000.0, gt=0.0, le=60_000.0)
    samples_ms: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _has_its_samples(self) -> Self:
        if self.kind == "empirical" and not self.samples_ms:
            raise ValueError("samples_ms: kind empirical draws from them, and there are none")
        if any(not 0.0 < sample <= 60_000.0 for sample in self.samples_ms):
            raise ValueError("samples_ms: each must lie above 0 and at most at 60000")
        return self


class ExecutionSpec(Frozen):
    """Realism and costs of trading; None takes the instrument's default.

    Parameters
    ----------
    realism
        `ideal` pays nothing; `spread` half the spread a side, and fees; `latency` also waits for
        the order's way; `full` also pays by size, fills in parts, and does not fill in a halt.
    participation
        Share of a bar's volume that one order may take, at realism `full`.
    impact
        Y of the square-root law: an order of the day's whole volume moves the price by Y daily
        deviations; at realism `full`.
    blind_slippage_bps
        What is paid a side, in basis points, where volume counts ticks and not size.
    seed
        Seed of the latency's draws.
    """

    realism: RealismLevel = "spread"
    spread_ticks: float | None = Field(default=None, ge=0.0, le=10_000.0)
    fee_per_unit: float | None = Field(default=None, ge=0.0)
    latency: LatencySpec = LatencySpec()
    participation: float = Field(default=0.1, gt=0.0, le=1.0)
    impact: float = Field(default=1.0, ge=0.0, le=10.0)
    blind_slippage_bps: float = Field(default=1.0, ge=0.0, le=1000.0)
    seed: int = Field(default=7, ge=0, lt=2**63)
