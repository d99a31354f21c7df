"""The picture of levels: drawn from rows, the same twice, and nothing where nothing was made."""

from pathlib import Path

import polars as pl
import pytest

from quant_assets.defs.level_picture import levels_picture
from quant_assets.levels.build import Earlier, build_levels
from quant_assets.levels.marks import Marks
from quant_assets.reports.level_pictures import LEVELS_DRAWN, draw_levels
from quant_assets.workflows.ranges import Outcome
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.levels.markets import (
    DAY,
    TICK,
    TICK_UNITS,
    bars_of,
    footprint_of,
    opening_of,
    random_rows,
)

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Closes and levels of one session."""
    traded = random_rows(50, seed=6)
    bars = bars_of(traded)
    levels = build_levels(
        bars,
        before=bars[:0],
        footprint=footprint_of(traded),
        opening=opening_of(),
        tick=TICK_UNITS,
        tick_size=TICK,
        earlier=Earlier(previous_day=Marks(5010.0, 4990.0, 5000.0)),
    )
    return levels.select("bar_start", *LEVELS_DRAWN).with_columns(bars["close"])


def test_the_same_rows_give_the_same_bytes(rows: pl.DataFrame):
    """A PNG small enough for the event log; another level gives another."""
    first, second = (draw_levels(rows, title="a session") for _ in range(2))
    assert first == second
    assert first.startswith(PNG)
    assert len(first) < 100_000
    raised = rows.with_columns(pl.col("session_poc") + 1.0)
    assert draw_levels(raised, title="a session") != first


def test_no_rows_and_no_marks_are_drawn_too(rows: pl.DataFrame):
    """An empty session, and a first one that has no day before it."""
    nothing = pl.lit(None, dtype=pl.Float64)
    first_day = rows.with_columns(previous_day_high=nothing, previous_day_low=nothing)
    for frame in (rows[:0], first_day):
        assert draw_levels(frame, title="a session").startswith(PNG)


def test_a_range_that_made_nothing_has_no_picture(tmp_path: Path):
    """Kept partitions are not drawn again."""
    workspace = Workspace.open(tmp_path / "data")
    kept = Outcome(Key("ES", DAY), Status.KEPT, "version", rows=40)
    assert levels_picture(LakeView(workspace), [kept]) is None
    workspace.state.close()
