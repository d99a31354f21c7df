"""Silence inside opening hours is named; ordinary silence is not."""

from datetime import date

import numpy as np
import numpy.typing as npt
import pytest

from quant_assets.market.timeframes import NS_PER_HOUR, NS_PER_MINUTE
from quant_assets.storage.package_data import load_calendars
from quant_assets.workflows.landing.gaps import find_gaps


def stamps(day: str, minutes: list[int]) -> npt.NDArray[np.int64]:
    """Minutes after midnight UTC as ns."""
    midnight = np.datetime64(day, "ns").astype(np.int64)
    return midnight + np.array(minutes, dtype=np.int64) * NS_PER_MINUTE


def gaps_of(
    day: str, minutes: list[int], *, calendar: str = "FX", step: int = 1, least: int = 60
) -> list[str]:
    """Return the gaps as reports name them."""
    found = find_gaps(
        stamps(day, minutes),
        session=date.fromisoformat(day),
        calendar=load_calendars()[calendar],
        step_ns=step * NS_PER_MINUTE,
        least_minutes=least,
    )
    return [gap.where for gap in found]


def test_a_gap_is_named_by_its_first_and_last_missing_bar() -> None:
    """Bars at 05:02 and 08:03, none between them."""
    assert gaps_of("2012-02-01", [300, 301, 302, 483, 484]) == ["2012-02-01 05:03 to 08:02"]


def test_the_order_of_rows_does_not_matter() -> None:
    """The file may be unsorted."""
    assert gaps_of("2012-02-01", [484, 302, 483, 300]) == ["2012-02-01 05:03 to 08:02"]


@pytest.mark.parametrize(
    ("missing", "step", "least", "is_gap"),
    [
        pytest.param(59, 1, 60, False, id="below_the_setting"),
        pytest.param(60, 1, 60, True, id="at_the_setting"),
        pytest.param(19, 15, 60, False, id="few_long_steps"),
        pytest.param(20, 15, 60, True, id="twenty_steps"),
        pytest.param(3, 60, 60, False, id="three_hours_of_hourly_bars"),
        pytest.param(4, 60, 60, True, id="four_hours_of_hourly_bars"),
        pytest.param(60, 1, 90, False, id="a_longer_setting"),
    ],
)
def test_a_silence_counts_when_it_is_long_in_minutes_and_in_bars(
    missing: int, step: int, least: int, is_gap: bool
) -> None:
    """Both limits hold; bars of an hour and more have a lower one."""
    minutes = [60, 60 + (missing + 1) * step]
    assert bool(gaps_of("2012-02-01", minutes, step=step, least=least)) is is_gap


def test_closed_hours_are_no_gap() -> None:
    """Before the open of a stock exchange nothing is missing; from the open on it is."""
    assert gaps_of("2014-06-05", [8 * 60, 13 * 60 + 30], calendar="XNYS") == []
    assert gaps_of("2014-06-05", [8 * 60, 15 * 60], calendar="XNYS") == [
        "2014-06-05 13:30 to 14:59"
    ]


def test_sunday_opens_thinly() -> None:
    """FX on a Sunday evening is left out."""
    assert gaps_of("2014-05-04", [21 * 60, 23 * 60 + 59]) == []


def test_an_empty_or_single_row_has_no_gap() -> None:
    """There is nothing between one bar."""
    assert gaps_of("2012-02-01", []) == []
    assert gaps_of("2012-02-01", [5]) == []


def test_a_step_of_an_hour_is_the_limit_between_both_rules() -> None:
    """Hourly bars use the lower limit, half-hourly ones do not."""
    assert NS_PER_HOUR == 60 * NS_PER_MINUTE
    assert gaps_of("2012-02-01", [0, 5 * 60], step=60)
    assert not gaps_of("2012-02-01", [0, 5 * 60], step=30)
