"""Every bad and awkward file of the shared set ends as its index says."""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from quant_assets.cli.ingest import ingest

CASES = [
    "01_dbn_truncated",
    "02_dbn_empty",
    "03_csv_missing_column",
    "04_csv_decimal_comma",
    "05_csv_nan_inf",
    "06_csv_negative_zero",
    "07_csv_duplicate_times",
    "08_csv_out_of_order",
    "09_csv_high_below_low",
    "10_csv_latin1",
    "11_csv_bom_crlf",
    "12_csv_mixed_dates",
    "13_csv_dst_local",
    "14_sqlite_corrupt_page",
    "15_sqlite_injection",
    "16_parquet_zero_byte",
    "17_csv_huge_volume",
    "18_csv_halt_gap",
    "19_path_traversal_name",
    "20_csv_header_only",
    "21_csv_ragged",
    "22_name_without_minutes",
    "23_name_lies",
    "24_dbn_is_text",
    "25_sqlite_mixed_stamps",
    "26_sqlite_volume_tie",
]

NAMED_CASES = {"19_path_traversal_name", "22_name_without_minutes", "23_name_lies"}
"""Cases about the name itself: they have no other name."""

SAID = {
    "02_dbn_empty": "empty file",
    "03_csv_missing_column": "close",
    "10_csv_latin1": "byte 3",
    "14_sqlite_corrupt_page": "database disk image is malformed",
    "15_sqlite_injection": "../../../outside_TICK",
    "16_parquet_zero_byte": "empty",
    "18_csv_halt_gap": "2012-02-01 05:03 to 08:02",
    "20_csv_header_only": "no rows",
    "21_csv_ragged": "line 31, line 32, line 33",
    "23_name_lies": "15m",
}
"""What a report must name, in its reasons."""

OTHER_NAMES = {
    ".csv": "USDJPY{}.csv",
    ".sqlite": "renamed.db",
    ".zst": "renamed.bin",
    ".parquet": "ETHUSDT.data",
}

app = typer.Typer()
app.command()(ingest)


def run_cli(root: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, list[dict]]:
    """Run `quant ingest --json` on a data root; return its exit code and its objects."""
    monkeypatch.setenv("QUANT_DATA", str(root))
    done = CliRunner().invoke(app, [*words, "--json"])
    assert "Traceback" not in done.output
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def other_name(file: Path) -> str:
    """Return another name of the same kind."""
    minutes = "1" if file.name.endswith("D1.csv") else "15"
    return OTHER_NAMES[file.suffix].format(minutes)


def tree(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.shared
def test_the_list_of_cases_is_complete(shared_data: Path) -> None:
    """A case that is added to the shared set must be added here."""
    assert sorted(p.name for p in (shared_data / "bad").iterdir() if p.is_dir()) == CASES


@pytest.mark.shared
@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_case_ends_as_its_index_says(
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
    renamed: bool,
) -> None:
    """Also in another folder and under another name; nothing outside the data root changes."""
    with (shared_data / "bad" / "cases.csv").open() as rows:
        wanted = next(row for row in csv.DictReader(rows) if row["case"] == case)
    given = shared_data / "bad" / case / wanted["file"]
    folder = tmp_path / "elsewhere" / "deep"
    folder.mkdir(parents=True)
    file = folder / (other_name(given) if renamed and case not in NAMED_CASES else given.name)
    shutil.copyfile(given, file)
    before = tree(tmp_path)
    code, reports = run_cli(tmp_path / "root", monkeypatch, str(file))
    after = {k: v for k, v in tree(tmp_path).items() if not k.startswith("root/")}
    assert after == before
    (report,) = reports
    assert report["file"] == str(file)
    assert report["status"] == wanted["expect"], report
    assert code == (1 if wanted["expect"] == "reject" else 0)
    _check_counts(report, wanted)
    told = json.dumps(report["reasons"])
    assert SAID.get(case, "") in told
    if report["status"] == "reject":
        assert not list((tmp_path / "root" / "lake").rglob("*.parquet"))


def _check_counts(report: dict, wanted: dict[str, str]) -> None:
    """Every row is accounted for; the numbers of the index hold where it gives them."""
    parts = report["committed"] + report["quarantined"] + report["duplicates"]
    assert report["rows_in"] == parts
    if report["status"] != "reject":
        if wanted["data_rows"]:
            assert report["rows_in"] == int(wanted["data_rows"])
        if wanted["good_rows"]:
            assert report["committed"] == int(wanted["good_rows"])


@pytest.mark.shared
def test_all_cases_at_once_stop_at_none(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder as a whole: one object a file, and the exit code of a rejection."""
    before = tree(shared_data / "bad")
    code, reports = run_cli(tmp_path / "root", monkeypatch, str(shared_data / "bad"))
    assert code == 1
    assert len(reports) == len(CASES) + 1
    assert tree(shared_data / "bad") == before
    assert not list((tmp_path / "root" / "lake" / ".tmp").glob("ingest-*"))


@pytest.mark.shared
def test_local_times_with_their_zone_are_set_aside_where_they_say_nothing(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 13 read in its own zone: four impossible rows, eight that could be two times."""
    file = shared_data / "bad" / "13_csv_dst_local" / "EURUSD15.csv"
    words = (str(file), "--tz", "America/New_York")
    code, (report,) = run_cli(tmp_path / "root", monkeypatch, *words)
    assert (code, report["status"], report["quarantined"]) == (0, "quarantine", 12)
    counts = {reason["rule"]: reason["count"] for reason in report["reasons"]}
    assert counts["nonexistent_local_time"] == 4
    assert counts["ambiguous_local_time"] == 8


@pytest.mark.shared
def test_rows_out_of_order_land_as_the_sorted_file_does(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 08: the lake is the same as that of the sorted file."""
    given = shared_data / "bad" / "08_csv_out_of_order" / "GBPUSD15.csv"
    file = tmp_path / "GBPUSD15.csv"
    file.write_text("".join(sorted(given.read_text().splitlines(keepends=True))))
    run_cli(tmp_path / "a", monkeypatch, str(given))
    run_cli(tmp_path / "b", monkeypatch, str(file))
    assert _data_versions(tmp_path / "a") == _data_versions(tmp_path / "b")


def _data_versions(root: Path) -> dict[str, str]:
    from quant_assets.workflows.workspace import Workspace
    from quant_assets_tests.workflows.landing.fakes import versions

    workspace = Workspace.open(root)
    found = versions(workspace)
    workspace.state.close()
    assert found
    return found
