"""Compiled kernels: kept from process to process, until any code that is in them changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import quant_assets

SAVE = """
import sys
from numba.core import caching

from quant_assets.storage import kernel_cache

folder, me = sys.argv[1:]
kept = caching.IndexDataCacheFile(folder, "kernel", "stamp")
print(flush=True)
sys.stdin.readline()
for n in range(40):
    kept.save((me, n), (me, n))
"""

LOAD = """
import sys
from numba.core import caching

kept = caching.IndexDataCacheFile(sys.argv[1], "kernel", "stamp")
keys = [(me, n) for me in "abc" for n in range(40)]
print(sum(kept.load(key) == key for key in keys))
"""

CALL = """
from quant_assets.execution.bar_kernels import leave_between
import numpy as np

flat = np.full((1, 4), 100.0)
price = leave_between(flat, 0, 1, 100.0, -1, 100.0, 100.0, 90.0, 0.5)[1]
stats = leave_between.stats
print(price, sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a copy of the package, with nothing compiled in it."""
    copy = tmp_path / "copy" / "quant_assets"
    source = Path(quant_assets.__file__).parent
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def _exit(package: Path, *, before: str = "", **variables: str) -> tuple[float, int, int]:
    """Return at what price a fresh process leaves, and its hits and misses of the cache."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(package.parent)} | variables
    done = subprocess.run(
        [sys.executable, "-c", before + CALL],
        env=environment,
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    price, hits, misses = done.stdout.split()
    return float(price), int(hits), int(misses)


def _change_callee(package: Path) -> None:
    """Let a fill cost twice the half spread, in the file that the caller imports it from."""
    file = package / "execution" / "kernels.py"
    text = file.read_text()
    assert text.count("return mid + direction * half_spread") == 1
    file.write_text(
        text.replace(
            "return mid + direction * half_spread", "return mid + direction * half_spread * 2"
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "names_a_folder"),
    [("", False), ("import numba\n", False), ("", True)],
    ids=["in_tree", "numba_came_first", "folder_of_the_user"],
)
def test_a_changed_callee_in_another_file_changes_its_compiled_caller(
    package, tmp_path, before, names_a_folder
):
    """One process compiles and the next one finds it; after the change it is compiled anew."""
    variables = {"NUMBA_CACHE_DIR": str(tmp_path / "numba")} if names_a_folder else {}
    assert _exit(package, before=before, **variables) == (100.5, 0, 1)
    assert _exit(package, before=before, **variables) == (100.5, 1, 0)
    compiled = sorted(tmp_path.rglob("bar_kernels.leave_between-*.nb?"))
    assert compiled
    _change_callee(package)
    assert _exit(package, before=before, **variables) == (101.0, 0, 1)
    assert _exit(package, before=before, **variables) == (101.0, 1, 0)
    assert sorted(tmp_path.rglob("bar_kernels.leave_between-*.nb?")) == compiled
    assert (tmp_path / "numba").exists() == names_a_folder


@pytest.mark.slow
def test_a_change_elsewhere_compiles_nothing_anew(package):
    """What a kernel does not import is not in its code."""
    _exit(package)
    file = package / "bars" / "kernels.py"
    file.write_text(file.read_text() + "\nOTHER = 1\n")
    assert _exit(package) == (100.5, 1, 0)


def test_what_the_user_says_of_locators_stands(package):
    """A variable that is set already is left alone."""
    print_it = "import os, quant_assets; print(os.environ['NUMBA_CACHE_LOCATOR_CLASSES'])"
    done = subprocess.run(
        [sys.executable, "-c", print_it],
        env=os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "UserWideCacheLocator"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "UserWideCacheLocator\n"


def test_a_kernel_of_the_user_s_own_is_kept_as_numba_keeps_it(tmp_path):
    """A module that is not ours, and may lie anywhere, is cached too."""
    (tmp_path / "mine.py").write_text(
        "import quant_assets\nfrom numba import njit\n\n\n"
        "@njit(cache=True)\ndef twice(x):\n    return 2 * x\n\n\n"
        "print(twice(3), sum(twice.stats.cache_hits.values()))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert said == ["6 0\n", "6 1\n"]


def test_processes_that_compile_one_kernel_at_once_do_not_take_each_other_s_code(tmp_path):
    """Each saves for arguments of its own; all are found, and each is what was saved for it."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", SAVE, str(tmp_path), me],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in "abc"
    ]
    # All begin together: starting up takes far longer than what they do.
    for writer in writers:
        writer.stdout.readline()
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    found = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert found.stdout == "120\n"
