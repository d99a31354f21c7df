"""`quant bronze` as a user meets it: one file, a menu at a terminal, and what goes wrong."""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quant_assets.cli.bronze import pick
from quant_assets_tests.cli.in_process import quant
from quant_assets_tests.workflows.test_bronze_files import write_bars

WORDS = [sys.executable, "-m", "quant_assets.cli.main", "bronze"]
LEVELS = ["--sl", "0.001:0.01:5", "--tp", "0.001:0.01:5", "--lookforward", "40"]
FILES = [Path(name) for name in ("a.csv", "b.csv", "c.csv", "d.csv")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data root with two sound files and one without a bar length in its name."""
    raw = tmp_path / "data" / "raw"
    for name in ("EURUSD15.csv", "GBPUSD15.csv", "notes.csv"):
        write_bars(raw / name, count=300)
    return tmp_path / "data"


def environment(root: Path) -> dict[str, str]:
    """Return an environment with a data root."""
    return os.environ | {"QUANT_DATA": str(root), "COLUMNS": "200"}


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal."""
    return subprocess.run(
        [*WORDS, *words],
        env=environment(root),
        cwd=root.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def at_terminal(root: Path, answers: list[str]) -> tuple[int, str]:
    """Run the menu at a terminal of its own, answer its prompts, and return code and screen."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [*WORDS, *LEVELS],
        env=environment(root),
        cwd=root.parent,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen, answered, began = b"", 0, time.monotonic()
    while time.monotonic() - began < 100:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        screen += piece
        if screen.count(b"or q:") > answered and answered < len(answers):
            os.write(terminal, f"{answers[answered]}\n".encode())
            answered += 1
    code = process.wait(timeout=60)
    os.close(terminal)
    return code, screen.decode()


def test_a_named_file_is_searched_and_summed_up(root: Path):
    """Found in data/raw by its name alone; a second time it is up to date."""
    done = run(root, "EURUSD15.csv", *LEVELS)
    assert done.returncode == 0, done.stderr
    line = r"300 candles, 15,000 combinations, [\d,]+ wins in .* rows a second, [\d.]+ MB"
    assert re.search(line, done.stdout)
    assert (root / "bronze" / "EURUSD15.parquet").is_file()
    assert "is up to date" in quant(root, "bronze", "EURUSD15.csv", *LEVELS).stdout


def test_the_menu_offers_what_has_no_result_and_takes_several(root: Path):
    """A wrong answer is asked again; what is searched is no longer offered."""
    code, screen = at_terminal(root, ["9", "1-2"])
    assert code == 0, screen
    for name in ("1  EURUSD15.csv", "2  GBPUSD15.csv", "3  notes.csv"):
        assert name in screen
    assert "they run from 1 to 3" in screen
    assert {path.name for path in (root / "bronze").iterdir()} == {
        "EURUSD15.parquet",
        "GBPUSD15.parquet",
    }
    code, screen = at_terminal(root, ["q"])
    assert code == 0
    assert "1  notes.csv" in screen
    assert "EURUSD15" not in screen


def test_a_batch_goes_on_past_a_malformed_name(root: Path):
    """All three are asked for: two results, exit 1, and the third named with the reason."""
    code, screen = at_terminal(root, ["all"])
    assert code == 1
    assert "not searched: notes.csv" in screen
    assert "carries no bar length" in screen
    assert len(list((root / "bronze").iterdir())) == 2


def test_without_a_terminal_the_menu_says_what_to_do(root: Path):
    """Exit 2, and the form that works."""
    done = quant(root, "bronze")
    assert done.returncode == 2
    assert "quant bronze EURUSD15.csv" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["EURUSD30.csv"], 2, "no such file"),
        (["EURUSD15.csv", "--sl", "0.01:0.001:5"], 2, "not A:B:N"),
        (["EURUSD15.csv", "--tp", "0.5:1.5:5"], 2, "between 0 and 1"),
        (["EURUSD15.csv", "--lookforward", "0"], 2, "look-forward"),
        (["EURUSD15.csv", "--spread-pips", "500"], 2, "nearest target"),
        (["EURUSD15.csv", "--tie", "maybe"], 2, "maybe"),
        (["notes.csv"], 1, "no bar length"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    root: Path, words: list[str], code: int, said: str
):
    """No traceback, no file."""
    done = quant(root, "bronze", *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (root / "bronze").exists()


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("1", "a"),
        (" 3 , 1 ", "ac"),
        ("2-4", "bcd"),
        ("1,3-4", "acd"),
        ("all", "abcd"),
        ("Q", ""),
        ("0", None),
        ("5", None),
        ("", None),
        ("x", None),
        ("1-", "a"),
        ("4-2", None),
        ("1;2", None),
    ],
)
def test_answers_are_numbers_and_ranges(answer: str, names: str | None):
    """What names no file is asked again, never guessed."""
    found = pick(answer, FILES)
    assert found == (None if names is None else [Path(f"{name}.csv") for name in names])
