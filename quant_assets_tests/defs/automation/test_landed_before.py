"""Files that `quant ingest` or the demo has landed from `data/raw` are not landed once more."""

import os
import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from quant_assets.defs.automation import drops
from quant_assets.defs.partitions import SYMBOLS
from quant_assets.workflows import landed_before
from quant_assets.workflows.demo import land_demo_market
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.files import Identity, identify
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.conftest import Desk
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 9))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files whose content the sensor reads, as it reads them."""
    names: list[str] = []

    def noted(path: Path) -> Identity:
        names.append(path.name)
        return identify(path)

    monkeypatch.setattr(landed_before, "identify", noted)
    return names


def _raw(desk: Desk) -> Path:
    """Return the folder that files are dropped into."""
    return desk.workspace.root / "raw"


def _ingest(desk: Desk, *names: str) -> None:
    """Land files of `raw` as the command line does, in this order."""
    reports = list(ingest_files(desk.workspace, [_raw(desk) / name for name in names]))
    assert {report.status for report in reports} <= {"accept", "warn"}


def _touch(file: Path) -> None:
    """Let a file look written to, its bytes as before."""
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def _names(requests: list[dg.RunRequest]) -> list[str]:
    """Return the files that requests land."""
    paths = [p for one in requests for p in one.run_config["ops"]["land"]["config"]["paths"]]
    return [Path(path).name for path in paths]


def test_the_demo_s_files_start_no_run_and_its_symbols_are_partitions(desk):
    """All of them were landed by the command: the sensor knows it, and registers what it finds."""
    reports = land_demo_market(desk.workspace.root, seed=3)
    desk.workspace = Workspace.open(desk.workspace.root)
    assert len(reports) == 24
    assert [desk.deliver_files() for _ in range(3)] == [[], [], []]
    symbols = desk.instance.get_dynamic_partitions(SYMBOLS.name)
    assert sorted(symbols) == sorted({s for report in reports for s in report.symbols})


def test_a_file_is_read_once_to_know_it_and_one_never_landed_is_not_read(desk, hashed):
    """Its name, size and time tell the rest; another time is another look, and still no run."""
    write_csv(_raw(desk) / "EURUSD15.csv", DAYS, seed=1)
    _ingest(desk, "EURUSD15.csv")
    write_csv(_raw(desk) / "GBPUSD15.csv", DAYS, seed=2)
    desk.deliver_files()
    assert hashed == []
    (request,) = desk.deliver_files()
    assert _names([request]) == ["GBPUSD15.csv"]
    assert hashed == ["EURUSD15.csv"]
    assert desk.run(request, "land_files").success
    for reads in (1, 2):
        assert [desk.deliver_files() for _ in range(3)] == [[], [], []]
        assert hashed == ["EURUSD15.csv"] * reads
        _touch(_raw(desk) / "EURUSD15.csv")


def test_other_content_under_a_landed_name_is_one_run(desk):
    """A restatement that the command line has not seen is landed, once."""
    write_csv(_raw(desk) / "EURUSD15.csv", DAYS, seed=1)
    _ingest(desk, "EURUSD15.csv")
    assert desk.land_all() == []
    write_csv(_raw(desk) / "EURUSD15.csv", DAYS, seed=2)
    _touch(_raw(desk) / "EURUSD15.csv")
    assert len(desk.land_all()) == 1
    assert [desk.deliver_files() for _ in range(3)] == [[], [], []]


def test_what_the_lake_has_lost_is_landed_again(desk):
    """A receipt alone does not stand: what it speaks of must be there."""
    write_csv(_raw(desk) / "EURUSD15.csv", DAYS, seed=1)
    _ingest(desk, "EURUSD15.csv")
    shutil.rmtree(desk.workspace.lake.root / "raw_bars")
    assert len(desk.land_all()) == 1
    assert len(desk.workspace.lake.index.entries("raw_bars")) == len(DAYS)


def test_a_file_read_under_other_settings_is_landed_again(desk):
    """What the bytes come to may be other under other instruments."""
    write_csv(_raw(desk) / "EURUSD15.csv", DAYS, seed=1)
    _ingest(desk, "EURUSD15.csv")
    listed = desk.workspace.root / "instruments.yaml"
    listed.write_text("instruments:\n  EURUSD: {class: fx, calendar: FX, pip_size: 0.001}\n")
    desk.deliver_files()
    assert _names(desk.deliver_files()) == ["EURUSD15.csv"]


def test_an_earlier_file_does_not_undo_a_later_one_unless_it_is_put_there_again(desk):
    """Two files of the same bars: the later one stands, until the earlier one is written anew."""
    write_csv(_raw(desk) / "a" / "EURUSD15.csv", DAYS, seed=1)
    write_csv(_raw(desk) / "b" / "EURUSD15.csv", DAYS, seed=2)
    _ingest(desk, "a/EURUSD15.csv", "b/EURUSD15.csv")
    stands = {e.name: e.data_version for e in desk.workspace.lake.index.entries("raw_bars")}
    assert desk.land_all() == []
    _touch(_raw(desk) / "a" / "EURUSD15.csv")
    assert len(desk.land_all()) == 1
    now = {e.name: e.data_version for e in desk.workspace.lake.index.entries("raw_bars")}
    assert now.keys() == stands.keys()
    assert not set(now.values()) & set(stands.values())
    # A run has landed it now: its time is in Dagster's runs, even if the cursor is lost.
    _ingest(desk, "b/EURUSD15.csv")
    _touch(_raw(desk) / "a" / "EURUSD15.csv")
    desk.files = None
    assert _names(desk.land_all()) == ["EURUSD15.csv"]


def test_a_tick_reads_so_many_bytes_and_the_next_one_goes_on(desk, hashed, monkeypatch):
    """Files beyond the bound wait for a later tick; one that is larger by itself gets its run."""
    for name in ("AUDUSD15.csv", "EURUSD15.csv", "GBPUSD15.csv"):
        write_csv(_raw(desk) / name, DAYS[: 1 + (name == "GBPUSD15.csv")], seed=1)
    _ingest(desk, "AUDUSD15.csv", "EURUSD15.csv", "GBPUSD15.csv")
    monkeypatch.setattr(drops, "HASHED_BYTES", (_raw(desk) / "EURUSD15.csv").stat().st_size + 100)
    desk.deliver_files()
    assert _names(desk.deliver_files()) == ["GBPUSD15.csv"]
    assert hashed == ["AUDUSD15.csv"]
    desk.deliver_files()
    assert hashed == ["AUDUSD15.csv", "EURUSD15.csv"]


def test_a_tick_looks_into_files_for_so_long_and_the_next_one_goes_on(desk, hashed, monkeypatch):
    """However slow the disk: each tick looks into one file at least, and none twice."""
    for name in ("AUDUSD15.csv", "EURUSD15.csv", "GBPUSD15.csv"):
        write_csv(_raw(desk) / name, DAYS, seed=1)
    _ingest(desk, "AUDUSD15.csv", "EURUSD15.csv", "GBPUSD15.csv")
    monkeypatch.setattr(drops, "LOOKING_S", 0.0)
    desk.deliver_files()
    for looked_into in (1, 2, 3, 3):
        assert desk.deliver_files() == []
        assert len(hashed) == looked_into
