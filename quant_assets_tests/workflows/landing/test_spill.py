"""The spill gives back what it was given, on disk or not, and leaves nothing behind."""

import contextlib
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.workflows.landing.partition import Partition
from quant_assets.workflows.landing.spill import Spill, sweep

KEYS = [
    Partition("raw_ticks", (("symbol", symbol),), date(2024, 1, day))
    for symbol in ("A", "B")
    for day in (2, 3)
]


@pytest.mark.parametrize("memory_bytes", [0, 200, 10**9])
def test_rows_come_back_in_the_order_they_were_given(tmp_path: Path, memory_bytes: int) -> None:
    """Whatever fits in memory, each partition holds its own rows in their order."""
    with Spill(tmp_path, memory_bytes=memory_bytes) as spill:
        for step in range(12):
            spill.add(KEYS[step % 3], pl.DataFrame({"v": [step, step + 100]}))
        assert spill.partitions() == KEYS[:3]
        for place, key in enumerate(KEYS[:3]):
            wanted = [v for step in range(place, 12, 3) for v in (step, step + 100)]
            assert spill.rows(key) == len(wanted)
            assert spill.read(key)["v"].to_list() == wanted


def test_small_files_never_touch_the_disk(tmp_path: Path) -> None:
    """Below the budget no Arrow file is written; above it they are."""
    frame = pl.DataFrame({"v": list(range(100))})
    with Spill(tmp_path, memory_bytes=10_000) as spill:
        spill.add(KEYS[0], frame)
        assert not list(spill.folder.glob("*.arrow"))
        for _ in range(20):
            spill.add(KEYS[1], frame)
        assert list(spill.folder.glob("*.arrow"))


@pytest.mark.parametrize("memory_bytes", [0, 10**9])
def test_a_replaced_partition_holds_the_new_rows_alone(tmp_path: Path, memory_bytes: int) -> None:
    """Replacing forgets rows in memory and on disk alike; taking forgets the partition."""
    with Spill(tmp_path, memory_bytes=memory_bytes) as spill:
        spill.add(KEYS[0], pl.DataFrame({"v": [1, 2, 3]}))
        spill.replace(KEYS[0], pl.DataFrame({"v": [9]}))
        assert spill.rows(KEYS[0]) == 1
        assert spill.take(KEYS[0])["v"].to_list() == [9]
        assert spill.partitions() == []


def test_the_folder_goes_also_when_work_fails(tmp_path: Path) -> None:
    """An error inside the block leaves no folder."""
    spill = Spill(tmp_path, memory_bytes=0)
    with contextlib.suppress(RuntimeError), spill:
        spill.add(KEYS[0], pl.DataFrame({"v": [1]}))
        assert list(spill.folder.glob("*.arrow"))
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_a_dead_owner_s_folder_is_swept_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    """The lock tells them apart, whatever their age."""
    code = f"""
        import os
        from pathlib import Path
        from quant_assets.workflows.landing.spill import Spill
        Spill(Path({str(tmp_path)!r})).__enter__()
        os._exit(3)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == 3
    assert len(list(tmp_path.iterdir())) == 1
    with Spill(tmp_path) as living:
        assert sweep(tmp_path) == 1
        assert list(tmp_path.iterdir()) == [living.folder]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 9), max_size=5)), max_size=30),
    st.sampled_from([0, 64, 10**9]),
)
def test_no_budget_changes_what_a_partition_holds(
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[tuple[int, list[int]]],
    memory_bytes: int,
) -> None:
    """What is read equals plain lists, for any order of arrivals and any budget."""
    wanted: dict[Partition, list[int]] = {}
    with Spill(tmp_path_factory.getbasetemp(), memory_bytes=memory_bytes) as spill:
        for place, values in pieces:
            spill.add(KEYS[place], pl.DataFrame({"v": values}, schema={"v": pl.Int64}))
            if values:
                wanted.setdefault(KEYS[place], []).extend(values)
        assert spill.partitions() == sorted(wanted, key=lambda key: key.order)
        assert {key: spill.read(key)["v"].to_list() for key in wanted} == wanted
