"""What `quant explain` says of a trade: a chain of steps, each with what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class StepState(StrEnum):
    """How a step ended."""

    FOUND = "found"
    ENDED = "ended"
    """The chain goes no further here, for the reason that is said."""
    ABSENT = "absent"
    """Something that was there once is not any more, or not where it was looked for."""
    MISMATCH = "mismatch"
    """What is there contradicts the trade."""


@dataclass(frozen=True)
class Step:
    """One step from a trade towards its files.

    Parameters
    ----------
    name
        What was looked for.
    told
        What was found, as a sentence.
    values
        The same as JSON values.
    """

    name: str
    told: str
    state: StepState = StepState.FOUND
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the step as JSON values."""
        return {
            "step": self.name,
            "state": self.state.value,
            "told": self.told,
            "values": dict(self.values),
        }


@dataclass(frozen=True)
class Explanation:
    """All steps of one trade, in the order of the walk."""

    trade_id: str
    steps: tuple[Step, ...]
    synthetic: bool

    @property
    def contradicts(self) -> bool:
        """Whether anything contradicts the trade."""
        return any(step.state is StepState.MISMATCH for step in self.steps)

    @property
    def is_resolved(self) -> bool:
        """Whether nothing contradicts the trade and nothing that it comes from is gone."""
        gone = {StepState.MISMATCH, StepState.ABSENT}
        return not any(step.state in gone for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON values."""
        return {
            "trade_id": self.trade_id,
            "synthetic": self.synthetic,
            "resolved": self.is_resolved,
            "steps": [step.to_json() for step in self.steps],
        }
