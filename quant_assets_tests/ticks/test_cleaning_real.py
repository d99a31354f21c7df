"""Real trades through cleaning: nothing that is market is lost, and days keep their volumes."""

import csv
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from quant_assets.ticks.schema import CLEAN_TICKS
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.workspace import Workspace

pytestmark = pytest.mark.shared

GOLD = "futures/futures_ticks.sqlite"
DAY_NS = 86_400_000_000_000

FILES = [
    "dbn/XNAS-20131007-A7LEANTBB1/xnas-itch-20131007.tbbo.dbn.zst",
    "dbn/XNAS-20131007-A7LEANMBP1/xnas-itch-20131007.mbp-1.BAC.dbn.zst",
    "dbn/XNAS-20131007-A7LEANTRD1/xnas-itch-20131008.trades.dbn.zst",
    "dbn/XNAS-20131007-A7LEANTRD2/xnas-itch-20131007.trades.SPY.dbn.zst",
    "dbn/real/GLBX.MDP3/test_data.tbbo.dbn.zst",
    "dbn/real/GLBX.MDP3/test_data.trades.dbn.zst",
    "dbn/real/XNAS.ITCH/test_data.tbbo.dbn.zst",
    "orderflow/BTCUSDT-perp-20240808.trades.parquet",
    "orderflow/BTCUSD_PERP-coinm-20240808.trades.csv",
    "orderflow/ETHUSDT-ccxt-20230202.trades.csv",
    "orderflow/XRPETH-201910.trades.parquet",
    GOLD,
]


def cleaned(root: Path, *files: Path) -> tuple[Workspace, list[Outcome]]:
    """Land files and clean every session of them, each futures day by its own leader."""
    root.mkdir()
    (root / "settings.yaml").write_text("roll: {mode: same_day}\n")
    workspace = Workspace.open(root)
    assert all(report.committed for report in ingest_files(workspace, files))
    landed = workspace.lake.index.entries("raw_ticks")
    keys = sorted({Key(entry.symbol, entry.day) for entry in landed})
    outcomes = [
        list(make_range(workspace, recipes()[a], keys)) for a in ("roll_map", "clean_ticks")
    ]
    return workspace, outcomes[1]


@pytest.mark.parametrize("name", FILES)
def test_nothing_that_is_market_is_set_aside(tmp_path, shared_data, name):
    """Every landed row of the active contract is there, in order, its side told by some method."""
    workspace, outcomes = cleaned(tmp_path / "data", shared_data / name)
    assert {one.status for one in outcomes} == {Status.MADE}
    counts: Counter[str] = Counter()
    for one in outcomes:
        counts.update(one.counts)
    assert counts["ticks_set_aside"] == counts["level_shifts"] == 0
    assert counts["ticks_landed"] == sum(one.rows for one in outcomes) > 0
    told = sum(n for name, n in counts.items() if name.startswith("side_by_"))
    assert told == counts["ticks_landed"]
    workspace.state.close()


@pytest.fixture(scope="module")
def gold(tmp_path_factory, shared_data):
    """Return gold of October 2013 with the cleaned sessions of it, and its file."""
    root = tmp_path_factory.mktemp("gold") / "data"
    workspace, outcomes = cleaned(root, shared_data / GOLD)
    yield workspace, outcomes, shared_data / "futures"
    workspace.state.close()


def test_gold_days_keep_their_volumes(gold):
    """The volumes by session that SQL alone counts: 51415, 70785 and 2099 contracts."""
    workspace, outcomes, folder = gold
    with (folder / "futures_ticks.expected_roll.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["day_basis"] == "session"]
    wanted = {row["day"]: (float(row["volume"]), int(row["rows"]), row["contract"]) for row in rows}
    entries = workspace.lake.index.entries(CLEAN_TICKS.name)
    frames = {entry.session: workspace.lake.read(entry) for entry in entries}
    found = {
        day: (frame["qty"].sum(), frame.height, frame["contract"][0])
        for day, frame in frames.items()
    }
    assert found == wanted
    assert [one.counts["ticks_landed"] for one in outcomes] == [row[1] for row in wanted.values()]


@pytest.mark.parametrize(("hours", "basis"), [(0.0, "utc"), (5.5, "ist")])
def test_no_edge_of_a_day_loses_or_repeats_a_row(gold, hours, basis):
    """Cut at midnight of London or of India, sessions hold what the file holds on that date."""
    workspace, _, folder = gold
    shift = timedelta(hours=hours)
    found: Counter[date] = Counter()
    for entry in workspace.lake.index.entries(CLEAN_TICKS.name):
        stamps = workspace.lake.read(entry)["ts"].to_physical() + round(hours * 3_600 * 1e9)
        days = (stamps // DAY_NS).to_list()
        found.update(date(1970, 1, 1) + timedelta(days=day) for day in days)
    with closing(
        sqlite3.connect(f"file:{folder / 'futures_ticks.sqlite'}?mode=ro", uri=True)
    ) as db:
        texts = [text for (text,) in db.execute("SELECT timestamp FROM GCZ13_TICK")]
    india = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts]
    assert found == Counter((one - timedelta(hours=5.5) + shift).date() for one in india)
    assert len(found) == {"utc": 2, "ist": 3}[basis]
