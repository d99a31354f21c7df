"""When a position ends: stop, target, time limit, and the signal itself."""

import math
from dataclasses import dataclass

from pydantic import Field

from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.spec import Frozen


class ExitSpec(Frozen):
    """What ends a position, beside the session's end where it may not be held over.

    Parameters
    ----------
    stop, target
        Distance from the entry's fill, as ratios of its price; None is none.
    horizon_bars
        Time limit in bars, the entry's counted; None is none.
    on_signal
        Whether a position follows the signal: it ends at the open after a bar that asks for the
        other side or for nothing, and the other side is entered there.
    """

    stop: float | None = Field(default=None, gt=0.0, lt=1.0)
    target: float | None = Field(default=None, gt=0.0, lt=10.0)
    horizon_bars: int | None = Field(default=None, ge=1, le=1_000_000)
    on_signal: bool = False


@dataclass(frozen=True)
class Exits:
    """The rules of a strategy's exits, as numbers: infinite ratios and 0 bars are none."""

    stop_ratio: float
    target_ratio: float
    horizon_bars: int
    on_signal: bool

    @classmethod
    def of_spec(cls, spec: ExitSpec) -> "Exits":
        """Return what an exit spec says."""
        return cls(
            stop_ratio=math.inf if spec.stop is None else spec.stop,
            target_ratio=math.inf if spec.target is None else spec.target,
            horizon_bars=spec.horizon_bars or 0,
            on_signal=spec.on_signal,
        )

    @classmethod
    def of_label(cls, label: LabelSpec) -> "Exits":
        """Return the exits of the trade that a label speaks of."""
        return cls(label.stop_ratio, label.target_ratio, label.horizon_bars, on_signal=False)
