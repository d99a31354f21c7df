"""A workspace in an empty data root."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quant_assets.workflows.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Open a new data root, and close its state database afterwards."""
    opened = Workspace.open(tmp_path / "root")
    yield opened
    opened.state.close()
