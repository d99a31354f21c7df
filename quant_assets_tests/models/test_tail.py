"""The tail: rows that stop and calibrate, whose labels no fitted row reaches into."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.models.calibration import MIN_ROWS
from quant_assets.models.spec import TailSpec
from quant_assets.models.tail import plan_tail


@st.composite
def labelled_rows(draw):
    """Return spans of random length of two symbols with a gap, classes, and training rows."""
    n = draw(st.integers(2, 500))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    t0 = np.sort(rng.integers(1, max(2, n // 2), size=n)).astype(np.int64) * 10
    t0[n // 3 :] += draw(st.sampled_from([0, 10_000]))
    t1 = t0 + rng.integers(0, draw(st.sampled_from([1, 50, 400])), size=n)
    target = (rng.random(n) < draw(st.sampled_from([0.0, 0.05, 0.5]))).astype(float)
    train = np.flatnonzero(rng.random(n) < 0.9)
    return t0, t1, target, train


@settings(max_examples=150, deadline=None)
@given(
    rows=labelled_rows(),
    share=st.floats(0.01, 0.89),
    stops=st.booleans(),
    kind=st.sampled_from(["none", "sigmoid"]),
)
def test_no_label_before_a_part_ends_inside_it(rows, share, stops, kind):
    """What is fitted ends before what stops begins, and that before what calibrates begins."""
    t0, t1, target, train = rows
    spec = TailSpec(share=share, early_stopping_rounds=20, calibration=kind)
    made = plan_tail(t0, t1, target, train=train, spec=spec, can_stop=stops)
    parts = [part for part in (made.fit, made.stop, made.calibrate) if part.size]
    for earlier, later in itertools.pairwise(parts):
        assert t1[earlier].max() < t0[later].min()
    assert set(np.concatenate(parts or [train])) <= set(train)
    for part in (made.stop, made.calibrate):
        assert part.size == 0 or (part.size >= MIN_ROWS and 0 < target[part].sum() < part.size)
    if not made.stop.size and not made.calibrate.size:
        assert made.fit is train
    asked = {"early_stopping": stops, "calibration": kind == "sigmoid"}
    done = {"early_stopping": made.stop.size > 0, "calibration": made.calibrate.size > 0}
    assert set(made.notes) == {name for name in asked if asked[name] and not done[name]}


def rows_in_a_row(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows a bar apart whose labels end within their bar; every second is a hit."""
    t0 = np.arange(1, n + 1, dtype=np.int64) * 10
    return t0, t0 + 9, (np.arange(n) % 2).astype(float), np.arange(n)


@pytest.mark.parametrize(
    ("n", "can_stop", "rounds", "kind", "sizes", "notes"),
    [
        pytest.param(1000, True, 20, "sigmoid", (800, 100, 100), set(), id="both"),
        pytest.param(1000, True, 0, "sigmoid", (800, 0, 200), set(), id="calibrate_alone"),
        pytest.param(1000, True, 20, "none", (800, 200, 0), set(), id="stop_alone"),
        pytest.param(1000, False, 20, "isotonic", (800, 0, 200), set(), id="no_booster"),
        pytest.param(1000, True, 0, "none", (1000, 0, 0), set(), id="all_rows_fit"),
        pytest.param(
            400, True, 20, "sigmoid", (320, 0, 80), {"early_stopping"}, id="a_half_is_too_small"
        ),
        pytest.param(
            200,
            True,
            20,
            "sigmoid",
            (200, 0, 0),
            {"early_stopping", "calibration"},
            id="the_tail_is_too_small",
        ),
    ],
)
def test_the_rows_go_to_what_is_asked_for(n, can_stop, rounds, kind, sizes, notes):
    """A fifth is the tail; what cannot be done is noted, and its rows are fitted."""
    t0, t1, target, train = rows_in_a_row(n)
    spec = TailSpec(early_stopping_rounds=rounds, calibration=kind)
    made = plan_tail(t0, t1, target, train=train, spec=spec, can_stop=can_stop)
    assert (made.fit.size, made.stop.size, made.calibrate.size) == sizes
    assert set(made.notes) == notes


def test_one_class_in_the_tail_is_told():
    """Where the tail holds misses alone there is nothing to map on."""
    t0, t1, target, train = rows_in_a_row(1000)
    target[790:] = 0.0
    made = plan_tail(t0, t1, target, train=train, spec=TailSpec(), can_stop=False)
    assert made.notes == {"calibration": "none: 1 class in the tail"}
    assert made.fit.size == 1000
