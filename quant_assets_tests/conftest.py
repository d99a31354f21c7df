"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from quant_assets_tests.reports.browser import find_chromium

settings.register_profile("project", deadline=None)
settings.load_profile("project")

LONGEST = {"integration", "test_daemon.py", "test_plan.py", "test_sessions.py"}
"""Folders and files whose tests run the whole graph."""

SHARED_VARIABLE = "QUANT_SHARED"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests on real data, and say so, where the variable that names it is unset."""
    # Files run whole, each by one worker: those that take minutes begin first.
    items.sort(key=lambda item: not any(part in LONGEST for part in item.path.parts))
    if os.environ.get(SHARED_VARIABLE):
        return
    needing = [item for item in items if item.get_closest_marker("shared")]
    if needing:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


def pytest_report_header() -> list[str]:
    """Say whether tests on real market data and in a browser run."""
    folder = os.environ.get(SHARED_VARIABLE)
    state = folder or "unset: tests on real market data are deselected"
    chromium = find_chromium() or "not found: tests in a browser are deselected"
    return [f"{SHARED_VARIABLE}: {state}", f"chromium: {chromium}"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real market data; a named folder that is not there fails the test."""
    folder = Path(os.environ[SHARED_VARIABLE]) / "data"
    assert folder.is_dir(), f"{SHARED_VARIABLE} is set, but {folder} is not there"
    return folder
