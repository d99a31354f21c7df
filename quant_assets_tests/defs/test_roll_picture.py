"""The picture of a roll map: volumes, what is read, and where it rolls, in every mode."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from quant_assets.defs import pictures
from quant_assets.settings.model import RollSettings
from quant_assets.ticks.roll_modes import RollMode
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.roll_map import RollMapRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.storage.readers import sqlite_files

DAYS = [date(2024, 3, day) for day in (6, 7, 8, 11)]


@pytest.mark.parametrize("mode", list(RollMode))
def test_a_roll_map_is_drawn_with_what_is_read_in_each_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: RollMode
):
    """The title names the mode, each session of the range its contract, and none behind it."""
    workspace = Workspace.open(tmp_path / "data")
    tables = {
        f"{code}_TICK": [
            (f"{day} 15:00:00.000000", 5000.0, volume, 4999.75, 5000.0, 3, 4)
            for day, volume in zip(DAYS, volumes, strict=True)
        ]
        for code, volumes in {"ESH24": [9, 9, 9, 9], "ESM24": [1, 99, 99, 99]}.items()
    }
    file = sqlite_files.make(tmp_path / "es.sqlite", tables)
    tuple(ingest_files(workspace, [file], zone="UTC"))
    settings = workspace.settings.model_copy(update={"roll": RollSettings(mode=mode.value)})
    opened = replace(workspace, settings=settings)
    view, shown = LakeView(opened), DAYS[:3]
    outcomes = list(make_range(opened, RollMapRecipe(), [Key("ES", day) for day in shown]))
    drawn: list[dict[str, Any]] = []
    draw = pictures.draw_roll_volumes

    def watched(volumes, **how) -> bytes:
        drawn.append({"sessions": set(volumes["session"]), **how})
        return draw(volumes, **how)

    monkeypatch.setattr(pictures, "draw_roll_volumes", watched)
    png = pictures.roll_picture(view, outcomes)
    assert png is not None
    assert len(png) < 100_000
    (seen,) = drawn
    roll = {"same_day": DAYS[1]}.get(mode, DAYS[2])
    assert seen == {
        "sessions": set(shown),
        "root": "ES",
        "rolled_on": [roll],
        "active": {day: "ESM24" if day >= roll else "ESH24" for day in shown},
        "mode": mode.value,
    }
