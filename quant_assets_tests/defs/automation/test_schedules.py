"""The nightly schedule: yesterday's session, from the oldest that is not final."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from quant_assets.defs.automation.schedules import nightly_sessions
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets_tests.defs.automation.conftest import Desk

# Sessions run from Monday the 8th to Friday the 19th. 200 candles of 15 minutes reach over three
# sessions, so that Wednesday the 17th to Friday are not final.


def _tick(desk: Desk, text: str) -> list[dg.RunRequest | dg.SkipReason]:
    """Evaluate the schedule at an instant."""
    with dg.build_schedule_context(
        instance=desk.instance,
        scheduled_execution_time=datetime.fromisoformat(text).replace(tzinfo=UTC),
        resources={"workspace": WorkspaceResource(data_root=str(desk.workspace.root))},
    ) as context:
        return list(nightly_sessions(context))


def _span(request: dg.RunRequest) -> tuple[str, str]:
    """Return the first and last partition of a request."""
    tags = request.tags
    return (
        tags["dagster/asset_partition_range_start"],
        tags["dagster/asset_partition_range_end"],
    )


@pytest.mark.parametrize(
    ("night", "first", "last"),
    [
        pytest.param("2024-01-20T06:00", "2024-01-17", "2024-01-19", id="after_friday"),
        pytest.param("2024-01-22T06:00", "2024-01-17", "2024-01-21", id="sunday_has_not_landed"),
        pytest.param("2024-01-23T06:00", "2024-01-17", "2024-01-22", id="monday_has_not_landed"),
        pytest.param("2024-01-18T06:00", "2024-01-17", "2024-01-17", id="later_ones_do_not_count"),
    ],
)
def test_a_night_asks_from_the_oldest_session_not_final_to_yesterday(made, night, first, last):
    """The range ends with the session that closed last before the tick."""
    (request,) = _tick(made, night)
    assert _span(request) == (f"{first}|EURUSD", f"{last}|EURUSD")
    assert request.run_key == f"EURUSD:{night[:10]}:{first}"


@pytest.mark.parametrize(
    ("night", "words"),
    [
        pytest.param("2024-01-21T06:00", "no session closed since 2024-01-19", id="sunday"),
        pytest.param("2024-01-17T06:00", "all is final up to 2024-01-16", id="all_final"),
        pytest.param("2024-01-08T06:00", "no data was landed up to 2024-01-07", id="before"),
        pytest.param("2024-06-03T06:00", "its last landed session is 2024-01-19", id="dormant"),
    ],
)
def test_a_night_without_work_says_why(made, night, words):
    """On weekends, and where all is final or nothing lands any more, nothing is asked for."""
    (skipped,) = _tick(made, night)
    assert isinstance(skipped, dg.SkipReason)
    assert words in skipped.skip_message


def test_an_empty_lake_says_so(desk):
    """Without any symbol there is nothing to do, in words."""
    (skipped,) = _tick(desk, "2024-01-20T06:00")
    assert skipped.skip_message == "Nothing is due. No symbol holds landed data."


def test_a_long_wait_is_cut_into_runs(made, monkeypatch):
    """A range longer than a run may be is asked for in parts that follow each other."""
    monkeypatch.setattr("quant_assets.defs.automation.schedules.LONGEST_RANGE", 4)
    parts = _tick(made, "2024-01-23T06:00")
    assert [_span(part) for part in parts] == [
        ("2024-01-17|EURUSD", "2024-01-20|EURUSD"),
        ("2024-01-21|EURUSD", "2024-01-22|EURUSD"),
    ]
    assert len({part.run_key for part in parts}) == 2
