"""Bars for export: what is asked in the wrong order is said before anything is read."""

from datetime import date

import pytest

from quant_assets.market.errors import InputError
from quant_assets.workflows.bars_export import derive_bars
from quant_assets.workflows.workspace import Workspace


def test_dates_in_the_wrong_order_are_refused(tmp_path):
    """It is not that nothing is landed: the range is turned round."""
    with pytest.raises(InputError, match="the last date lies before the first"):
        derive_bars(
            Workspace.open(tmp_path),
            "GC",
            timeframe="1m",
            first=date(2013, 10, 9),
            last=date(2013, 10, 7),
        )
