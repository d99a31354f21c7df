"""Walk-forward splits: what is trained on never reaches into what is tested."""

import itertools
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import TrainingError
from quant_assets.models.splits import PurgedWalkForward

DAY_NS = 86_400 * 10**9
BASE_NS = 1_700_000_000 * 10**9


def two_symbols(seed: int, n_sessions: int, longest_ns: int, offset_ns: int):
    """Return label spans of two symbols; the second has other hours and a gap."""
    rng = np.random.default_rng(seed)
    t0, days = [], []
    for symbol in range(2):
        for number in range(n_sessions):
            if symbol == 1 and number == n_sessions // 2:
                continue
            starts = BASE_NS + number * DAY_NS + symbol * offset_ns
            rows = starts + np.sort(rng.integers(0, DAY_NS - 1, size=int(rng.integers(3, 15))))
            t0.append(rows)
            days += [date(2024, 1, 1) + timedelta(days=number)] * rows.size
    begun = np.concatenate(t0)
    shuffled = rng.permutation(begun.size)
    ended = begun + rng.integers(0, longest_ns, size=begun.size)
    return begun[shuffled], ended[shuffled], np.array(days, dtype="datetime64[D]")[shuffled]


@settings(deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_sessions=st.integers(9, 25),
    n_folds=st.integers(3, 5),
    longest_ns=st.sampled_from([1, DAY_NS // 24, DAY_NS, 3 * DAY_NS]),
    embargo_ns=st.sampled_from([0, 1, DAY_NS // 10, DAY_NS]),
    offset_ns=st.sampled_from([0, -7 * DAY_NS // 24, 5 * DAY_NS // 24]),
)
def test_no_training_span_meets_a_test_span_and_its_embargo(
    seed, n_sessions, n_folds, longest_ns, embargo_ns, offset_ns
):
    """Closed label spans of training rows lie wholly before the test span less the embargo."""
    t0, t1, days = two_symbols(seed, n_sessions, longest_ns, offset_ns)
    splitter = PurgedWalkForward(n_folds=n_folds, min_train_sessions=4, embargo_ns=embargo_ns)
    try:
        folds = list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))
    except TrainingError:
        # Long labels and embargo may leave a fold without rows; then it must really have none.
        first_test = t0[days >= np.unique(days)[4]].min()
        assert not (t1 < first_test - embargo_ns).any() or offset_ns
        return
    assert len(folds) == n_folds
    for fold in folds:
        tested = t0[fold.test_idx]
        assert tested.min() >= fold.test_start_ns
        assert tested.max() < fold.test_end_ns
        for begun, ended in zip(t0[fold.train_idx], t1[fold.train_idx], strict=True):
            meets = ended >= fold.test_start_ns - embargo_ns and begun <= fold.test_end_ns
            assert not meets
        # Nothing that could have been kept was dropped.
        free = (t0 < fold.test_start_ns) & (t1 < fold.test_start_ns - embargo_ns)
        assert set(np.flatnonzero(free)) == set(fold.train_idx)
    ends = [fold.test_end_ns for fold in folds[:-1]]
    assert ends == [fold.test_start_ns for fold in folds[1:]]
    covered = np.concatenate([fold.test_idx for fold in folds])
    assert np.unique(covered).size == covered.size == (t0 >= folds[0].test_start_ns).sum()


def test_training_grows_from_fold_to_fold():
    """Each fold is trained on all that the one before was trained on."""
    t0, t1, days = two_symbols(3, 20, DAY_NS, 0)
    splitter = PurgedWalkForward(n_folds=4, min_train_sessions=6)
    folds = list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))
    for before, after in itertools.pairwise(folds):
        assert set(before.train_idx) < set(after.train_idx)


def test_a_row_that_is_not_final_is_refused():
    """One label that may still change stops the split, and is counted."""
    t0, t1, days = two_symbols(3, 12, DAY_NS, 0)
    final = np.ones(t0.size, dtype=bool)
    final[5] = False
    with pytest.raises(TrainingError, match="1 are not final"):
        list(PurgedWalkForward(n_folds=3, min_train_sessions=3).split(t0, t1, days, final))


def test_too_few_sessions_are_told_with_what_is_there():
    """The error names sessions asked for, sessions there, and their first and last date."""
    t0, t1, days = two_symbols(3, 6, DAY_NS, 0)
    splitter = PurgedWalkForward(n_folds=3, min_train_sessions=4)
    with pytest.raises(TrainingError, match=r"6 sessions .*2024-01-01 to 2024-01-06.*7 are needed"):
        list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))


@pytest.mark.parametrize("shift", [-1, -(10**18)])
def test_a_label_that_ends_before_it_starts_is_refused(shift):
    """A label without a real end time is no label to split on."""
    t0, _, days = two_symbols(3, 12, DAY_NS, 0)
    with pytest.raises(TrainingError, match="ends before it starts"):
        list(
            PurgedWalkForward(n_folds=3, min_train_sessions=3).split(
                t0, t0 + shift, days, np.ones(t0.size, dtype=bool)
            )
        )


def test_a_test_span_begins_with_its_first_session_and_ends_where_the_next_begins():
    """The blocks are the sessions after those that are only trained on, in nearly equal numbers."""
    t0, t1, days = two_symbols(3, 11, DAY_NS // 24, 0)
    folds = list(
        PurgedWalkForward(n_folds=3, min_train_sessions=4).split(
            t0, t1, days, np.ones(t0.size, dtype=bool)
        )
    )
    distinct = np.unique(days)
    # Seven sessions in three blocks: 3, 2, 2.
    firsts = [int(t0[days == distinct[place]].min()) for place in (4, 7, 9)]
    assert [fold.test_start_ns for fold in folds] == firsts
    assert folds[-1].test_end_ns == t0.max() + 1


@pytest.mark.parametrize("embargo_ns", [0, 5])
def test_a_label_that_ends_just_where_the_embargo_begins_is_dropped(embargo_ns):
    """Spans are closed: one that touches meets; one that ends a nanosecond earlier is kept."""
    days = np.array([date(2024, 1, n) for n in range(1, 6)], dtype="datetime64[D]")
    t0 = BASE_NS + np.arange(5) * DAY_NS
    splitter = PurgedWalkForward(n_folds=3, min_train_sessions=2, embargo_ns=embargo_ns)
    for early, kept in ((0, [0]), (1, [0, 1])):
        t1 = t0 + 1
        t1[1] = t0[2] - embargo_ns - early
        first = next(iter(splitter.split(t0, t1, days, np.ones(5, dtype=bool))))
        assert first.train_idx.tolist() == kept
