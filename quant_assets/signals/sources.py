"""Where signals come from: a model, a rule of the package, or a class of the user's."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from quant_assets.models.spec import Frozen

Sides = Literal["long", "both"]
"""Whether a rule asks for longs alone, or for shorts too."""

Value = float | int | str | bool


class ModelSignal(Frozen):
    """Predictions of the strategy's own model, by its `decision`."""

    kind: Literal["model"] = "model"


class SmaCross(Frozen):
    """Long where the mean of the last `fast` closes is above that of the last `slow` ones.

    Below it short, or nothing with side `long`; where both are equal, or one has too few bars of
    the contract, nothing.
    """

    kind: Literal["sma_cross"]
    fast: int = Field(ge=1, le=100_000)
    slow: int = Field(ge=2, le=100_000)
    side: Sides = "both"

    @model_validator(mode="after")
    def _fast_is_faster(self) -> "SmaCross":
        if self.fast >= self.slow:
            raise ValueError(f"fast {self.fast} must be below slow {self.slow}")
        return self


class RandomSignal(Frozen):
    """A trade at random: what luck looks like.

    Parameters
    ----------
    chance
        Probability that a bar asks for a trade; with side `both` each side is as likely.
    seed
        The draw of a bar hangs on the seed and the bar's start alone.
    """

    kind: Literal["random"]
    chance: float = Field(gt=0.0, le=1.0)
    seed: int = Field(ge=0, lt=2**63)
    side: Sides = "both"


class PythonSignal(Frozen):
    """A class of the user's own, which is asked at the close of each bar.

    Parameters
    ----------
    file
        Python file under `strategies` of the data root; it runs as code.
    rule
        Name of the class; `signals.python_rule` says what it must have.
    params
        Keyword arguments of its making.
    """

    kind: Literal["python"]
    file: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}\.py$")
    rule: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,80}$")
    params: dict[str, Value] = Field(default_factory=dict)


SignalSpec = Annotated[
    ModelSignal | SmaCross | RandomSignal | PythonSignal, Field(discriminator="kind")
]
