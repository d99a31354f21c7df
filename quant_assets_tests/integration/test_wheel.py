"""The package as a plain wheel: what an installation without the project's folder can do."""

import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from quant_assets.defs.location import load_location
from quant_assets.storage.package_data import read_sessions

ROOT = Path(__file__).parents[2]

LOAD = """
import json
import sys

from quant_assets.definitions import defs
from quant_assets.reports.templates import TEAR_SHEET
from quant_assets.storage.package_data import load_instruments, read_sessions

graph = defs().resolve_asset_graph()
print(json.dumps({
    "assets": sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
    "files": sorted({m.__file__ for n, m in sys.modules.items() if n.startswith("quant_assets")}),
    "sessions": read_sessions().height,
    "tick_size": str(load_instruments().instrument("GC").tick_size),
    "has_template": "<html" in TEAR_SHEET,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, without a network, and return the folder that it was unpacked into."""
    built = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        archive.extractall(folder)
    return folder


def _run(wheel: Path, elsewhere: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python beside the unpacked wheel, in a folder that holds nothing."""
    environment = os.environ | {
        "PYTHONPATH": str(wheel),
        "QUANT_DATA": str(elsewhere / "data"),
        "DAGSTER_HOME": str(elsewhere / "dagster_home"),
    }
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )


def test_the_code_location_loads_without_the_project_around_it(wheel: Path, tmp_path: Path) -> None:
    """The same assets come, all modules are the wheel's, and its data are there."""
    done = _run(wheel, tmp_path, "-c", LOAD)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    graph = load_location().resolve_asset_graph()
    assert said["assets"] == sorted(key.to_user_string() for key in graph.get_all_asset_keys())
    assert all(Path(file).is_relative_to(wheel) for file in said["files"])
    assert len(said["files"]) > 50
    assert said["sessions"] == read_sessions().height
    assert said["tick_size"] == "0.1"
    assert said["has_template"]


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    """Code and data, as they are tracked."""
    listed = subprocess.run(
        ["git", "ls-files", "quant_assets"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [name for name in listed if not (wheel / name).is_file()] == []
    assert not (wheel / "quant_assets_tests").exists()


@pytest.mark.slow
def test_the_command_line_works_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """It helps, lands a file, and makes an asset through Dagster."""
    quant = ("-m", "quant_assets.cli.main")
    (tmp_path / "EURUSD15.csv").write_text("2024.01.03,10:00,1.1,1.3,1.0,1.2,7\n")
    said = ""
    for words in (["--version"], ["--help"], ["ingest", "EURUSD15.csv"], ["materialize", "bars"]):
        done = _run(wheel, tmp_path, *quant, *words)
        assert done.returncode == 0, done.stderr
        said += done.stdout
    assert said.startswith(f"{version('quant_assets')}\n")
    assert "Usage" in said
    assert list((tmp_path / "data" / "lake" / "bars").rglob("data.parquet"))
    (scripts,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "quant = quant_assets.cli.main:run" in scripts.read_text()
