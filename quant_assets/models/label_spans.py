"""Label spans that may be split: whole times, every label with an end, every row final."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_assets.market.errors import TrainingError

_NO_TIME = np.iinfo(np.int64).min
"""What NumPy's NaT is as a whole number."""


@dataclass(frozen=True)
class LabelSpans:
    """Closed label spans [t0, t1] in ns UTC, and the session of each; arrays of shape (n,)."""

    t0: np.ndarray
    t1: np.ndarray
    days: np.ndarray

    def sessions(self, needed: int, *, asked: str, remedy: str) -> np.ndarray:
        """Return the distinct sessions in time order, over all symbols together.

        Raises
        ------
        TrainingError
            If there are fewer than needed; it tells the first and the last.
        """
        distinct = np.unique(self.days)
        if distinct.size < needed:
            there = f"{distinct[0]} to {distinct[-1]}" if distinct.size else "none"
            raise TrainingError(
                asked=asked,
                found=f"{distinct.size} sessions with final labels ({there}), {needed} are needed",
                remedy=remedy,
            )
        return distinct


def checked_spans(
    t0: np.ndarray,
    t1: np.ndarray,
    sessions: Sequence[date] | np.ndarray,
    final: np.ndarray,
) -> LabelSpans:
    """Return spans that a splitter may cut by time.

    Parameters
    ----------
    t0, t1 : arrays of shape (n,)
        Start and end of each row's label span: int64 ns UTC, or datetime64. NaT, and NaN or None
        as a column with nulls turns into, are no time.
    sessions : dates, shape (n,)
        Session of each row.
    final : bool array of shape (n,)
        Whether the label can no longer change; null is not final.

    Raises
    ------
    TrainingError
        If a row is not final; if a label has no start or no end, or ends before it starts; if the
        arrays differ in length.
    """
    is_final = np.asarray(final) == 1
    days = np.asarray(sessions, dtype="datetime64[D]")
    begun, ended = _whole_ns(t0), _whole_ns(t1)
    asked = f"splits of {is_final.size} labels"
    if not is_final.shape == days.shape == begun.shape == ended.shape:
        raise TrainingError(
            asked=asked,
            found=f"{begun.size} starts, {ended.size} ends and {days.size} sessions",
            remedy="Give start, end, session and finality of each row.",
        )
    n_open = int((~is_final).sum())
    if n_open:
        raise TrainingError(
            asked=asked,
            found=f"{n_open} are not final: the data ended before their horizon",
            remedy="Leave their sessions out, or make the sessions that follow.",
        )
    if (ended < begun).any() or (begun <= 0).any() or np.isnat(days).any():
        raise TrainingError(
            asked=asked,
            found="a label has no end, or ends before it starts, or has no session",
            remedy="Make the training set again: label_end is part of every row.",
        )
    return LabelSpans(begun, ended, days)


def _whole_ns(values: np.ndarray) -> np.ndarray:
    """Return times as int64 ns; what is missing is the smallest number, as NaT is."""
    raw = np.asarray(values)
    if raw.dtype.kind == "M":
        return raw.astype("datetime64[ns]").astype(np.int64)
    if raw.dtype.kind in "iu":
        return raw.astype(np.int64)
    # Floats and objects hold nulls. Their numbers are rounded, and so they are no times either.
    return np.full(raw.shape, _NO_TIME, dtype=np.int64)
