"""A writer that is killed anywhere leaves the old file or the new one, never anything between."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.lineage.fingerprint import content_version
from quant_assets.market.errors import PartitionReplacedError
from quant_assets.storage.commit import CommitStep
from quant_assets_tests.storage.prices import (
    DAILY,
    NEW,
    OLD,
    TABLES,
    open_lake,
    prices,
    put,
    visible,
)

BEFORE_RENAME = {CommitStep.WRITE, CommitStep.VERIFY, CommitStep.SYNC_FILE, CommitStep.RENAME}
CASES = [(grain, step) for grain in TABLES for step in CommitStep]
MANY = 300_000
VERSIONS = {content_version(prices(seed)) for seed in (OLD, NEW)}


@dataclass(frozen=True)
class Death:
    """How a writer died, and the data root that it left behind."""

    root: Path
    exit_code: int
    place: str


def _deaths(base: Path, writer: str) -> dict[tuple[str, CommitStep], Death]:
    """Kill a writer inside every step of every kind of table."""
    plan = []
    for grain, step in CASES:
        root = base / f"{grain}-{step}"
        put(open_lake(root), TABLES[grain], OLD)
        plan.append([str(root), grain, step.value])
    (base / "plan.json").write_text(json.dumps(plan))
    command = [sys.executable, "-m", "quant_assets_tests.storage.dying_writer", writer]
    done = subprocess.run(
        [*command, base / "plan.json"], check=True, capture_output=True, text=True
    )
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    return {
        case: Death(Path(entry[0]), int(line[1]), line[2])
        for case, entry, line in zip(CASES, plan, lines, strict=True)
    }


def faults(root: Path) -> list[str]:
    """Return what a reader could see that is neither the old nor the new rows."""
    found = []
    for name in visible(root):
        try:
            frame = pl.read_parquet(root / "lake" / name, hive_partitioning=False)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
            found.append(f"{name} is torn")
            continue
        if content_version(frame) not in VERSIONS:
            found.append(f"{name} is half there")
    return found


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, CommitStep], Death]:
    """Return what killed commits left behind."""
    return _deaths(tmp_path_factory.mktemp("killed"), "lake")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Return the files that the same commits make where nobody is killed."""
    root = tmp_path_factory.mktemp("undisturbed")
    made = {}
    for grain, table in TABLES.items():
        put(open_lake(root / grain), table, OLD)
        put(open_lake(root / grain), table, NEW)
        made[grain] = visible(root / grain)
    return made


@pytest.mark.parametrize(("grain", "step"), CASES)
def test_a_killed_commit_leaves_the_old_rows_or_the_new_ones(
    deaths: dict[tuple[str, CommitStep], Death],
    undisturbed: dict[str, dict[str, bytes]],
    grain: str,
    step: CommitStep,
) -> None:
    """Killed by SIGKILL inside the step that is named, and a second run ends undisturbed."""
    death = deaths[grain, step]
    assert death.exit_code == -signal.SIGKILL
    place = "staged" if step in BEFORE_RENAME else "in place"
    assert death.place == f"{step.value} {place}"
    assert faults(death.root) == []
    lake = open_lake(death.root)
    assert lake.recover() == 1
    (entry,) = lake.index.entries(TABLES[grain].name)
    standing = OLD if step in BEFORE_RENAME else NEW
    assert lake.read(entry).equals(prices(standing))
    assert entry.data_version == content_version(prices(standing))
    again = put(lake, TABLES[grain], NEW)
    assert lake.read(again).equals(prices(NEW))
    assert visible(death.root) == undisturbed[grain]
    assert lake.sweep(now_s=time.time() + 7200) == (step in BEFORE_RENAME)


def test_the_same_kills_tear_what_a_plain_writer_writes(tmp_path: Path) -> None:
    """The proof that the proof can fail: straight to the target, a kill leaves a torn file."""
    torn = {
        case: faults(death.root)
        for case, death in _deaths(tmp_path, "plain").items()
        if death.exit_code == -signal.SIGKILL
    }
    assert torn.keys() == set(CASES)
    assert {step for (_, step), found in torn.items() if found} == {CommitStep.WRITE}
    assert all("is torn" in torn[grain, CommitStep.WRITE][0] for grain in TABLES)


def test_an_entry_that_lags_behind_its_file_is_never_read_for_it(tmp_path: Path) -> None:
    """Killed between rename and index: without recovery the read refuses, and mends the index."""
    lake = open_lake(tmp_path)
    old = put(lake, DAILY, OLD)

    def stop(step: CommitStep, _path: Path) -> None:
        if step is CommitStep.INDEX:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put(open_lake(tmp_path, hook=stop), DAILY, NEW)
    assert lake.index.entries(DAILY.name) == [old]
    for read in (lake.read, lake.lineage, lake.footer, lambda entry: lake.scan([entry])):
        with pytest.raises(PartitionReplacedError, match="replaced it since"):
            read(old)
    (mended,) = lake.index.entries(DAILY.name)
    assert mended == put(open_lake(tmp_path / "other"), DAILY, NEW)
    assert lake.read(mended).equals(prices(NEW))


LOOP = """
import sys
from itertools import count
from pathlib import Path
from quant_assets_tests.storage.dying_writer import write_all_plainly
from quant_assets_tests.storage.prices import DAILY, LEVELS, lineage, open_lake, prices, DAY

if sys.argv[2] == "plain":
    write_all_plainly()
lake = open_lake(Path(sys.argv[1]))
rows = {seed: prices(seed, count=int(sys.argv[3])) for seed in (1, 2)}
print("ready", flush=True)
for turn in count():
    seed = 1 + turn % 2
    lake.commit(DAILY, LEVELS, rows[seed], lineage(seed), session=DAY)
"""


def _reads_while_writing(root: Path, writer: str, *, kills: int) -> Generator[bool]:
    """Poll a file while a writer replaces it again and again and is killed at odd moments."""
    rng = np.random.default_rng(7)
    sound = {float(prices(seed, count=MANY)["price"].sum()) for seed in (OLD, NEW)}
    lake = open_lake(root)
    file = lake.root / put(lake, DAILY, OLD, count=MANY).path
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", LOOP, root, writer, str(MANY)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                last = time.monotonic() + rng.uniform(0.5, 1.5)
                while time.monotonic() < last:
                    yield _is_sound(file, sound)
            finally:
                process.kill()
        yield _is_sound(file, sound)


def _is_sound(file: Path, sound: set[float]) -> bool:
    """Whether the file reads as one of the committed versions."""
    try:
        with file.open("rb") as handle:
            return pl.read_parquet(handle, hive_partitioning=False)["price"].sum() in sound
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return False


def test_a_reader_never_sees_anything_between_two_commits(tmp_path: Path) -> None:
    """Polled all the while, over writers killed at odd moments, each read is one version whole."""
    reads = list(_reads_while_writing(tmp_path, "lake", kills=3))
    assert len(reads) > 3
    assert all(reads)
    lake = open_lake(tmp_path)
    lake.recover()
    (entry,) = lake.index.entries(DAILY.name)
    assert content_version(lake.read(entry)) == entry.data_version


def test_the_same_reader_sees_torn_files_of_a_plain_writer(tmp_path: Path) -> None:
    """The proof that the proof can fail."""
    with closing(_reads_while_writing(tmp_path, "plain", kills=20)) as reads:
        assert not all(reads)
