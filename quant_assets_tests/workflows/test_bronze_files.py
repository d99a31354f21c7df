"""A bar file becomes a file of wins: whole or not at all, in row groups of one size."""

import resource
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from quant_assets.bronze.engine import find_winning_trades
from quant_assets.bronze.presets import Grid
from quant_assets.market.errors import FileRejectedError, InputError, QuantError
from quant_assets.settings.model import BronzeSettings, PresetSettings, Settings
from quant_assets.storage.commit import read_footer
from quant_assets.workflows.bronze_files import (
    BronzeOptions,
    offered_files,
    write_bronze_file,
)
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.workspace import Workspace

LEVELS = tuple(np.linspace(0.0005, 0.01, 12).tolist())
OPTIONS = BronzeOptions(sl_ratios=LEVELS, tp_ratios=LEVELS, lookforward=50, spread_pips=1.0)


def write_bars(path: Path, count: int = 600, minutes: int = 15, seed: int = 5) -> pl.DataFrame:
    """Write a random walk as MetaTrader 4 does, and return it."""
    rng = np.random.default_rng(seed)
    close = np.round(1.3 * np.exp(np.cumsum(rng.normal(0, 0.0008, count))), 5)
    high, low = close + 0.0004, close - 0.0004
    starts = pl.datetime_range(
        date(2024, 3, 4), interval=f"{minutes}m", eager=True, end=date(2025, 3, 4)
    ).head(count)
    rows = pl.DataFrame(
        {
            "day": starts.dt.strftime("%Y.%m.%d"),
            "time": starts.dt.strftime("%H:%M"),
            "open": close,
            "high": np.round(high, 5),
            "low": np.round(low, 5),
            "close": close,
            "volume": 1,
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_csv(path, include_header=False)
    stamps = starts.cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")
    return rows.select(stamps.alias("bar_start"), "high", "low", "close")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return an empty data root that writes row groups of 1,000 wins."""
    opened = Workspace.open(tmp_path / "data")
    return replace(opened, settings=Settings(output_chunk_size=1_000, input_chunk_size=70))


@pytest.mark.parametrize("writer", ["pyarrow", "pages"])
def test_a_file_holds_all_wins_in_row_groups_of_one_size(workspace: Workspace, writer: str):
    """Equal to one call of the engine, whichever writer, in order, in the default place."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    bars = write_bars(file)
    settings = workspace.settings.model_copy(update={"bronze": BronzeSettings(writer=writer)})
    made = write_bronze_file(replace(workspace, settings=settings), file, OPTIONS)
    assert made.path == workspace.root / "bronze" / "EURUSD15.parquet"
    grid = Grid(LEVELS, LEVELS, 50)
    expected = find_winning_trades(bars, n_entries=bars.height, grid=grid, spread=0.0001)
    rows = pl.read_parquet(made.path)
    assert made.wins == rows.height == expected.height > 5_000
    assert rows.cast(expected.schema).equals(expected)  # type: ignore[arg-type]
    metadata = pq.read_metadata(made.path)
    sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert sizes[:-1] == [1_000] * (len(sizes) - 1)
    assert (made.candles, made.combinations) == (600, 600 * 2 * 12 * 12)
    assert made.bytes == made.path.stat().st_size < 38 * made.wins


def test_bytes_do_not_depend_on_threads_or_chunks(workspace: Workspace):
    """One thread and four, small chunks and one large one: the same file to the bit."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_bars(file)
    contents = set()
    for threads, chunk in ((1, 10_000), (4, 13), (2, 70)):
        settings = workspace.settings.model_copy(update={"input_chunk_size": chunk})
        opened = replace(workspace, settings=settings)
        opened.__dict__["threads"] = threads  # a cached property, which a machine decides
        made = write_bronze_file(opened, file, OPTIONS)
        contents.add(made.path.read_bytes())
        made.path.unlink()
    assert len(contents) == 1


def test_a_result_is_kept_until_something_it_depends_on_changes(workspace: Workspace):
    """Bytes of the source, levels, spread: any of them makes it again; a damaged result too."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_bars(file)
    assert not write_bronze_file(workspace, file, OPTIONS).is_kept
    first = write_bronze_file(workspace, file, OPTIONS)
    assert first.is_kept
    other = replace(OPTIONS, spread_pips=2.0)
    assert not write_bronze_file(workspace, file, other).is_kept
    assert not write_bronze_file(workspace, file, OPTIONS).is_kept
    write_bars(file, seed=6)
    again = write_bronze_file(workspace, file, OPTIONS)
    assert not again.is_kept
    again.path.write_bytes(again.path.read_bytes()[:-100])
    assert not write_bronze_file(workspace, file, OPTIONS).is_kept
    lineage = read_footer(again.path)["lineage"]
    assert lineage["source"]["name"] == "EURUSD15.csv"
    assert not lineage["synthetic"]


def test_files_without_a_result_are_offered(workspace: Workspace):
    """What is up to date is not; a name that says nothing is, so that its user learns of it."""
    raw = workspace.root / "raw"
    for name in ("EURUSD15.csv", "GBPUSD5.csv", "notes.csv"):
        write_bars(raw / name, minutes=5 if "5.csv" in name and "15" not in name else 15)
    write_bronze_file(workspace, raw / "GBPUSD5.csv", OPTIONS)
    assert [f.name for f in offered_files(workspace, OPTIONS)] == ["EURUSD15.csv", "notes.csv"]
    changed = replace(OPTIONS, lookforward=60)
    assert len(offered_files(workspace, changed)) == 3


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda rows: [*rows[:50], rows[49], *rows[50:]], "duplicate"),
        (lambda rows: [*rows[:50], *rows[60:80], *rows[50:60], *rows[80:]], "out_of_order"),
        (lambda rows: [*rows[:50], rows[50].replace(",1.", ",x.", 1), *rows[51:]], ""),
        (lambda rows: [*rows[:50], rows[50].replace(",1.", ",-1.", 1), *rows[51:]], ""),
    ],
)
def test_a_file_with_an_unsound_row_has_no_result(workspace: Workspace, change, rule: str):
    """The error names rule and place, and nothing is written."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_bars(file)
    rows = change(file.read_text().splitlines())
    file.write_text("\n".join(rows) + "\n")
    with pytest.raises(FileRejectedError) as caught:
        write_bronze_file(workspace, file, OPTIONS)
    assert caught.value.rule == rule or not rule
    assert "EURUSD15.csv" in str(caught.value)
    assert not (workspace.root / "bronze").exists()


def test_a_name_that_lies_about_its_bars_is_refused(workspace: Workspace):
    """Five-minute rows in a file that says fifteen would be searched by the wrong grid."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_bars(file, minutes=5)
    with pytest.raises(FileRejectedError, match="disagree"):
        write_bronze_file(workspace, file, OPTIONS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sl_ratios": (0.002, 0.001)}, "ascend"),
        ({"tp_ratios": (-0.001, 0.001)}, "ascend"),
        ({"tp_ratios": (0.5, 1.5)}, "ascend between 0 and 1"),
        ({"lookforward": 0}, "look-forward"),
        ({"spread_pips": 100.0}, "nearest target"),
        ({"spread_pips": -1.0}, "spread"),
    ],
)
def test_a_grid_that_cannot_be_meant_is_refused_before_any_search(
    workspace: Workspace, change, said: str
):
    """The message says what was asked and what to do."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_bars(file)
    with pytest.raises(InputError, match=said):
        write_bronze_file(workspace, file, replace(OPTIONS, **change))
    assert not (workspace.root / "bronze").exists()


def test_presets_of_the_settings_are_taken(workspace: Workspace):
    """Grid and spread by the settings' names; the user's options still win."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_bars(file)
    preset = PresetSettings(sl_ratios="0.001:0.004:4", tp_ratios=(0.002, 0.003), max_lookforward=9)
    settings = Settings(timeframe_presets={"15m": preset}, spread_pips={"EURUSD": 3.0})
    opened = replace(workspace, settings=settings)
    made = write_bronze_file(opened, file, BronzeOptions(lookforward=7))
    lineage = read_footer(made.path)["lineage"]
    assert lineage["sl_ratios"] == np.linspace(0.001, 0.004, 4).tolist()
    assert (lineage["tp_ratios"], lineage["max_lookforward"]) == ([0.002, 0.003], 7)
    assert lineage["spread"] == 0.0003


def test_ties_are_drilled_down_by_landed_finer_bars(workspace: Workspace):
    """The same candles with and without landed minutes: the rows differ where minutes tell."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    minutes = workspace.root / "raw" / "EURUSD1.csv"
    fine = write_bars(minutes, count=3_000, minutes=1)
    start = pl.col("bar_start").dt.truncate("15m")
    coarse = fine.group_by(start, maintain_order=True).agg(
        pl.col("high").max(), pl.col("low").min(), pl.col("close").last()
    )
    coarse.select(
        pl.col("bar_start").dt.strftime("%Y.%m.%d").alias("day"),
        pl.col("bar_start").dt.strftime("%H:%M").alias("time"),
        pl.col("close").alias("open"),
        "high",
        "low",
        "close",
        pl.lit(1).alias("volume"),
    ).write_csv(file, include_header=False)
    drilled = replace(OPTIONS, tie="drill_down")
    lost = write_bronze_file(workspace, file, OPTIONS)
    assert lost.ambiguous > 0
    assert write_bronze_file(workspace, file, drilled).wins == lost.wins
    (report,) = ingest_files(workspace, [minutes])
    assert report.status == "accept"
    told = write_bronze_file(workspace, file, drilled)
    won = write_bronze_file(workspace, file, replace(OPTIONS, tie="win"))
    assert lost.wins < told.wins < won.wins
    assert won.wins - lost.wins == lost.ambiguous


_DYING = """
import os, signal, sys
from pathlib import Path
from quant_assets.storage.writers import bronze_parquet, files
from quant_assets.workflows.bronze_files import BronzeOptions, write_bronze_file
from quant_assets.workflows.workspace import Workspace

place = sys.argv[2]
if place == "group":
    append, left = bronze_parquet.BronzeFileWriter.append, [3]
    def dying(self, group):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, group)
    bronze_parquet.BronzeFileWriter.append = dying
elif place == "footer":
    bronze_parquet.BronzeFileWriter.close = lambda self: os.kill(os.getpid(), signal.SIGKILL)
else:
    vars(files)["publish"] = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
levels = tuple(0.0005 * step for step in range(1, 13))
options = BronzeOptions(sl_ratios=levels, tp_ratios=levels, lookforward=50, spread_pips=1.0)
os.environ["QUANT_OUTPUT_CHUNK_SIZE"] = "1000"
chunked = Workspace.open(Path(sys.argv[1]))
write_bronze_file(chunked, chunked.root / "raw" / "EURUSD15.csv", options)
"""


@pytest.mark.parametrize("place", ["group", "footer", "rename"])
def test_a_kill_leaves_no_file_that_looks_complete(workspace: Workspace, place: str):
    """Killed between row groups, before the footer and before the rename: nothing stands there."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_bars(file)
    words = [sys.executable, "-c", _DYING, str(workspace.root), place]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not list((workspace.root / "bronze").glob("*.parquet"))
    assert not write_bronze_file(workspace, file, OPTIONS).is_kept


def test_a_full_disk_leaves_what_stood_there(workspace: Workspace):
    """A bound on file sizes stands for the disk: the old result reads, nothing else is left."""
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_bars(file, count=200)
    old = write_bronze_file(workspace, file, OPTIONS)
    before = old.path.read_bytes()
    write_bars(file, count=600)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1_000, hard))
    try:
        with pytest.raises(QuantError, match="bytes are free there"):
            write_bronze_file(workspace, file, OPTIONS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert old.path.read_bytes() == before
    assert list(old.path.parent.iterdir()) == [old.path]
