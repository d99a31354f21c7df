"""Walk-forward splits: what is trained on never reaches into what is tested."""

import itertools
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import TrainingError
from quant_assets.models.splits import PurgedWalkForward
from quant_assets_tests.models.spans import BASE_NS, DAY_NS, blocks_of, two_symbols

MIN_TRAIN = 4


def slow_walk_forward(t0, t1, days, *, n_folds, embargo_ns, kind):
    """Return rows to train on and to test of each fold, row by row."""
    sessions = sorted(set(days.tolist()))
    blocks = blocks_of(sessions[MIN_TRAIN:], n_folds)
    rows = list(zip(t0.tolist(), t1.tolist(), days.tolist(), strict=True))
    starts = [min(a for a, _, day in rows if day >= block[0]) for block in blocks]
    folds = []
    for number, start in enumerate(starts):
        before = [session for session in sessions if session < blocks[number][0]]
        allowed = before if kind == "expanding" else before[-MIN_TRAIN:]
        end = starts[number + 1] if number + 1 < n_folds else max(t0.tolist()) + 1
        train = [
            i for i, (_, b, day) in enumerate(rows) if day in allowed and b < start - embargo_ns
        ]
        folds.append((train, [i for i, (a, _, _) in enumerate(rows) if start <= a < end]))
    return folds


@settings(deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_sessions=st.integers(9, 25),
    n_folds=st.integers(3, 5),
    longest_ns=st.sampled_from([1, DAY_NS // 24, DAY_NS, 3 * DAY_NS]),
    embargo_ns=st.sampled_from([0, 1, DAY_NS // 10, DAY_NS]),
    offset_ns=st.sampled_from([0, -7 * DAY_NS // 24, 5 * DAY_NS // 24]),
    kind=st.sampled_from(["expanding", "rolling"]),
)
def test_no_training_span_meets_a_test_span_and_its_embargo(
    seed, n_sessions, n_folds, longest_ns, embargo_ns, offset_ns, kind
):
    """Closed label spans of training rows lie wholly before the test span less the embargo."""
    t0, t1, days = two_symbols(seed, n_sessions, longest_ns, offset_ns)
    splitter = PurgedWalkForward(n_folds, MIN_TRAIN, embargo_ns, kind)
    slow = slow_walk_forward(t0, t1, days, n_folds=n_folds, embargo_ns=embargo_ns, kind=kind)
    if not all(train and test for train, test in slow):
        # Long labels and embargo may leave a fold without rows.
        with pytest.raises(TrainingError, match="rows to train on and"):
            list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))
        return
    folds = list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))
    assert len(folds) == n_folds
    for fold in folds:
        tested = t0[fold.test_idx]
        assert tested.min() >= fold.test_start_ns
        assert tested.max() < fold.test_end_ns
        for begun, ended in zip(t0[fold.train_idx], t1[fold.train_idx], strict=True):
            meets = ended >= fold.test_start_ns - embargo_ns and begun <= fold.test_end_ns
            assert not meets
    # Nothing that could have been kept was dropped.
    assert [(fold.train_idx.tolist(), fold.test_idx.tolist()) for fold in folds] == slow
    ends = [fold.test_end_ns for fold in folds[:-1]]
    assert ends == [fold.test_start_ns for fold in folds[1:]]
    covered = np.concatenate([fold.test_idx for fold in folds])
    assert np.unique(covered).size == covered.size == (t0 >= folds[0].test_start_ns).sum()


def test_a_rolling_fold_forgets_what_is_older_than_its_window():
    """It is trained on four sessions before each block, whatever came before them."""
    t0, t1, days = two_symbols(3, 20, 1, 0)
    splitter = PurgedWalkForward(n_folds=4, min_train_sessions=MIN_TRAIN, kind="rolling")
    for fold in splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)):
        first = days[fold.test_idx].min()
        expected = {first - np.timedelta64(back, "D") for back in (1, 2, 3, 4)}
        assert set(days[fold.train_idx]) == expected


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


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        pytest.param(np.datetime64("NaT"), "datetime64[ns]", id="not_a_time"),
        pytest.param(0, "int64", id="zero"),
        pytest.param(-1, "int64", id="negative"),
        pytest.param(None, "object", id="null"),
        pytest.param(np.nan, "float64", id="not_a_number"),
    ],
)
def test_a_label_without_an_end_is_refused(end, kind):
    """Whatever a missing end has become on its way, one of them stops the split."""
    t0, t1, days = two_symbols(3, 12, DAY_NS, 0)
    ends = t1.astype(kind)
    ends[7] = end
    splitter = PurgedWalkForward(n_folds=3, min_train_sessions=3)
    with pytest.raises(TrainingError, match="a label has no end"):
        list(splitter.split(t0, ends, days, np.ones(t0.size, dtype=bool)))


@pytest.mark.parametrize("time", [0, np.iinfo(np.int64).min])
def test_a_row_without_start_and_end_is_refused(time):
    """Two missing times are in order, and still no span; the least number is what NaT becomes."""
    t0, t1, days = two_symbols(3, 12, DAY_NS, 0)
    t0[7] = t1[7] = time
    splitter = PurgedWalkForward(n_folds=3, min_train_sessions=3)
    with pytest.raises(TrainingError, match="a label has no end"):
        list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))


def test_datetimes_split_as_their_nanoseconds():
    """Times as a frame gives them are the same times."""
    t0, t1, days = two_symbols(3, 12, DAY_NS, 0)
    final = np.ones(t0.size, dtype=bool)
    splitter = PurgedWalkForward(n_folds=3, min_train_sessions=3)
    as_times = splitter.split(t0.astype("datetime64[ns]"), t1.astype("datetime64[ns]"), days, final)
    for one, other in zip(as_times, splitter.split(t0, t1, days, final), strict=True):
        assert one.train_idx.tolist() == other.train_idx.tolist()
        assert one.test_start_ns == other.test_start_ns


def test_a_finality_that_is_not_known_is_refused():
    """Null is not final."""
    t0, t1, days = two_symbols(3, 12, DAY_NS, 0)
    final = np.ones(t0.size, dtype=object)
    final[5] = None
    with pytest.raises(TrainingError, match="1 are not final"):
        list(PurgedWalkForward(n_folds=3, min_train_sessions=3).split(t0, t1, days, final))


def test_arrays_of_different_lengths_are_refused():
    """One value a row."""
    t0, t1, days = two_symbols(3, 12, DAY_NS, 0)
    with pytest.raises(TrainingError, match="Give start, end, session"):
        list(
            PurgedWalkForward(n_folds=3, min_train_sessions=3).split(
                t0, t1[:-1], days, np.ones(t0.size, dtype=bool)
            )
        )


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
