"""The sensor on `data/raw`: each file that is at rest is landed, once."""

import os
from datetime import date
from pathlib import Path

import dagster as dg

from quant_assets_tests.defs.automation.conftest import Desk
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 8))


def _paths(requests: list[dg.RunRequest]) -> list[str]:
    """Return the files that requests land."""
    return [p for one in requests for p in one.run_config["ops"]["land"]["config"]["paths"]]


def _raw(desk: Desk) -> Path:
    """Return the folder that files are dropped into."""
    return desk.workspace.root / "raw"


def test_a_file_that_grows_is_left_alone_until_it_rests(desk):
    """A file is requested at the first tick that finds it as the tick before left it."""
    write_csv(_raw(desk) / "EURUSD15.csv", DAYS, seed=1)
    assert desk.deliver_files() == []
    with (_raw(desk) / "EURUSD15.csv").open("a", encoding="utf-8") as file:
        file.write("2024.01.09,00:00,1.1,1.1,1.1,1.1,5\n")
    assert desk.deliver_files() == []
    assert _paths(desk.deliver_files()) == ["raw/EURUSD15.csv"]


def test_a_file_is_requested_under_its_path_size_and_time(desk):
    """The run key names what the file is, so that Dagster makes one run of any number of events."""
    file = _raw(desk) / "fx" / "EURUSD15.csv"
    write_csv(file, DAYS, seed=1)
    desk.deliver_files()
    (request,) = desk.deliver_files()
    stat = file.stat()
    assert request.run_key == f"raw/fx/EURUSD15.csv:{stat.st_size}:{stat.st_mtime_ns}"


def test_an_event_delivered_again_asks_for_the_same_run_and_then_for_none(desk):
    """Before its run the event asks under one key; once there is a run nothing is asked."""
    write_csv(_raw(desk) / "EURUSD15.csv", DAYS, seed=1)
    desk.deliver_files()
    before, keys, request = desk.files, set(), None
    for _ in range(3):
        desk.files = before
        (request,) = desk.deliver_files()
        keys.add(request.run_key)
    assert len(keys) == 1
    assert desk.run(request, "land_files").success
    for cursor in (before, None, desk.files):
        desk.files = cursor
        assert desk.deliver_files() == []
        assert desk.deliver_files() == []


def test_a_file_written_anew_is_landed_anew(desk):
    """Other bytes come with another time, and are another event."""
    file = _raw(desk) / "EURUSD15.csv"
    write_csv(file, DAYS, seed=1)
    assert len(desk.land_all()) == 1
    write_csv(file, DAYS, seed=2)
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert len(desk.land_all()) == 1


def test_what_lies_beside_market_files_is_not_landed(desk):
    """Manifests, hidden files and a database's log are no files of their own."""
    raw = _raw(desk)
    raw.mkdir(parents=True)
    for name in ("manifest.json", "synthetic.json", ".part.csv", "GC.db-wal", "notes.md"):
        (raw / name).write_text("x", encoding="utf-8")
    os.close(os.open(os.fsencode(raw) + b"/b\xe9d.csv", os.O_CREAT | os.O_WRONLY))
    desk.deliver_files()
    assert desk.deliver_files() == []


def test_no_folder_is_no_error(desk):
    """Before anything was dropped the sensor says so."""
    assert desk.deliver_files() == []
    assert desk.files == "{}"


def test_good_files_land_though_another_is_rejected(desk):
    """A rejected file fails the run at its end, after the good ones, and is named."""
    raw = _raw(desk)
    write_csv(raw / "EURUSD15.csv", DAYS, seed=1)
    (raw / "AAA15.csv").write_text("no bars at all\n", encoding="utf-8")
    paths = ["raw/AAA15.csv", "raw/EURUSD15.csv"]
    config = {"ops": {"land": {"config": {"paths": paths}}}}
    result = desk.run(dg.RunRequest(run_key="x", run_config=config), "land_files")
    assert not result.success
    (failed,) = result.get_step_failure_events()
    words = failed.step_failure_data.user_failure_data.description
    assert words.startswith("1 of 2 files were rejected")
    assert "AAA15.csv: reject" in words
    assert "EURUSD15.csv" not in words
    assert {entry.symbol for entry in desk.workspace.lake.index.entries("raw_bars")} == {"EURUSD"}
