"""Cross-validation of trials against a slow oracle in plain Python, and its edges."""

import math
import statistics
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import InputError
from quant_assets.optimization.cscv import count_blocks, cross_validate_trials, overfitting_of
from quant_assets.optimization.return_series import NO_RETURNS, ReturnSeries

FIRST = date(2024, 1, 1)


def oracle_score(returns: list[int]) -> Fraction:
    """Return the Sharpe ratio, squared with its sign and up to a factor; 0 where nothing varies.

    Without any rounding: what is equal by the formula is equal here.
    """
    total = sum(returns)
    spread = len(returns) * sum(one * one for one in returns) - total * total
    return Fraction(total * abs(total), spread) if spread else Fraction(0)


def oracle_logits(rows: list[list[float]], *, n_blocks: int) -> list[float]:
    """Return the logit of each split, by the words of the paper."""
    length = len(rows) // n_blocks
    rows = rows[len(rows) - length * n_blocks :]
    unit = max(Fraction(value).denominator for row in rows for value in row)
    whole = [[int(Fraction(value) * unit) for value in row] for row in rows]
    blocks = [whole[start : start + length] for start in range(0, len(whole), length)]
    logits = []
    for chosen in combinations(range(n_blocks), n_blocks // 2):
        inside = [row for place in chosen for row in blocks[place]]
        outside = [row for place in range(n_blocks) if place not in chosen for row in blocks[place]]
        before = [oracle_score(list(column)) for column in zip(*inside, strict=True)]
        after = [oracle_score(list(column)) for column in zip(*outside, strict=True)]
        best = before.index(max(before))
        below = sum(one < after[best] for one in after)
        equal = sum(one == after[best] for one in after)
        share = (below + (equal + 1) / 2) / (len(after) + 1)
        logits.append(math.log(share / (1 - share)))
    return logits


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_sessions=st.integers(16, 41),
    n_trials=st.integers(2, 7),
    n_blocks=st.sampled_from([2, 4, 6, 8]),
)
def test_every_split_agrees_with_the_oracle(seed, n_sessions, n_trials, n_blocks):
    """Logit by logit, in the order of the splits; some trials trade rarely, or not for a while."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(n_sessions, n_trials))
    returns[rng.random(returns.shape) < rng.choice([0.3, 0.9])] = 0.0
    returns[: n_sessions // 2, 0] = 0.0
    found = overfitting_of(returns, n_blocks=n_blocks)
    wanted = oracle_logits(returns.tolist(), n_blocks=n_blocks)
    assert found.logits.tolist() == pytest.approx(wanted, abs=1e-12)
    assert found.pbo == statistics.fmean(one <= 1e-12 for one in wanted)


def test_sixteen_blocks_are_halved_in_all_12870_ways():
    """The paper's own number, and a logit each."""
    found = overfitting_of(np.random.default_rng(1).normal(size=(128, 3)))
    assert (found.n_blocks, found.logits.size) == (16, 12_870)


@pytest.mark.parametrize(
    ("n_sessions", "blocks"),
    [(15, None), (16, 4), (23, 4), (24, 6), (63, 14), (64, 16), (2_000, 16)],
)
def test_few_sessions_make_fewer_blocks(n_sessions, blocks):
    """Even, at most 16, and of four sessions at least."""
    assert count_blocks(n_sessions) == blocks


def test_sessions_that_fill_no_block_are_the_oldest():
    """Rows before the last whole blocks decide nothing."""
    rng = np.random.default_rng(2)
    returns = rng.normal(size=(19, 4))
    changed = returns.copy()
    changed[:3] = 9.0
    assert overfitting_of(returns).logits.tolist() == overfitting_of(changed).logits.tolist()


def test_a_trial_that_is_best_everywhere_is_not_overfitted():
    """And of two it stands above the median always."""
    rng = np.random.default_rng(3)
    noise = rng.normal(scale=0.01, size=(64, 5))
    noise[:, 2] += 0.05
    assert overfitting_of(noise).pbo == 0.0


def test_a_trial_that_is_best_in_sample_only_is_overfitted():
    """Each of two gains in just one half: what was chosen always loses then."""
    wave = np.tile([0.01, 0.02, 0.015, 0.005], 4)
    returns = np.column_stack([wave, wave])
    returns[:8, 1] = returns[8:, 0] = -0.01 * np.tile([1.0, 2.0], 4)
    found = overfitting_of(returns, n_blocks=2)
    assert (found.pbo, len(found.logits)) == (1.0, 2)


def test_trials_that_are_equal_out_of_sample_share_the_middle():
    """Three that do not trade, and one that loses: the best of three is in their middle, 3 of 4."""
    returns = np.zeros((16, 4))
    returns[:, 3] = -np.tile([0.01, 0.02], 8)
    found = overfitting_of(returns)
    assert found.logits.tolist() == pytest.approx([math.log(3 / 2)] * 6)
    assert found.pbo == 0.0


def test_trials_that_trade_once_are_equal_whatever_they_won():
    """One gain in a half: mean over deviation is the same for any gain, but for rounding."""
    gains = np.array([0.1, 0.3, 0.7, 1.1, 1.3, 2.3, 2.9])
    returns = np.zeros((16, gains.size))
    returns[3] = returns[11] = gains
    found = overfitting_of(returns, n_blocks=2)
    assert set(found.logits.tolist()) == {0.0}


def test_gains_that_cancel_are_equal_to_no_trade():
    """What rounding leaves of 0.1 + 0.2 - 0.3 is no gain."""
    returns = np.zeros((16, 2))
    returns[:, 1] = np.tile([0.1, 0.2, -0.3, 0.0], 4)
    found = overfitting_of(returns, n_blocks=2)
    assert set(found.logits.tolist()) == {0.0}


def test_a_rank_just_at_the_median_counts_as_overfitted():
    """All equal: the logit is 0, and no evidence of anything."""
    found = overfitting_of(np.tile([[0.01], [0.02]], (8, 3)))
    assert (found.pbo, set(found.logits.tolist())) == (1.0, {0.0})


@pytest.mark.parametrize(
    ("shape", "n_blocks"), [((64, 1), None), ((15, 3), None), ((64, 3), 5), ((2, 3), 2)]
)
def test_too_little_to_halve_is_refused(shape, n_blocks):
    """One trial, few sessions, an odd number of blocks, one return a half."""
    with pytest.raises(InputError, match="cross-validation"):
        overfitting_of(np.zeros(shape), n_blocks=n_blocks)


def series(returns: np.ndarray, *, first: int = 0) -> ReturnSeries:
    """Return a series from a day on."""
    days = [FIRST + timedelta(days=first + number) for number in range(len(returns))]
    return ReturnSeries.of(days, returns)


def test_trials_meet_on_the_sessions_that_all_of_them_have():
    """Days of one alone are left out, whatever came to pass on them."""
    rng = np.random.default_rng(4)
    returns = rng.normal(size=(40, 3))
    whole = overfitting_of(np.ascontiguousarray(returns[5:35]))
    parts = [
        series(returns[:35, 0]),
        series(returns[5:, 1], first=5),
        series(returns[2:38, 2], first=2),
    ]
    found = cross_validate_trials(parts)
    assert (found.n_sessions, found.n_trials, found.pbo) == (30, 3, whole.pbo)


def test_equal_returns_are_one_trial_in_any_order():
    """A sweep that lists a trial twice, or in another order, says the same."""
    rng = np.random.default_rng(5)
    every = [series(column) for column in rng.normal(size=(64, 6)).T]
    first = cross_validate_trials(every)
    again = cross_validate_trials([*reversed(every), every[0], every[3], NO_RETURNS])
    assert again.n_trials == 6
    assert again.logits.tolist() == first.logits.tolist()


@pytest.mark.parametrize(
    ("trials", "note"),
    [
        pytest.param([], "no trial has kept its returns", id="none"),
        pytest.param([NO_RETURNS, NO_RETURNS], "no trial has kept its returns", id="not_kept"),
        pytest.param([series(np.ones(64))] * 3, "1 trial with returns", id="one_thrice"),
        pytest.param(
            [series(np.arange(20.0)), series(np.arange(30.0), first=5)],
            "15 sessions in common, 16 are needed",
            id="few_in_common",
        ),
        pytest.param(
            [series(np.arange(20.0)), series(np.arange(20.0), first=50)],
            "0 sessions in common",
            id="none_in_common",
        ),
    ],
)
def test_where_there_is_too_little_the_reason_is_said(trials, note):
    """No figure, and a note."""
    found = cross_validate_trials(trials)
    assert found.pbo is None
    assert note in found.note
