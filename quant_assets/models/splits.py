"""Walk-forward splits on label end times: no training label reaches into a test span."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from quant_assets.market.errors import TrainingError
from quant_assets.models.label_spans import LabelSpans, checked_spans


@dataclass(frozen=True)
class Fold:
    """Rows of one fold, and the time span [test_start_ns, test_end_ns) that it is tested on."""

    train_idx: np.ndarray
    test_idx: np.ndarray
    test_start_ns: int
    test_end_ns: int


@dataclass(frozen=True)
class PurgedWalkForward:
    """Walk-forward over sessions, purged by time across all symbols.

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
    kind
        `expanding` trains on all sessions before a block, `rolling` on the last
        `min_train_sessions` before it. Purge and embargo take their rows out of these.
    """

    n_folds: int
    min_train_sessions: int
    embargo_ns: int = 0
    kind: Literal["expanding", "rolling"] = "expanding"

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
        spans = checked_spans(t0, t1, sessions, final)
        distinct = spans.sessions(
            self.min_train_sessions + self.n_folds,
            asked=f"{self.n_folds} folds after {self.min_train_sessions} sessions of training",
            remedy="Make more sessions, or lower splits.min_train_sessions or n_folds.",
        )
        blocks = np.array_split(distinct[self.min_train_sessions :], self.n_folds)
        # A block begins with its own sessions' first row, or that of a later one: with mixed
        # calendars a later session may open before an earlier one has ended.
        starts = [int(spans.t0[spans.days >= block[0]].min()) for block in blocks]
        ends = [*starts[1:], int(spans.t0.max()) + 1]
        for number, (start_ns, end_ns) in enumerate(zip(starts, ends, strict=True)):
            free = self._is_free(spans, distinct, start_ns=start_ns, first_day=blocks[number][0])
            train = np.flatnonzero(free)
            test = np.flatnonzero((spans.t0 >= start_ns) & (spans.t0 < end_ns))
            if not train.size or not test.size:
                raise TrainingError(
                    asked=f"fold {number} of {self.n_folds}",
                    found=f"{train.size} rows to train on and {test.size} to test",
                    remedy="Raise splits.min_train_sessions, or lower n_folds or embargo_bars.",
                )
            yield Fold(train, test, start_ns, end_ns)

    def _is_free(
        self, spans: LabelSpans, distinct: np.ndarray, *, start_ns: int, first_day: np.datetime64
    ) -> np.ndarray:
        """Return which rows a block that starts then may be trained on."""
        ended = (spans.t0 < start_ns) & (spans.t1 < start_ns - self.embargo_ns)
        if self.kind == "expanding":
            return ended
        # Rows of the block's own and of later sessions start with the block or after it.
        place = int(np.searchsorted(distinct, first_day))
        oldest: np.datetime64 = distinct[place - self.min_train_sessions]
        return ended & (spans.days >= oldest)
