"""Footprints in the lake: what is made of a session, kept, made again, and left out."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.recipes.tick_size import tick_size_of
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.test_footprint_file import START_NS, ticks

ABOVE = ("roll_map", "clean_ticks", "bars")
DAY_NS = 86_400_000_000_000
SESSIONS = [date(2013, 10, 8), date(2013, 10, 9)]


def land(workspace: Workspace, path: Path) -> None:
    """Land a file, which must be taken."""
    (report,) = ingest_files(workspace, [path])
    assert report.committed, report


def make(workspace: Workspace, symbol: str) -> list[Outcome]:
    """Make footprints of all landed sessions, and what they need."""
    view = LakeView(workspace)
    keys = [Key(symbol, day) for day in landed_sessions(view, symbol)]
    for asset in ABOVE:
        list(make_range(workspace, recipes()[asset], keys))
    return list(make_range(workspace, recipes()["footprint"], keys))


@pytest.fixture
def gold(tmp_path) -> Workspace:
    """A data root with two sessions of gold, 90 trades each."""
    parts = [
        ticks(START_NS + n * DAY_NS, [1310 + (k % 7) / 10 for k in range(90)]) for n in range(2)
    ]
    write_tick_sqlite(tmp_path / "ticks.sqlite", {"GCZ13": pl.concat(parts)})
    workspace = Workspace.open(tmp_path / "data")
    land(workspace, tmp_path / "ticks.sqlite")
    return workspace


def test_a_session_of_ticks_has_rows_bars_and_a_profile(gold):
    """By tick, on the research timeframe; their volume is the ticks'."""
    outcomes = make(gold, "GC")
    assert [one.status for one in outcomes] == [Status.MADE] * 2
    view = LakeView(gold)
    for day in SESSIONS:
        (clean,) = view.at("clean_ticks", "GC", day)
        (rows,) = view.at("footprint", "GC", day)
        (bars,) = view.at("footprint_bars", "GC", day)
        (profile,) = view.at("profiles", "GC", day)
        assert rows.levels == {"timeframe": "1m", "bucket": "0.1", "symbol": "GC"}
        total = view.read(clean)["qty"].sum()
        sides = ("bid_volume", "ask_volume", "unknown_volume")
        assert sum(view.read(rows)[side].sum() for side in sides) == total == 90
        assert view.read(bars)["volume"].sum() == view.read(profile)["volume"].sum() == total
        assert bars.stats == {"bars": 2, "volume": 90.0, "delta": 90.0, "files": 3}
        assert profile.stats == {"volume": 90.0, "base": "ticks", "files": 3}


def test_what_is_fresh_is_kept_and_a_restated_session_alone_is_made_again(gold, tmp_path):
    """Other ticks of one day leave the other day's footprint as it is."""
    make(gold, "GC")
    assert [one.status for one in make(gold, "GC")] == [Status.KEPT] * 2
    write_tick_sqlite(tmp_path / "again.sqlite", {"GCZ13": ticks(START_NS, [1310.5] * 80)})
    land(gold, tmp_path / "again.sqlite")
    assert [one.status for one in make(gold, "GC")] == [Status.MADE, Status.KEPT]


def test_a_partition_of_which_a_file_was_never_stored_is_made_again(gold):
    """A writer that dies between two files leaves no partition that passes for whole."""
    make(gold, "GC")
    before = LakeView(gold).at("footprint", "GC", SESSIONS[0])[0].data_version
    for table in ("footprint", "footprint_bars"):
        for entry in LakeView(gold).at(table, "GC", SESSIONS[0]):
            gold.lake.drop(entry)
    assert [one.status for one in make(gold, "GC")] == [Status.MADE, Status.KEPT]
    (again,) = LakeView(gold).at("footprint", "GC", SESSIONS[0])
    assert again.data_version == before
    assert [one.status for one in make(gold, "GC")] == [Status.KEPT] * 2


def test_a_tick_size_that_does_not_fit_fails_its_sessions_with_the_one_that_does(gold):
    """Nothing is made of the few trades that happen to lie on a wrong grid."""
    (gold.root / "instruments.yaml").write_text(
        "instruments:\n  GC: {tick_size: 0.25}\n", encoding="utf-8"
    )
    wrong = Workspace.open(gold.root)
    outcomes = make(wrong, "GC")
    assert {one.status for one in outcomes} == {Status.SKIPPED}
    view = LakeView(wrong)
    keys = [Key("GC", day) for day in SESSIONS]
    cleaned = list(make_range(wrong, recipes()["clean_ticks"], keys, view=view))
    assert {one.status for one in cleaned} == {Status.FAILED}
    assert "own step is 0.1" in cleaned[0].reason
    assert view.at("clean_ticks", "GC", SESSIONS[0]) == []


def test_the_settings_name_further_footprints(gold):
    """Bars of volume, wider rows; what is no longer asked for goes."""
    (gold.root / "settings.yaml").write_text(
        "universe:\n- {symbol: GC, footprints: [vol20, 5m@0.5, 1m]}\n", encoding="utf-8"
    )
    asked = Workspace.open(gold.root)
    make(asked, "GC")
    found = LakeView(asked).at("footprint_bars", "GC", SESSIONS[0])
    named = {(one.levels["timeframe"], one.levels["bucket"]): one for one in found}
    assert sorted(named) == [("1m", "0.1"), ("5m", "0.5"), ("vol20", "0.1")]
    assert {one.stats["volume"] for one in found} == {90.0}
    assert named["vol20", "0.1"].rows == 5
    (gold.root / "settings.yaml").unlink()
    without = Workspace.open(gold.root)
    assert [one.status for one in make(without, "GC")] == [Status.MADE] * 2
    assert len(LakeView(without).at("footprint_bars", "GC", SESSIONS[0])) == 1


def test_settings_that_name_no_bars_are_refused(gold):
    """The key and the word stand in the message."""
    (gold.root / "settings.yaml").write_text(
        "universe:\n- {symbol: GC, footprints: [banana]}\n", encoding="utf-8"
    )
    with pytest.raises(Exception, match="banana"):
        Workspace.open(gold.root)


@pytest.mark.shared
def test_a_session_of_bars_has_a_profile_alone(tmp_path, shared_data):
    """Minutes of the index future: no sides are known, the volume is kept."""
    workspace = Workspace.open(tmp_path / "data")
    land(workspace, shared_data / "futures" / "futures_minutes.sqlite")
    outcomes = make(workspace, "ES")
    assert {one.status for one in outcomes} == {Status.MADE}
    view = LakeView(workspace)
    assert view.sessions("footprint", "ES") == []
    for day in view.sessions("profiles", "ES"):
        (profile,), (bars,) = view.at("profiles", "ES", day), view.at("bars", "ES", day)
        assert profile.stats["base"] == "bars"
        assert profile.stats["volume"] == pytest.approx(bars.stats["volume"], rel=1e-12)
        prices = view.read(profile)["price"]
        assert ((prices * 4).round() == prices * 4).all()


def test_the_tick_size_of_an_unlisted_symbol_comes_from_its_first_session(tmp_path):
    """Later prices on a finer grid change nothing that was made before."""
    workspace = Workspace.open(tmp_path / "data")
    coarse = "".join(
        f"{1_580_000_000_000 + 1_000 * n},{5 + (n % 40) * 0.05:.2f},1,buy\n" for n in range(400)
    )
    path = tmp_path / "ZZZTEST-spot.trades.csv"
    path.write_text("timestamp,price,amount,side\n" + coarse, encoding="utf-8")
    land(workspace, path)
    assert tick_size_of(LakeView(workspace), "ZZZTEST") == 0.05
    later = coarse + "".join(
        f"{1_590_000_000_000 + 1_000 * n},{5 + n * 0.001:.3f},1,buy\n" for n in range(400)
    )
    path.write_text("timestamp,price,amount,side\n" + later, encoding="utf-8")
    land(workspace, path)
    assert tick_size_of(LakeView(workspace), "ZZZTEST") == 0.05
    assert tick_size_of(LakeView(workspace), "NEVERSEEN") is None
