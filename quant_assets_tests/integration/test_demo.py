"""The demo as a new user runs it: a synthetic market, the whole graph, and again without work."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from quant_assets_tests.integration.command import Root

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Demo:
    """A data root after two runs of the demo, with what they printed."""

    def __init__(self, folder: Path) -> None:
        self.root = Root(folder / "demo")
        self.root.folder.mkdir()
        self.first = self.root.run("demo", "--seed", "11")
        self.before = self.root.versions()
        self.second = self.root.run("demo", "--seed", "11")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run the demo twice in a data root of its own."""
    return Demo(tmp_path_factory.mktemp("demo"))


def test_it_prints_the_leaderboard_and_where_to_look_next(demo):
    """Three strategies, marked synthetic with their seed; pages and the command for the UI."""
    assert "Leaderboard (SYNTHETIC market, seed 11)" in demo.first
    for strategy in ("fx_15m_barriers", "future_1m_barriers", "equity_1m_barriers"):
        assert strategy in demo.first
        assert str(Path("demo") / "reports" / f"{strategy}.html") in demo.first
    assert "quant ui" in demo.first


def test_a_second_run_makes_nothing_anew_and_says_so(demo):
    """The same market again: every version stands, and the closing line says it."""
    assert "Nothing was made anew" in demo.second
    assert demo.root.versions() == demo.before


def test_the_plan_finds_nothing_left_to_do(demo):
    """Every asset is listed, those by strategy and those without partitions too; none would run."""
    lines = {row["asset"]: row for row in demo.root.rows("plan", "*")}
    named = {"bars", "footprint", "contract_table", "contract_json", "model", "backtest"}
    assert {*named, "tear_sheet", "leaderboard", "warehouse"} <= set(lines)
    assert {name: row["reasons"] for name, row in lines.items() if row["would_run"]} == {}
    assert lines["model"]["fresh"] == lines["backtest"]["fresh"] == 3


def test_everything_is_marked_synthetic(demo):
    """Landed and derived partitions and every page carry the mark."""
    lake = demo.root.open().lake
    tables = [name for name in lake.index.tables() if name != "sessions"]
    unmarked = [e.name for name in tables for e in lake.index.entries(name) if not e.synthetic]
    assert unmarked == []
    for page in (demo.root.folder / "reports").glob("*.html"):
        assert "synthetic" in page.read_text(encoding="utf-8").lower()


def test_the_market_shows_what_it_was_made_to_show(demo):
    """Both roots roll once inside the ten sessions; one stock has momentum days and a halt."""
    lake = demo.root.open().lake
    for root in ("ES", "GC"):
        rolls = [e.stats["rolled"] for e in lake.index.entries("roll_map", symbol=root)]
        assert len(rolls) == 10
        assert sum(rolls) == 1
    entry = lake.index.entries("momentum_days", symbol="MOMO")
    rows = [lake.read(one).row(0, named=True) for one in entry]
    large = [row for row in rows if row["range_pct"] > 20]
    assert len(large) == 2
    assert sum(row["halts"] for row in rows) == 1
    assert {row["day_class"] for row in large} <= {"prime", "secondary", "risk"}


def test_its_ticks_show_order_flow(demo):
    """Both sides, imbalances and stacks in the lake; each contract as a file; a ladder to open."""
    lake = demo.root.open().lake
    for root in ("ES", "GC"):
        bars = pl.concat(lake.read(e) for e in lake.index.entries("footprint_bars", symbol=root))
        assert bars["unknown_volume"].sum() == 0
        assert (bars["bid_volume"] > 0).mean() > 0.5
        for mark in ("imbalance_buy", "imbalance_sell", "stacked_buy", "unfinished_high"):
            assert bars[mark].sum() > 0
    written = sorted(
        path.parent.name for path in demo.root.folder.glob("contracts/*/contract.json")
    )
    assert {"ESH24", "ESM24", "GCJ24"} & set(written)
    ticks = next((demo.root.folder / "raw").glob("synthetic-ES-ticks.sqlite"))
    out = demo.root.folder / "footprint.parquet"
    demo.root.run("footprint", str(ticks), "--bar", "5m", "--out", str(out), "--chart")
    assert "synthetic data" in out.with_suffix(".html").read_text(encoding="utf-8")


def test_it_refuses_a_lake_that_holds_real_data(tmp_path):
    """A lake with a table that is not marked synthetic is not touched."""
    root = Root(tmp_path / "data")
    root.folder.mkdir()
    lines = [f"2024.03.04,{h:02d}:00,1.1,1.2,1.0,1.1,5" for h in range(24)]
    file = tmp_path / "EURUSD60.csv"
    file.write_text("\n".join(lines) + "\n")
    root.rows("ingest", str(file))
    before = root.versions()
    root.run("demo", code=2)
    assert root.versions() == before
    assert str(date(2024, 3, 4)) in next(iter(before))
