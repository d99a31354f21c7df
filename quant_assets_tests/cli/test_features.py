"""`quant features` and `quant check-leaks` as a user meets them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quant_assets.features.standard import standard_catalog
from quant_assets_tests.cli.in_process import quant

WORDS = [sys.executable, "-m", "quant_assets.cli.main"]
FILES = Path(__file__).parents[1] / "features"

CLEAN = """
from quant_assets.features.frame_feature import frame_feature

@frame_feature(name="last_close", inputs=("close",))
def last_close(bars):
    return bars["close"].shift(1)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty data root."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [*WORDS, *words],
        env=os.environ | {"QUANT_DATA": str(root)},
        cwd=root.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_leak_is_told_with_feature_cut_and_time(root):
    """Status 1; a table on stdout, and with --json an object a line and nothing else."""
    file = str(FILES / "leaks" / "same_day_roll.py")
    shown = run(root, "check-leaks", file)
    assert shown.returncode == 1
    title, row, closing = shown.stdout.splitlines()
    assert title.split()[:2] == ["feature", "state"]
    assert row.split()[:2] == ["rolled_close", "leak"]
    assert closing == "1 feature, 240 cuts of each at least: 1 leak"
    assert "seeded bars" in shown.stderr
    found = quant(root, "check-leaks", file, "--json")
    assert found.returncode == 1
    (line,) = found.stdout.splitlines()
    values = json.loads(line)
    assert (values["feature"], values["status"]) == ("rolled_close", "leak")
    assert values["time"] <= values["cut"]


def test_a_clean_file_is_told_with_status_0(root):
    """Only the closing line stands on stdout."""
    file = root / "mine.py"
    file.write_text(CLEAN)
    done = quant(root, "check-leaks", str(file))
    assert (done.returncode, done.stdout) == (
        0,
        "1 feature, 240 cuts of each at least: 1 clean\n",
    )


def test_what_cannot_be_judged_is_wrong_usage(root):
    """A file of values, and one that does not import: status 2, the message on stderr."""
    done = quant(root, "check-leaks", "features.parquet")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Give the Python file" in done.stderr
    broken = root / "broken.py"
    broken.write_text("\n\nx = 1 /\n")
    done = quant(root, "check-leaks", str(broken))
    assert done.returncode == 2
    assert "line 3: SyntaxError" in done.stderr


def test_the_settings_files_are_judged_with_the_catalogue(root):
    """A leak in one of them is found among the package's clean features."""
    leak = (FILES / "leaks" / "shift_back.py").read_text()
    (root / "mine.py").write_text(leak)
    (root / "settings.yaml").write_text("features: {files: [mine.py]}\n")
    done = run(root, "check-leaks", "--json")
    assert done.returncode == 1
    status = {row["feature"]: row["status"] for row in map(json.loads, done.stdout.splitlines())}
    assert {name for name, state in status.items() if state != "clean"} == {
        "return_1",
        "return_1_frame",
    }
    assert set(standard_catalog().names) < set(status)


def test_an_empty_lake_lists_what_is_declared(root):
    """Status 0, and the closing line says that nothing was made."""
    shown = quant(root, "features")
    assert shown.returncode == 0
    count = len(standard_catalog().names)
    closing = f"{count} features, nothing made yet: quant materialize features"
    assert shown.stdout.splitlines()[-1] == closing
    rows = [json.loads(line) for line in quant(root, "features", "--json").stdout.splitlines()]
    assert {row["name"] for row in rows} == set(standard_catalog().names)
    assert {row["coverage"] for row in rows} == {0.0}


def test_a_settings_file_outside_the_data_root_is_wrong_usage(root):
    """The message names the setting."""
    (root / "settings.yaml").write_text("features: {files: [../mine.py]}\n")
    done = quant(root, "features")
    assert done.returncode == 2
    assert "features.files" in done.stderr
