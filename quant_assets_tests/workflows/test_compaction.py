"""Compaction on request, and where training would read many days one by one."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quant_assets.cli.lake import lake as command
from quant_assets.market.errors import CommitError, InputError
from quant_assets.storage.compaction import MOST_PARTS, compacted_or_days
from quant_assets.storage.index import Entry
from quant_assets.workflows import compaction
from quant_assets.workflows.compaction import Compacted, compact_table
from quant_assets.workflows.training_rows import training_rows
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.storage.training_days import (
    FEATURES,
    plain_rows,
    put_day,
    put_days,
    sessions,
)

DAYS = sessions(MOST_PARTS + 1, first=sessions(5)[-1])
"""Of one year, one more than are read one by one."""


def n_files(workspace: Workspace, entries: Sequence[Entry]) -> int:
    """Return how many files would be scanned."""
    return len(compacted_or_days(workspace.lake, entries))


def test_training_compacts_a_symbol_year_of_many_days(tmp_path: Path) -> None:
    """One day fewer stays as it is; the rows are those of the days either way."""
    workspace = Workspace.open(tmp_path)
    many = put_days(workspace.lake, ["ES"], DAYS)
    few = put_days(workspace.lake, ["NQ"], DAYS[1:])
    assert training_rows(workspace, [*few, *many]).equals(
        plain_rows(["ES"], DAYS).vstack(plain_rows(["NQ"], DAYS[1:])).sort("bar_start", "symbol")
    )
    assert n_files(workspace, many) == 1
    assert n_files(workspace, few) == MOST_PARTS
    again = training_rows(workspace, many)
    assert again.equals(plain_rows(["ES"], DAYS))


def test_training_goes_on_where_the_cache_cannot_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk or a lake that may only be read costs time, not the training."""
    workspace = Workspace.open(tmp_path)
    entries = put_days(workspace.lake, ["ES"], DAYS)

    def refuse(*_: object) -> None:
        raise CommitError(asked="store it", found="the disk is full", remedy="Free it.")

    monkeypatch.setattr(compaction, "compact", refuse)
    assert training_rows(workspace, entries).equals(plain_rows(["ES"], DAYS))
    assert n_files(workspace, entries) == len(DAYS)


def test_the_command_brings_every_symbol_year_up_to_its_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands is not made again; what holds dropped days alone is deleted."""
    monkeypatch.setenv("QUANT_DATA", str(tmp_path))
    lake = Workspace.open(tmp_path).lake
    put_days(lake, ["ES", "NQ"], DAYS[:3])
    put_day(lake, "GC", DAYS[0])
    put_day(lake, "GC", DAYS[1], features=FEATURES[::-1])
    run = CliRunner().invoke(command, ["compact"])
    assert run.exit_code == 0
    assert run.stdout == (
        "training_set: 2 symbol-years compacted, 0 stood, 1 left for their mixed columns, "
        "0 files deleted.\n"
    )
    put_day(lake, "ES", DAYS[3])
    for entry in lake.index.entries("training_set", symbol="NQ"):
        lake.drop(entry)
    run = CliRunner().invoke(command, ["compact", "training_set"])
    assert run.stdout.startswith("training_set: 1 symbol-years compacted, 0 stood, 1 left")
    assert run.stdout.endswith("1 files deleted.\n")
    done = compact_table(Workspace.open(tmp_path), "training_set")
    assert done == Compacted("training_set", made=0, stood=1, mixed=1, forgotten=0)


def test_a_table_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    """A misspelt name compacts nothing."""
    workspace = Workspace.open(tmp_path)
    put_day(workspace.lake, "ES", DAYS[0])
    with pytest.raises(InputError, match="holds training_set"):
        compact_table(workspace, "trainingset")
