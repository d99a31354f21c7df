"""Pictures of a range: drawn from what was made, small enough for the event log."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.bronze.statistics import summarize_outcomes
from quant_assets.defs import pictures
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.test_bronze_files import write_bars

PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_BYTES = 100_000


def made(workspace: Workspace, asset: str, days: list[date]) -> list[Outcome]:
    """Make an asset of some sessions."""
    return list(make_range(workspace, recipes()[asset], [Key("EURUSD", day) for day in days]))


def test_expectancy_of_all_sessions_is_drawn_by_target_and_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Rows are targets and columns stops; a value is the mean over sessions and directions."""
    workspace = Workspace.open(tmp_path / "data")
    write_bars(tmp_path / "EURUSD15.csv", count=300)
    next(iter(ingest_files(workspace, [tmp_path / "EURUSD15.csv"])))
    days = LakeView(workspace).sessions("raw_bars", "EURUSD")
    made(workspace, "bars", days)
    outcomes = made(workspace, "bronze_stats", days)
    drawn: list[np.ndarray] = []
    draw = pictures.draw_heat_map

    def watched(values: np.ndarray, **how: object) -> bytes:
        drawn.append(values)
        return draw(values, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "draw_heat_map", watched)
    view = LakeView(workspace)
    png = pictures.outcomes_picture(view, outcomes)
    assert png is not None
    assert png.startswith(PNG)
    assert len(png) < LARGEST_BYTES
    stats = pl.concat([view.read(entry) for one in outcomes for entry in one.entries])
    one_pair = summarize_outcomes(stats, ["tp", "sl"]).row(21, named=True)
    targets = stats["tp"].unique().sort().to_list()
    stops = stats["sl"].unique().sort().to_list()
    (values,) = drawn
    assert values.shape == (len(targets), len(stops)) == (40, 20)
    place = targets.index(one_pair["tp"]), stops.index(one_pair["sl"])
    assert values[place] == pytest.approx(10_000 * one_pair["expectancy"])
