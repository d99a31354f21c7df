"""Splitters against skfolio's, index for index, where rows are uniform and it has the same rule.

A label that ends with the end of the bar `L` after its own touches the bar that starts there, and
spans are closed: `L + 1` rows are purged. skfolio's last fold takes what does not divide, ours is
shared out, so the numbers here divide. Its walk-forward has its training window before the purged
rows, ours holds them, so its window is shorter by as much.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.models.purged_folds import CombinatorialPurged, PurgedKFold
from quant_assets.models.splits import PurgedWalkForward
from quant_assets_tests.models.spans import uniform_rows


@settings(max_examples=60)
@given(
    n_folds=st.integers(3, 7),
    n_test_folds=st.integers(2, 4),
    a_block=st.integers(2, 4),
    a_session=st.sampled_from([1, 2, 5, 8]),
    label_bars=st.integers(0, 6),
    embargo_bars=st.integers(0, 6),
)
def test_combinatorial_folds_are_those_of_skfolio(
    n_folds, n_test_folds, a_block, a_session, label_bars, embargo_bars
):
    """Same splits in the same order, same rows to train on and to test."""
    from skfolio.model_selection import CombinatorialPurgedCV

    n_test_folds = min(n_test_folds, n_folds - 1)
    # A block between two that are tested keeps a row, and skfolio asks for two.
    a_block += (2 * (label_bars + 1) + embargo_bars) // a_session
    t0, t1, days, bar_ns = uniform_rows(n_folds * a_block, a_session, label_bars=label_bars)
    theirs = CombinatorialPurgedCV(
        n_folds=n_folds,
        n_test_folds=n_test_folds,
        purged_size=label_bars + 1,
        embargo_size=embargo_bars,
    )
    splitter = CombinatorialPurged(n_folds, n_test_folds, embargo_bars * bar_ns)
    ours = list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))
    expected = [
        (train.tolist(), sorted(np.concatenate(tests).tolist()))
        for train, tests in theirs.split(np.zeros((t0.size, 1)))
    ]
    assert [(fold.train_idx.tolist(), fold.test_idx.tolist()) for fold in ours] == expected
    assert splitter.n_splits == theirs.n_splits
    assert splitter.backtest_paths == theirs.n_test_paths


@pytest.mark.parametrize("kind", ["expanding", "rolling"])
@settings(max_examples=60)
@given(
    n_folds=st.integers(3, 7),
    a_block=st.integers(1, 4),
    n_train=st.integers(1, 6),
    a_session=st.sampled_from([1, 2, 5, 8]),
    label_bars=st.integers(0, 6),
    embargo_bars=st.integers(0, 6),
)
def test_walk_forward_is_that_of_skfolio(
    kind, n_folds, a_block, n_train, a_session, label_bars, embargo_bars
):
    """Purge and embargo both lie before the test block, so together they are its purge."""
    from skfolio.model_selection import WalkForward

    purged = label_bars + 1 + embargo_bars
    # One training row must be left.
    n_train = max(n_train, purged // a_session + 1)
    sessions = n_train + n_folds * a_block
    t0, t1, days, bar_ns = uniform_rows(sessions, a_session, label_bars=label_bars)
    theirs = WalkForward(
        test_size=a_block * a_session,
        train_size=n_train * a_session - purged,
        purged_size=purged,
        expand_train=kind == "expanding",
    )
    splitter = PurgedWalkForward(n_folds, n_train, embargo_bars * bar_ns, kind)
    ours = list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))
    expected = [
        (train.tolist(), test.tolist()) for train, test in theirs.split(np.zeros((t0.size, 1)))
    ]
    assert [(fold.train_idx.tolist(), fold.test_idx.tolist()) for fold in ours] == expected


@pytest.mark.parametrize("n_folds", [2, 3, 6])
def test_k_folds_of_labels_that_meet_nothing_are_those_of_scikit_learn(n_folds):
    """There is none in skfolio; without overlap nothing is purged."""
    from sklearn.model_selection import KFold

    t0, _, days, _ = uniform_rows(12, 5, label_bars=0)
    ours = list(PurgedKFold(n_folds).split(t0, t0, days, np.ones(t0.size, dtype=bool)))
    expected = [
        (train.tolist(), test.tolist()) for train, test in KFold(n_folds).split(np.zeros(t0.size))
    ]
    assert [(fold.train_idx.tolist(), fold.test_idx.tolist()) for fold in ours] == expected
