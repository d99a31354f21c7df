"""Purged k-fold and combinatorial folds: trained on either side of what is tested, clear of it."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.errors import TrainingError
from quant_assets.models.purged_folds import (
    MAX_SPLITS,
    CombinatorialPurged,
    PurgedKFold,
    cross_validation_folds,
)
from quant_assets.models.spec import CrossValidationSpec
from quant_assets_tests.models.spans import BASE_NS, DAY_NS, blocks_of, two_symbols, uniform_rows

MARKETS = {
    "seed": st.integers(0, 10**6),
    "n_sessions": st.integers(9, 25),
    "longest_ns": st.sampled_from([1, DAY_NS // 24, DAY_NS, 3 * DAY_NS]),
    "embargo_ns": st.sampled_from([0, 1, DAY_NS // 10, DAY_NS]),
    "offset_ns": st.sampled_from([0, -7 * DAY_NS // 24, 5 * DAY_NS // 24]),
}


def slow_folds(t0, t1, days, *, n_folds, n_test_folds, embargo_ns):
    """Return rows to train on, rows to test and blocks of each split, row by row."""
    blocks = blocks_of(sorted(set(days.tolist())), n_folds)
    rows = list(zip(t0.tolist(), t1.tolist(), days.tolist(), strict=True))
    made = []
    for chosen in itertools.combinations(range(n_folds), n_test_folds):
        test = [i for i, (_, _, day) in enumerate(rows) if any(day in blocks[b] for b in chosen)]
        barred = []
        for block in chosen:
            inside = [(a, b) for a, b, day in rows if day in blocks[block]]
            barred.append((min(a for a, _ in inside), max(b for _, b in inside) + embargo_ns))
        train = [
            i
            for i, (a, b, _) in enumerate(rows)
            if i not in test and not any(a <= last and b >= first for first, last in barred)
        ]
        made.append((train, test, chosen))
    return made


def assert_is_clear(t0, t1, days, fold, *, n_folds, embargo_ns):
    """No training label's span meets a tested block's span plus embargo, on times."""
    blocks = blocks_of(sorted(set(days.tolist())), n_folds)
    for number in fold.blocks:
        inside = np.isin(days, np.array(blocks[number], dtype="datetime64[D]"))
        first, last = t0[inside].min(), t1[inside].max() + embargo_ns
        for begun, ended in zip(t0[fold.train_idx], t1[fold.train_idx], strict=True):
            meets = ended >= first and begun <= last
            assert not meets


@given(n_folds=st.integers(2, 6), **MARKETS)
def test_a_purged_k_fold_tests_each_row_once_and_trains_on_all_that_is_clear(
    n_folds, seed, n_sessions, longest_ns, embargo_ns, offset_ns
):
    """Index for index what reading the rule row by row gives."""
    t0, t1, days = two_symbols(seed, n_sessions, longest_ns, offset_ns)
    final = np.ones(t0.size, dtype=bool)
    slow = slow_folds(t0, t1, days, n_folds=n_folds, n_test_folds=1, embargo_ns=embargo_ns)
    splitter = PurgedKFold(n_folds, embargo_ns)
    if not all(train for train, _, _ in slow):
        with pytest.raises(TrainingError, match="no row to train on"):
            list(splitter.split(t0, t1, days, final))
        return
    folds = list(splitter.split(t0, t1, days, final))
    assert [(f.train_idx.tolist(), f.test_idx.tolist(), f.blocks) for f in folds] == slow
    for fold in folds:
        assert_is_clear(t0, t1, days, fold, n_folds=n_folds, embargo_ns=embargo_ns)
    tested = np.bincount(np.concatenate([fold.test_idx for fold in folds]), minlength=t0.size)
    assert set(tested) == {1}


@given(n_folds=st.integers(3, 6), n_test_folds=st.integers(1, 3), **MARKETS)
def test_combinatorial_folds_test_each_row_on_every_path(
    n_folds, n_test_folds, seed, n_sessions, longest_ns, embargo_ns, offset_ns
):
    """Every choice of blocks once; each row C(n-1, k-1) times; index for index the slow reading."""
    n_test_folds = min(n_test_folds, n_folds - 1)
    t0, t1, days = two_symbols(seed, n_sessions, longest_ns, offset_ns)
    final = np.ones(t0.size, dtype=bool)
    rules = {"n_folds": n_folds, "n_test_folds": n_test_folds, "embargo_ns": embargo_ns}
    slow = slow_folds(t0, t1, days, **rules)
    splitter = CombinatorialPurged(**rules)
    if not all(train for train, _, _ in slow):
        with pytest.raises(TrainingError, match="no row to train on"):
            list(splitter.split(t0, t1, days, final))
        return
    folds = list(splitter.split(t0, t1, days, final))
    assert [(f.train_idx.tolist(), f.test_idx.tolist(), f.blocks) for f in folds] == slow
    for fold in folds:
        assert_is_clear(t0, t1, days, fold, n_folds=n_folds, embargo_ns=embargo_ns)
    tested = np.bincount(np.concatenate([fold.test_idx for fold in folds]), minlength=t0.size)
    assert set(tested) == {math.comb(n_folds - 1, n_test_folds - 1)} == {splitter.backtest_paths}
    assert len(folds) == splitter.n_splits == math.comb(n_folds, n_test_folds)


@pytest.mark.parametrize(
    ("early", "late", "kept"),
    [
        pytest.param(1, 1, [0, 2], id="a_nanosecond_clear_on_either_side"),
        pytest.param(0, 1, [2], id="ends_as_the_test_span_begins"),
        pytest.param(1, 0, [0], id="begins_as_the_embargo_ends"),
    ],
)
def test_spans_are_closed_on_either_side(early, late, kept):
    """One that touches the test span, or the last instant of its embargo, meets it."""
    embargo_ns = 5
    t0 = BASE_NS + np.array([0, DAY_NS, 2 * DAY_NS])
    t1 = t0 + 1
    t1[0] = t0[1] - early
    t1[1] = t0[2] - embargo_ns - late
    days = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    fold = list(PurgedKFold(3, embargo_ns).split(t0, t1, days, np.ones(3, dtype=bool)))[1]
    assert fold.test_idx.tolist() == [1]
    assert fold.train_idx.tolist() == kept


def test_a_specification_names_its_splitter_and_its_embargo_in_bars():
    """`n_test_folds` is of combinatorial folds alone; bars become time."""
    t0, t1, days, bar_ns = uniform_rows(12, 4, label_bars=1)
    rows = {"t0": t0, "t1": t1, "sessions": days, "final": np.ones(t0.size, dtype=bool)}
    for kind, splitter in (
        ("purged_kfold", PurgedKFold(4, 3 * bar_ns)),
        ("combinatorial", CombinatorialPurged(4, 2, 3 * bar_ns)),
    ):
        spec = CrossValidationSpec(kind=kind, n_folds=4, n_test_folds=2, embargo_bars=3)
        found = cross_validation_folds(spec, timeframe_ns=bar_ns, **rows)
        expected = list(splitter.split(t0, t1, days, rows["final"]))
        assert [f.blocks for f in found] == [f.blocks for f in expected]
        assert [f.train_idx.tolist() for f in found] == [f.train_idx.tolist() for f in expected]
        assert [f.test_idx.tolist() for f in found] == [f.test_idx.tolist() for f in expected]


def test_an_embargo_beyond_all_time_bars_what_comes_after_and_no_more():
    """A number of bars that no int64 holds as time is as good as any other."""
    t0, t1, days, bar_ns = uniform_rows(6, 4, label_bars=0)
    spec = CrossValidationSpec(n_folds=2, embargo_bars=10**12)
    with pytest.raises(TrainingError, match="tests blocks 0 of 2"):
        cross_validation_folds(
            spec,
            timeframe_ns=bar_ns,
            t0=t0,
            t1=t1,
            sessions=days,
            final=np.ones(t0.size, dtype=bool),
        )


def test_too_few_sessions_are_told_with_what_is_there():
    """The error names blocks asked for, sessions there, and their first and last date."""
    t0, t1, days = two_symbols(3, 4, 1, 0)
    with pytest.raises(TrainingError, match=r"4 sessions .*2024-01-01 to 2024-01-04.*5 are needed"):
        list(PurgedKFold(5).split(t0, t1, days, np.ones(t0.size, dtype=bool)))


def test_no_rows_are_told_as_no_sessions():
    """Nothing to split is too few sessions, and no crash."""
    none = np.array([], dtype=np.int64)
    with pytest.raises(TrainingError, match=r"0 sessions .*none"):
        list(PurgedKFold(5).split(none, none, none.astype("datetime64[D]"), none.astype(bool)))


@pytest.mark.parametrize("splitter", [PurgedKFold(3), CombinatorialPurged(3, 2)])
def test_labels_that_are_open_or_have_no_end_are_refused(splitter):
    """The same refusals as walk-forward's."""
    t0, t1, days = two_symbols(3, 12, DAY_NS, 0)
    final = np.ones(t0.size, dtype=bool)
    final[[2, 5]] = False
    with pytest.raises(TrainingError, match="2 are not final"):
        list(splitter.split(t0, t1, days, final))
    t1[3] = t0[3] - 1
    with pytest.raises(TrainingError, match="ends before it starts"):
        list(splitter.split(t0, t1, days, np.ones(t0.size, dtype=bool)))


def test_more_splits_than_anyone_trains_are_refused_before_any_row_is_read():
    """C(12, 6) is 924 trainings; C(12, 4) is 495."""
    with pytest.raises(TrainingError, match=f"924 splits.*{MAX_SPLITS} may be asked"):
        CombinatorialPurged(12, 6)
    assert CombinatorialPurged(12, 4).n_splits == 495


@pytest.mark.parametrize(
    ("n_folds", "n_test_folds", "embargo_ns"), [(3, 3, 0), (3, 0, 0), (4, 2, -1)]
)
def test_what_leaves_nothing_to_train_on_is_refused(n_folds, n_test_folds, embargo_ns):
    """All blocks tested, none tested, or an embargo that would undo the purge."""
    with pytest.raises(TrainingError, match="no block left"):
        CombinatorialPurged(n_folds, n_test_folds, embargo_ns)


def test_a_k_fold_of_one_block_is_refused():
    """It would be trained on nothing."""
    with pytest.raises(TrainingError, match="1 of 1 blocks"):
        PurgedKFold(1)
