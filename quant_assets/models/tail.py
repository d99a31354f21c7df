"""The tail: the end of a fold's training rows, purged from the rest, to stop and to calibrate."""

from dataclasses import dataclass, field

import numpy as np

from quant_assets.models.calibration import too_few
from quant_assets.models.spec import TailSpec

NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Tail:
    """Rows of one fold's training by what they are for; indices into all rows.

    Parameters
    ----------
    fit
        Rows that scaler, pruning and estimator learn from.
    stop, calibrate
        Rows that end a booster's rounds, and that the probabilities are mapped on; may be empty.
    notes
        What was asked for and could not be done, by name (`early_stopping`, `calibration`).
    """

    fit: np.ndarray
    stop: np.ndarray = field(default_factory=lambda: NOTHING)
    calibrate: np.ndarray = field(default_factory=lambda: NOTHING)
    notes: dict[str, str] = field(default_factory=dict)


def plan_tail(
    t0: np.ndarray,
    t1: np.ndarray,
    target: np.ndarray,
    *,
    train: np.ndarray,
    spec: TailSpec,
    can_stop: bool,
) -> Tail:
    """Cut a fold's training rows by time into those to fit, to stop and to calibrate on.

    The tail is the last `spec.share` of the rows. A row before it is kept only if its label ended
    before the tail's first bar starts. Where both are asked for, the first half of the tail stops
    and the second calibrates, purged alike. A half that is too small or of one class gives the
    whole tail to the calibration; a tail that is too small gives all rows to the fit.

    Parameters
    ----------
    t0, t1 : int64 arrays of shape (n,)
        Start and end of all rows' label spans, ns UTC.
    target : float64 array of shape (n,)
        Classes 0 and 1.
    train : int64 array
        The fold's training rows.
    can_stop
        Whether the estimator is a booster.
    """
    stops = can_stop and spec.early_stopping_rounds > 0
    calibrates = spec.calibration != "none"
    if not stops and not calibrates:
        return Tail(train)
    fit, tail = cut_tail(t0, t1, train=train, share=spec.share)
    notes: dict[str, str] = {}
    if stops and calibrates:
        first, second = cut_tail(t0, t1, train=tail, share=0.5)
        why_not = too_few(target[first]) or too_few(target[second])
        if not why_not:
            return Tail(fit, stop=first, calibrate=second)
        notes["early_stopping"] = f"none: half of the tail: {why_not}"
    why_not = too_few(target[tail])
    if why_not:
        asked = {"early_stopping": stops, "calibration": calibrates}
        return Tail(
            train, notes={name: f"none: {why_not}" for name, is_on in asked.items() if is_on}
        )
    if calibrates:
        return Tail(fit, calibrate=tail, notes=notes)
    return Tail(fit, stop=tail)


def cut_tail(
    t0: np.ndarray, t1: np.ndarray, *, train: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows whose labels ended before the last share of rows begins, and that share.

    Rows of one instant stay together: those at the cut all belong to the tail.
    """
    if not train.size:
        return train, train
    starts = np.sort(t0[train])
    n_tail = max(1, round(share * train.size))
    begin = starts[train.size - n_tail]
    return train[t1[train] < begin], train[t0[train] >= begin]
