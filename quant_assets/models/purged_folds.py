"""Purged k-fold and combinatorial folds: blocks are tested, what is clear of them is trained on."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_assets.market.errors import TrainingError
from quant_assets.models.label_spans import LabelSpans, checked_spans
from quant_assets.models.spec import CrossValidationSpec

MAX_SPLITS = 500
"""Splits that may be asked for: each one trains a model."""


@dataclass(frozen=True)
class TestFold:
    """Rows of one split, ascending, and the numbers of the blocks, from 0, that it tests."""

    train_idx: np.ndarray
    test_idx: np.ndarray
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class CombinatorialPurged:
    """Every choice of `n_test_folds` among `n_folds` blocks is tested, the rest is trained on.

    Blocks are of whole sessions in time order, nearly equal in number. A block's span runs from
    its first row's start to the last end of its labels. A row is trained on if its label's closed
    span meets no tested block's span, nor the embargo after it: it ends before the span, or starts
    more than `embargo_ns` after it. Rows count by time alone, whatever their symbol.

    Parameters
    ----------
    n_folds
        Number of blocks, at least 2.
    n_test_folds
        Blocks that a split tests, at least 1 and fewer than `n_folds`.
    embargo_ns
        Time after a test span in which no training row may start.

    Raises
    ------
    TrainingError
        If one of these is out of its range, or the splits are more than `MAX_SPLITS`.

    Notes
    -----
    Lopez de Prado, Advances in Financial Machine Learning, 2018, sections 7.4 and 12.3.
    """

    n_folds: int
    n_test_folds: int
    embargo_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be split, before any row is looked at."""
        asked = f"splits that test {self.n_test_folds} of {self.n_folds} blocks"
        if not 1 <= self.n_test_folds < self.n_folds or self.embargo_ns < 0:
            raise TrainingError(
                asked=asked,
                found=f"no block left to train on, or an embargo of {self.embargo_ns} ns",
                remedy="Raise cv.n_folds, lower cv.n_test_folds, or give an embargo of 0 or more.",
            )
        if self.n_splits > MAX_SPLITS:
            raise TrainingError(
                asked=asked,
                found=f"{self.n_splits} splits, each one trains a model; {MAX_SPLITS} may be asked",
                remedy="Lower cv.n_folds or cv.n_test_folds.",
            )

    @property
    def n_splits(self) -> int:
        """Number of splits: C(n_folds, n_test_folds)."""
        return math.comb(self.n_folds, self.n_test_folds)

    @property
    def backtest_paths(self) -> int:
        """Number of paths through all blocks that the splits make: how often a row is tested."""
        return self.n_splits * self.n_test_folds // self.n_folds

    def split(
        self,
        t0: np.ndarray,
        t1: np.ndarray,
        sessions: Sequence[date] | np.ndarray,
        final: np.ndarray,
    ) -> Iterator[TestFold]:
        """Yield the splits, in the order of their blocks' numbers.

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
            sessions than blocks; if a split has no row to train on.
        """
        spans = checked_spans(t0, t1, sessions, final)
        distinct = spans.sessions(
            self.n_folds,
            asked=f"{self.n_folds} blocks of sessions",
            remedy="Make more sessions, or lower cv.n_folds.",
        )
        firsts = np.array([block[0] for block in np.array_split(distinct, self.n_folds)])
        block_of = np.searchsorted(firsts, spans.days, side="right") - 1
        bounds = [_span_of(spans, block_of == block) for block in range(self.n_folds)]
        for blocks in itertools.combinations(range(self.n_folds), self.n_test_folds):
            meets = np.zeros(block_of.size, dtype=bool)
            for start_ns, end_ns in (bounds[block] for block in blocks):
                meets |= (spans.t1 >= start_ns) & (spans.t0 <= end_ns + self.embargo_ns)
            train = np.flatnonzero(~meets)
            if not train.size:
                raise TrainingError(
                    asked=f"a split that tests blocks {', '.join(map(str, blocks))} "
                    f"of {self.n_folds}",
                    found="no row to train on: every label meets a test span or its embargo",
                    remedy="Make more sessions, or lower cv.n_folds, n_test_folds or embargo_bars.",
                )
            yield TestFold(train, np.flatnonzero(np.isin(block_of, blocks)), blocks)


@dataclass(frozen=True)
class PurgedKFold:
    """Each block of sessions is tested once, the rest is trained on.

    Parameters
    ----------
    n_folds
        Number of blocks, at least 2.
    embargo_ns
        Time after a test span in which no training row may start.

    Raises
    ------
    TrainingError
        As `CombinatorialPurged` of one test block, which it is.
    """

    n_folds: int
    embargo_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be split, before any row is looked at."""
        self._combinatorial()

    def split(
        self,
        t0: np.ndarray,
        t1: np.ndarray,
        sessions: Sequence[date] | np.ndarray,
        final: np.ndarray,
    ) -> Iterator[TestFold]:
        """Yield the folds in time order; see `CombinatorialPurged.split`."""
        return self._combinatorial().split(t0, t1, sessions, final)

    def _combinatorial(self) -> CombinatorialPurged:
        """Return the splitter of one test block."""
        return CombinatorialPurged(self.n_folds, 1, self.embargo_ns)


def cross_validation_folds(
    spec: CrossValidationSpec,
    *,
    timeframe_ns: int,
    t0: np.ndarray,
    t1: np.ndarray,
    sessions: Sequence[date] | np.ndarray,
    final: np.ndarray,
) -> list[TestFold]:
    """Return all folds that a specification asks for, or raise before any model is trained.

    Parameters
    ----------
    timeframe_ns
        Length of a bar; it turns the embargo's bars into time.
    t0, t1, sessions, final
        As `CombinatorialPurged.split` takes them.

    Raises
    ------
    TrainingError
        As the splitter and its `split` do.
    """
    splitter = splitter_of(spec, timeframe_ns=timeframe_ns)
    return list(splitter.split(t0, t1, sessions, final))


def splitter_of(
    spec: CrossValidationSpec, *, timeframe_ns: int
) -> PurgedKFold | CombinatorialPurged:
    """Return the splitter of a specification, or raise where it can cut no rows at all."""
    embargo_ns = spec.embargo_bars * timeframe_ns
    if spec.kind == "combinatorial":
        return CombinatorialPurged(spec.n_folds, spec.n_test_folds, embargo_ns)
    return PurgedKFold(spec.n_folds, embargo_ns)


def _span_of(spans: LabelSpans, inside: np.ndarray) -> tuple[int, int]:
    """Return the first start and the last end of some rows' labels."""
    return int(spans.t0[inside].min()), int(spans.t1[inside].max())
