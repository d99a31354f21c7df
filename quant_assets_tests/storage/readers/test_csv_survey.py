"""The one form and the step of a file's stamps."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import FileRejectedError
from quant_assets.market.timeframes import NS_PER_MINUTE, Timeframe
from quant_assets.storage.readers import csv_survey
from quant_assets.storage.readers.csv_survey import StepCounter, Survey, step_of, survey_stamps

NAME = "EURUSD15.csv"
M1, M15, H1 = (Timeframe.parse(name) for name in ("1m", "15m", "1h"))


def _survey(*blocks: list[str]) -> Survey:
    first, chunks = 1, []
    for block in blocks:
        places = pl.Series(range(first, first + len(block)), dtype=pl.UInt64)
        chunks.append((places, pl.Series(block)))
        first += len(block)
    return survey_stamps(chunks, file_name=NAME)


def _steps(minutes: list[int]) -> StepCounter:
    counter = StepCounter()
    counter.add(np.array(minutes, np.int64) * NS_PER_MINUTE)
    return counter


@settings(deadline=None)
@given(st.permutations(range(40)), st.integers(1, 40))
def test_disorder_inside_a_block_leaves_the_step(minutes: list[int], n_cut: int) -> None:
    """The modal step is that of the sorted stamps."""
    counter = StepCounter()
    counter.add(np.array(minutes, np.int64) * 15 * NS_PER_MINUTE)
    assert counter.modal_ns() == M15.ns
    ordered = StepCounter()
    for part in (range(n_cut), range(n_cut, 40)):
        ordered.add(np.array(part, np.int64) * 15 * NS_PER_MINUTE)
    assert ordered.modal_ns() == M15.ns
    assert ordered.counts.total() == 39


def test_many_different_steps_are_held_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frequent step outlives thousands of rare ones."""
    monkeypatch.setattr(csv_survey, "_SORTED_AT_ONCE", 500)
    counter = StepCounter()
    rng = np.random.default_rng(7)
    for block in range(40):
        rare = np.cumsum(rng.integers(10**6, 10**12, 500))
        counter.add(np.concatenate([rare, rare[-1] + np.arange(200) * NS_PER_MINUTE]) + block)
    assert len(counter.counts) <= 2500
    assert counter.modal_ns() == NS_PER_MINUTE


@pytest.mark.parametrize(
    ("minutes", "named", "expected"),
    [
        pytest.param([0, 15, 30], M15, M15, id="name_and_rows_agree"),
        pytest.param([0, 15, 30], H1, M15, id="name_lies_too_long"),
        pytest.param([0, 60, 120], M15, H1, id="name_lies_too_short"),
        pytest.param([0, 1, 3, 5, 7], M1, M1, id="sparse_market_keeps_its_name"),
        pytest.param([0], M15, M15, id="one_row_tells_nothing"),
        pytest.param([0, 7, 14], M15, M15, id="no_step_of_bars_tells_nothing"),
        pytest.param([0, 15, 30, 90], None, M15, id="inferred"),
        pytest.param([0, 1440, 2880, 7200], None, Timeframe.parse("1d"), id="weekends"),
        pytest.param([0, 5, 20], None, Timeframe.parse("5m"), id="tie_takes_the_smaller"),
    ],
)
def test_the_step_weighs_name_and_rows(
    minutes: list[int], named: Timeframe | None, expected: Timeframe
) -> None:
    """Rows win over a name that they contradict."""
    assert step_of(_steps(minutes), named=named, file_name=NAME) == expected


@pytest.mark.parametrize("minutes", [[0], [0, 7, 14]])
def test_no_step_is_assumed_without_name_and_rows(minutes: list[int]) -> None:
    """One row, or rows seven minutes apart, tell no bar length."""
    with pytest.raises(FileRejectedError) as refused:
        step_of(_steps(minutes), named=None, file_name=NAME)
    assert refused.value.rule == "no_time_step"


@pytest.mark.parametrize(
    "blocks",
    [
        (["2012.02.01 00:00", "01.02.2012 00:15"],),
        (["2012.02.01 00:00"], ["2012-02-01 00:15"]),
        (["1398920400"], ["1398920400000"]),
        (["13/02/2012", "02/14/2012"],),
        (["13/02/2012"], ["02/14/2012"]),
    ],
)
def test_two_forms_of_date_refuse_the_file(blocks: tuple[list[str], ...]) -> None:
    """Within a block and across blocks."""
    with pytest.raises(FileRejectedError) as refused:
        _survey(*blocks)
    assert refused.value.rule == "mixed_dates"


def test_the_message_names_where_each_form_starts() -> None:
    """Line numbers count over blocks."""
    with pytest.raises(FileRejectedError) as refused:
        _survey(["2012.02.01 00:00", "bad"], ["2012.02.01 00:15", "2012-02-01 00:30"])
    assert refused.value.where == "line 4"
    assert "Y.m.d from line 1, Y-m-d from line 4" in refused.value.found


def test_the_order_of_day_and_month_needs_a_proof_from_the_whole_file() -> None:
    """One day above twelve anywhere settles it; none refuses the file."""
    survey = _survey(["01/02/2012 00:00"], ["13/02/2012 00:00", "14/02/2012 00:00"])
    assert (survey.family, survey.day_first) == ("?/?/Y", True)
    assert survey.steps.modal_ns() == Timeframe.parse("1d").ns
    assert survey.parse(pl.Series(["01/02/2012"])).ns[0] == 1328054400 * 10**9
    assert _survey(["02/13/2012"]).day_first is False
    with pytest.raises(FileRejectedError) as refused:
        _survey(["01/02/2012", "03/04/2012"])
    assert refused.value.rule == "ambiguous_dates"


def test_a_file_without_any_stamp_is_refused() -> None:
    """So is one whose dates are no dates."""
    for texts in (["x", "y"], [""], ["2014-02-30"], ["45/45/2012"]):
        with pytest.raises(FileRejectedError) as refused:
            _survey(texts)
        assert refused.value.rule in ("no_readable_row", "ambiguous_dates")
