"""Tests in a browser are deselected where there is none; one that is named must be there."""

import pytest

from quant_assets_tests.reports.browser import find_chromium


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs Chromium where neither QUANT_CHROMIUM nor the path has one."""
    if find_chromium() is not None:
        return
    needing = [item for item in items if "browser" in getattr(item, "fixturenames", ())]
    if needing:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]
