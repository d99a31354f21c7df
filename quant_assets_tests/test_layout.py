"""The layout: who may import whom, what lies at the top, and what no file may do."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "quant_assets"
MODULES = sorted(PACKAGE.rglob("*.py"))

TOP_LEVEL = {
    "pyproject.toml",
    "workspace.yaml",
    "quant_assets",
    "quant_assets_tests",
    "data",
    "dagster_home",
    "README.md",
    "Makefile",
    "requirements.lock",
    "deploy",
}


def test_packages_import_only_what_stands_below_them():
    """The layers of the design hold, pure packages do no IO, workflows know no Dagster."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_top_level_holds_what_its_owner_named():
    """Besides dotfiles nothing else is tracked at the top."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    top = {Path(name).parts[0] for name in listed}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


def test_no_data_is_tracked():
    """Nothing under data/ is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "data"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert listed == ""


@pytest.mark.parametrize("banned", ["pickle", "joblib", "shelve", "marshal"])
def test_no_module_imports_what_runs_code_on_loading(banned):
    """Nothing in the package can load a pickle."""
    users = [path.name for path in MODULES if banned in _imported(path)]
    assert users == []


def _imported(path: Path) -> set[str]:
    """Return the first part of every module that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_no_file_is_longer_than_four_hundred_lines():
    """A file that grows past it holds more than one concept."""
    long = [path.name for path in MODULES if len(path.read_text().splitlines()) > 400]
    assert long == []


def test_kernels_are_compiled_without_objects_and_release_the_lock():
    """Every function of a kernels module is njit with cache and nogil."""
    for path in (one for one in MODULES if one.name == "kernels.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                text = " ".join(ast.unparse(one) for one in node.decorator_list)
                assert "njit" in text, f"{path}: {node.name}"
                assert "nogil=True" in text, f"{path}: {node.name}"


def test_the_lock_names_no_registry():
    """Versions and hashes alone: whoever installs chooses where from."""
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--hash=sha256:" in text
