"""Walk-forward splits on label end times: no training label reaches into a test span."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_assets.market.errors import TrainingError


@dataclass(frozen=True)
class Fold:
    """Rows of one fold, and the time span [test_start_ns, test_end_ns) that it is tested on."""

    train_idx: np.ndarray
    test_idx: np.ndarray
    test_start_ns: int
    test_end_ns: int


@dataclass(frozen=True)
class PurgedWalkForward:
    """Expanding walk-forward over sessions, purged by time across all symbols.

    The first `min_train_sessions` sessions are only trained on; the rest is cut into `n_folds`
    blocks of nearly equal numbers of sessions. A block's span runs from its first row's start to
    the next block's. A row is trained on if its label ended more than `embargo_ns` before the
    span; later rows are never trained on.

    Parameters
    ----------
    n_folds
        Number of test blocks.
    min_train_sessions
        Sessions, over all symbols together, before the first test block.
    embargo_ns
        Time kept free between the last training label and the test span.
    """

    n_folds: int
    min_train_sessions: int
    embargo_ns: int = 0

    def split(
        self,
        t0: np.ndarray,
        t1: np.ndarray,
        sessions: Sequence[date] | np.ndarray,
        final: np.ndarray,
    ) -> Iterator[Fold]:
        """Yield the folds in time order.

        Parameters
        ----------
        t0, t1 : int64 arrays of shape (n,)
            Start and end of each row's label span, ns UTC; rows in any order, of any symbols.
        sessions : dates, shape (n,)
            Session of each row.
        final : bool array of shape (n,)
            Whether the label can no longer change.

        Raises
        ------
        TrainingError
            If a row is not final, has no end, or ends before it starts; if there are fewer
            sessions than asked for; if a fold has no row to train on or to test.
        """
        self._refuse_open_labels(t0, t1, final)
        days = np.asarray(sessions, dtype="datetime64[D]")
        starts = self._block_starts(t0, days)
        ends = np.append(starts[1:], t0.max() + 1)
        for number, (start_ns, end_ns) in enumerate(zip(starts, ends, strict=True)):
            train = np.flatnonzero((t0 < start_ns) & (t1 < start_ns - self.embargo_ns))
            test = np.flatnonzero((t0 >= start_ns) & (t0 < end_ns))
            if not train.size or not test.size:
                raise TrainingError(
                    asked=f"fold {number} of {self.n_folds}",
                    found=f"{train.size} rows to train on and {test.size} to test",
                    remedy="Raise splits.min_train_sessions, or lower n_folds or embargo_bars.",
                )
            yield Fold(train, test, int(start_ns), int(end_ns))

    def _block_starts(self, t0: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Return the first instant of each test block."""
        distinct = np.unique(days)
        needed = self.min_train_sessions + self.n_folds
        if distinct.size < needed:
            there = f"{distinct[0]} to {distinct[-1]}" if distinct.size else "none"
            raise TrainingError(
                asked=f"{self.n_folds} folds after {self.min_train_sessions} sessions of training",
                found=f"{distinct.size} sessions with final labels ({there}), {needed} are needed",
                remedy="Make more sessions, or lower splits.min_train_sessions or n_folds.",
            )
        blocks = np.array_split(distinct[self.min_train_sessions :], self.n_folds)
        # A block begins with its own sessions' first row, or that of a later one: with mixed
        # calendars a later session may open before an earlier one has ended.
        starts = [int(t0[days >= block[0]].min()) for block in blocks]
        return np.array(starts, dtype=np.int64)

    def _refuse_open_labels(self, t0: np.ndarray, t1: np.ndarray, final: np.ndarray) -> None:
        """Raise where a label may still change, or its span is no span."""
        n_open = int((~final).sum())
        if n_open:
            raise TrainingError(
                asked=f"splits of {final.size} labels",
                found=f"{n_open} are not final: the data ended before their horizon",
                remedy="Leave their sessions out, or make the sessions that follow.",
            )
        if (t1 < t0).any() or (t0 <= 0).any():
            raise TrainingError(
                asked=f"splits of {final.size} labels",
                found="a label has no end, or ends before it starts",
                remedy="Make the training set again: label_end is part of every row.",
            )
