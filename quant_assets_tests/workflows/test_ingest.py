"""Many files: which are read, in which order, and what a bad one does to the others."""

import json
import os
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import SettingsError, SymbolError
from quant_assets.storage.writers.dbn import write_bars_dbn
from quant_assets.workflows.ingest import IngestStep, ingest_files
from quant_assets.workflows.landing.files import named_files
from quant_assets.workflows.landing.report import FileReport
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.landing.fakes import bar_run, mt4

OPEN_NS = 1_709_908_200 * 10**9
"""2024-03-08 14:30 UTC, when New York opens."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root that is not there yet."""
    return tmp_path / "root"


def test_folders_are_walked_in_order_and_side_files_left_out(tmp_path: Path, root: Path) -> None:
    """Hidden files, vendors' side files and a database's companions are no market files."""
    names = [
        "b/EURUSD15.csv",
        "a.csv",
        "metadata.json",
        "synthetic.json",
        "README.md",
        ".hidden.csv",
        ".git/x.csv",
        "t.sqlite",
        "t.sqlite-wal",
        "t.sqlite-shm",
        "..%2Fescape15.csv",
    ]
    for name in names:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found = [str(p.relative_to(tmp_path / "in")) for p in named_files([tmp_path / "in"], root=root)]
    assert found == ["..%2Fescape15.csv", "a.csv", "b/EURUSD15.csv", "t.sqlite"]


def test_a_data_root_gives_its_raw_files_alone(tmp_path: Path) -> None:
    """`quant ingest data` does not read the lake back in."""
    for name in ("raw/EURUSD15.csv", "lake/t/data.parquet", "bronze/x.parquet", "state.db"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found = list(named_files([tmp_path], root=tmp_path))
    assert found == [tmp_path / "raw" / "EURUSD15.csv"]


def test_one_bad_file_stops_no_other(tmp_path: Path, root: Path) -> None:
    """Missing, empty, a pipe, and not to be opened: each is reported, the good one lands."""
    good, empty = tmp_path / "EURUSD15.csv", tmp_path / "GBPUSD15.csv"
    good.write_text(mt4(bar_run("2014-05-01 10:00", 4)))
    empty.write_text("")
    os.mkfifo(tmp_path / "pipe15.csv")
    workspace = Workspace.open(root)
    offered = [tmp_path / "nowhere15.csv", empty, tmp_path / "pipe15.csv", good]
    reports = list(ingest_files(workspace, offered))
    assert [r.status for r in reports] == ["reject", "reject", "reject", "accept"]
    assert [r.reasons[0].rule for r in reports[:3]] == ["not_found", "empty_file", "not_a_file"]
    assert all(r.reasons[0].remedy for r in reports[:3])
    workspace.state.close()


def test_wrong_options_are_said_at_once(root: Path) -> None:
    """Before any file is touched."""
    workspace = Workspace.open(root)
    with pytest.raises(SettingsError, match="Mars/Base"):
        ingest_files(workspace, [], zone="Mars/Base")
    with pytest.raises(SettingsError):
        ingest_files(workspace, [], zone="../../etc/passwd")
    with pytest.raises(SymbolError):
        ingest_files(workspace, [], symbol="../X")
    workspace.state.close()


def test_progress_goes_from_the_first_byte_of_the_first_file_to_the_last(
    tmp_path: Path, root: Path
) -> None:
    """Place and total are known from the start, and each file ends at its size."""
    for name in ("EURUSD15.csv", "GBPUSD15.csv"):
        (tmp_path / name).write_text(mt4(bar_run("2014-05-01 10:00", 4)))
    steps: list[IngestStep] = []
    workspace = Workspace.open(root)
    files = [tmp_path / "EURUSD15.csv", tmp_path / "GBPUSD15.csv"]
    list(ingest_files(workspace, files, progress=steps.append))
    workspace.state.close()
    assert [(s.place, s.total) for s in (steps[0], steps[-1])] == [(1, 2), (2, 2)]
    assert steps[-1].bytes_read == steps[-1].size == files[1].stat().st_size


def test_rows_in_a_write_ahead_log_are_new_content(tmp_path: Path, root: Path) -> None:
    """A database whose file did not change but whose log did is read again."""
    file = tmp_path / "ticks.sqlite"
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute('CREATE TABLE "GCZ13_TICK" (timestamp TEXT, price REAL, volume INTEGER)')
    rows = [(f"2013-10-07 19:30:{s:02d}.000000", 1320.0, 1) for s in range(4)]
    writer.executemany('INSERT INTO "GCZ13_TICK" VALUES (?, ?, ?)', rows[:2])
    writer.commit()
    workspace = Workspace.open(root)
    (first,) = ingest_files(workspace, [file])
    (same,) = ingest_files(workspace, [file])
    writer.executemany('INSERT INTO "GCZ13_TICK" VALUES (?, ?, ?)', rows[2:])
    writer.commit()
    (grown,) = ingest_files(workspace, [file])
    writer.close()
    workspace.state.close()
    assert (first.committed, same.reasons[-1].rule) == (2, "unchanged")
    assert (grown.status, grown.committed, grown.duplicates) == ("accept", 2, 2)


def test_an_earlier_file_landed_again_after_a_later_one_restates_it(tmp_path: Path) -> None:
    """A, then B with another close, then A: the lake holds A again, and each change is said."""
    workspace = Workspace.open(tmp_path / "data")
    file = tmp_path / "EURUSD60.csv"
    first = [f"2024.03.05,{h:02d}:00,1.10,1.20,1.00,1.10,5" for h in range(24)]
    other = [*first[:12], "2024.03.05,12:00,1.10,1.20,1.00,1.15,5", *first[13:]]
    versions, rules = [], []
    for lines in (first, other, first):
        file.write_text("\n".join(lines) + "\n")
        (report,) = ingest_files(workspace, [file])
        rules.append([reason.rule for reason in report.reasons])
        versions.append(workspace.lake.index.entries("raw_bars")[0].data_version)
    assert versions[0] == versions[2] != versions[1]
    assert rules == [[], ["restated"], ["restated"]]


@pytest.mark.parametrize(("enough_bytes", "enough_ratio"), [(50_000, 2.0), (1_000, 1_000.0)])
def test_a_compressed_file_may_expand_as_far_as_the_settings_allow(
    tmp_path: Path, root: Path, enough_bytes: int, enough_ratio: float
) -> None:
    """Beyond it is rejected, naming the settings; either of them raised lets it in."""
    file = tmp_path / "spy.dbn.zst"
    stamps = pl.Series(range(400), dtype=pl.Int64) * 10**9 + OPEN_NS
    prices = [pl.lit(470.0).alias(name) for name in ("open", "high", "low", "close")]
    rows = pl.DataFrame({"bar_start": stamps.cast(UTC_NS), "volume": 5.0})
    write_bars_dbn(file, rows.with_columns(pl.lit("SPY").alias("symbol"), *prices))
    rejected = _landed_with(root, file, max_expanded_bytes=20_000, max_expansion_ratio=2.0)
    assert rejected.reasons[0].rule == "decompression_budget"
    for key in ("max_expanded_bytes", "max_expansion_ratio"):
        assert f"ingest.{key}" in rejected.reasons[0].remedy
    landed = _landed_with(
        root, file, max_expanded_bytes=enough_bytes, max_expansion_ratio=enough_ratio
    )
    assert (rejected.status, landed.status, landed.committed) == ("reject", "accept", 400)


def _landed_with(root: Path, file: Path, **ingest: float) -> FileReport:
    """Land a file under settings of its section."""
    root.mkdir(exist_ok=True)
    (root / "settings.yaml").write_text(json.dumps({"ingest": ingest}))
    workspace = Workspace.open(root)
    (report,) = ingest_files(workspace, [file])
    workspace.state.close()
    return report
