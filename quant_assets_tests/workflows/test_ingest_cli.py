"""`quant ingest` as a user sees it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from quant_assets.cli.ingest import ingest, printable
from quant_assets_tests.workflows.landing.fakes import bar_run, mt4

app = typer.Typer()
app.command()(ingest)


@pytest.fixture(autouse=True)
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the command at an empty data root."""
    monkeypatch.setenv("QUANT_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small file of bars with one bad row."""
    path = tmp_path / "EURUSD15.csv"
    path.write_text(
        mt4([*bar_run("2014-05-01 10:00", 4), *bar_run("2014-05-01 12:00", 1, price=-1)])
    )
    return path


def run(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_people_get_a_row_a_file_and_what_to_do(file: Path) -> None:
    """Counts, then reasons with place and remedy, then the closing line."""
    done = run(file)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["file", "status", "rows", "committed", "set", "aside", "duplicates"]
    assert lines[1].split() == [str(file), "quarantine", "5", "4", "1", "0"]
    assert lines[3].startswith(
        "  non_positive_price (1): line 5. They are kept in table quarantine"
    )
    assert lines[-1] == "1 file: 1 quarantine; 4 rows committed"


def test_json_is_one_object_a_line_and_nothing_else(file: Path, tmp_path: Path) -> None:
    """A rejected file gives exit code 1, and its own line."""
    done = run(file, tmp_path / "none15.csv", "--json")
    assert done.exit_code == 1
    good, missing = (json.loads(line) for line in done.stdout.splitlines())
    assert list(good) == [
        "file",
        "format",
        "status",
        "rows_in",
        "committed",
        "quarantined",
        "duplicates",
        "reasons",
        "symbols",
        "from",
        "to",
    ]
    assert missing["reasons"][0]["rule"] == "not_found"


@pytest.mark.parametrize("words", [("--tz", "Mars"), ("--symbol", "a/b"), ("--nonsense",)])
def test_a_wrong_option_is_a_usage_error(
    file: Path, data_root: Path, words: tuple[str, ...]
) -> None:
    """Exit code 2, said on stderr, nothing landed."""
    done = run(file, *words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr
    assert not (data_root / "lake").exists()


def test_no_path_is_a_usage_error() -> None:
    """There is no default."""
    assert run().exit_code == 2


def test_a_symbol_option_wins_over_the_name(file: Path) -> None:
    """All files of the command get it."""
    done = run(file, "--symbol", "GBPUSD", "--json")
    assert json.loads(done.stdout)["symbols"] == ["GBPUSD"]


def test_a_folder_without_files_says_so(tmp_path: Path) -> None:
    """Nothing failed, nothing was done."""
    (tmp_path / "empty").mkdir()
    done = run(tmp_path / "empty")
    assert (done.exit_code, done.stdout.strip()) == (0, "No file was found.")


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Escape sequences and markup in a file name are shown, not obeyed."""
    evil = tmp_path / "\x1b[31m[red]x15.csv"
    evil.write_text("x")
    done = run(evil)
    assert "\x1b" not in done.stdout
    assert "?[31m[red]x15.csv" in done.stdout
    assert printable("a\u202eb") == "a?b"
