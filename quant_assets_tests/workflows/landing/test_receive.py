"""One file from open to report: judged as a whole, conserved, merged with what is landed."""

import errno
import json
import tempfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.storage.commit import CommitStep
from quant_assets.storage.readers.base import Landed, RawBatch, Remark, SetAside
from quant_assets.storage.state_tables import RECEIPTS
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing import receive
from quant_assets.workflows.landing.files import identify
from quant_assets.workflows.landing.report import Touched
from quant_assets.workflows.landing.spill import Spill
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.landing.fakes import (
    FakeReader,
    at,
    bar_batch,
    bar_run,
    counted,
    give,
    landed,
    mt4,
    tick_batch,
    versions,
)


def lake_files(workspace: Workspace) -> list[str]:
    """Every file below the lake but locks, which hold no data."""
    root = workspace.lake.root
    paths = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(str(path.relative_to(root)) for path in paths)


def test_bars_land_by_session_with_their_totals(workspace: Workspace, tmp_path: Path) -> None:
    """Two UTC dates of FX are two partitions, and the index knows their volume."""
    report = give(workspace, tmp_path / "a", [bar_batch(bar_run("2014-05-01 23:00", 8))])
    assert report.status == "accept"
    assert report.to_json() == {
        "file": str(tmp_path / "a"),
        "format": "fake",
        "status": "accept",
        "rows_in": 8,
        "committed": 8,
        "quarantined": 0,
        "duplicates": 0,
        "reasons": [],
        "symbols": ["EURUSD"],
        "from": "2014-05-01T23:00:00+00:00",
        "to": "2014-05-02T00:45:00+00:00",
    }
    assert report.touched == (
        Touched("EURUSD", date(2014, 5, 1), changed=True),
        Touched("EURUSD", date(2014, 5, 2), changed=True),
    )
    entries = workspace.lake.index.entries("raw_bars", symbol="EURUSD")
    assert [entry.rows for entry in entries] == [4, 4]
    assert [entry.stats["volume"] for entry in entries] == [40.0, 40.0]
    assert entries[0].path == (
        "raw_bars/schema=ohlcv-15m/symbol=EURUSD/year=2014/month=05/day=01/data.parquet"
    )


def test_ticks_keep_their_order_and_say_when_the_market_was_closed(
    workspace: Workspace, tmp_path: Path
) -> None:
    """GC trades at 21:30Z of October 2013 belong to the session and stand outside its hours."""
    rows = [
        (at("2013-10-07 14:00:00"), 1320.1, 1.0),
        (at("2013-10-07 21:30:00"), 1320.2, 2.0),
        (at("2013-10-07 14:00:00"), 1320.1, 1.0),
        (at("2013-10-07 22:30:00"), 1320.3, 3.0),
    ]
    report = give(workspace, tmp_path / "a", [tick_batch(rows)])
    assert (report.committed, report.duplicates) == (4, 0)
    ticks = landed(workspace, "raw_ticks")
    assert ticks["session"].to_list() == [date(2013, 10, 7)] * 3 + [date(2013, 10, 8)]
    assert ticks["seq"].to_list() == [0, 1, 2, 0]
    assert ticks["outside_hours"].to_list() == [False, True, False, False]
    assert ticks["qty"].to_list() == [1.0, 2.0, 1.0, 3.0]


def test_bad_rows_are_set_aside_with_place_rule_and_values(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Under their own session; the row's values stand for the row where the reader kept none."""
    bars = bar_batch([*bar_run("2014-05-01 10:00", 3), (at("2014-05-02 10:00"), float("nan"))])
    report = give(workspace, tmp_path / "a", [bars])
    assert (report.status, report.committed, report.quarantined) == ("quarantine", 3, 1)
    assert [reason.to_json() for reason in report.reasons] == [
        {"rule": "not_a_number", "count": 1, "where": "line 4"}
    ]
    kept = landed(workspace, "quarantine").row(0, named=True)
    assert (kept["session"], kept["place"], kept["rule"]) == (
        date(2014, 5, 2),
        "line 4",
        "not_a_number",
    )
    assert json.loads(kept["raw"])["close"] == "NaN"
    assert kept["file_sha256"] == identify(tmp_path / "a").sha256


def test_rows_without_a_home_are_kept_with_the_first_session(
    workspace: Workspace, tmp_path: Path
) -> None:
    """What the reader could not type has no stamp, and may have no symbol."""
    events = [
        SetAside("ragged_row", "line 9", "x" * 5000),
        SetAside(
            "damaged_table", "GCG14_TICK", "malformed", count=7, symbol="GC", kind=Landed.TICKS
        ),
        bar_batch(bar_run("2014-05-05 10:00", 2)),
    ]
    report = give(workspace, tmp_path / "a", events)
    assert (report.rows_in, report.quarantined, report.committed) == (10, 8, 2)
    assert report.reasons[1].where == "GCG14_TICK: malformed"
    kept = landed(workspace, "quarantine")
    assert set(kept["session"]) == {date(2014, 5, 5)}
    assert kept["raw"].str.len_bytes().max() == 1024
    homes = {entry.hive for entry in workspace.lake.index.entries("quarantine")}
    assert homes == {"table=raw_bars/symbol=EURUSD", "table=raw_ticks/symbol=GC"}


def test_a_file_of_bad_rows_alone_is_rejected_and_commits_nothing(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Not even its quarantine."""
    report = give(workspace, tmp_path / "a", [bar_batch([(at("2014-05-01 10:00"), -1.0)])])
    assert (report.status, report.rows_in, report.quarantined) == ("reject", 1, 1)
    assert report.reasons[0].rule == "non_positive_price"
    assert lake_files(workspace) == []


def test_a_file_without_rows_is_rejected(workspace: Workspace, tmp_path: Path) -> None:
    """With the reader's remark and the rule `no_rows`."""
    report = give(workspace, tmp_path / "a", [Remark("empty_table", "GCZ13_TICK")])
    assert [reason.rule for reason in report.reasons] == ["empty_table", "no_rows"]
    assert report.status == "reject"


def test_a_stamp_outside_the_calendar_is_set_aside(workspace: Workspace, tmp_path: Path) -> None:
    """A row of 1970 has no session; the others go on."""
    rows = [(at("1970-01-01 00:00"), 1.0), *bar_run("2014-05-01 10:00", 2)]
    report = give(workspace, tmp_path / "a", [bar_batch(rows)])
    assert (report.committed, report.quarantined) == (2, 1)
    assert report.reasons[0].rule == "outside_calendar"


def test_daily_bars_go_to_their_own_date(workspace: Workspace, tmp_path: Path) -> None:
    """A stock's daily bar at midnight UTC is that day's, and a Sunday's is nobody's."""
    rows = [(at(f"2014-05-0{day} 00:00"), 10.0) for day in (2, 4, 5)]
    report = give(workspace, tmp_path / "a", [bar_batch(rows, symbol="SPY", schema="ohlcv-1d")])
    assert (report.committed, report.reasons[0].rule) == (2, "no_session")
    assert landed(workspace, "raw_bars")["session"].to_list() == [
        date(2014, 5, 2),
        date(2014, 5, 5),
    ]


def test_an_unknown_instrument_is_remarked_once(workspace: Workspace, tmp_path: Path) -> None:
    """It lands all the same."""
    batch = bar_batch(bar_run("2014-05-01 14:00", 2), symbol="ZQXW")
    report = give(workspace, tmp_path / "a", [batch, bar_batch([], symbol="ZQXW")])
    assert report.status == "warn"
    assert [(r.rule, r.count, r.where) for r in report.reasons] == [
        ("unknown_instrument", 1, "ZQXW")
    ]


def test_a_symbol_that_could_be_a_path_rejects_the_file(
    workspace: Workspace, tmp_path: Path
) -> None:
    """From whatever reader it comes."""
    report = give(
        workspace, tmp_path / "a", [bar_batch(bar_run("2014-05-01 14:00", 2), symbol="../X")]
    )
    assert (report.status, report.reasons[0].rule) == ("reject", "bad_symbol")
    assert lake_files(workspace) == []


def test_a_reader_that_breaks_down_leaves_nothing_and_no_traceback(
    workspace: Workspace, tmp_path: Path
) -> None:
    """An error after good batches still rejects the whole file."""

    class Breaking(FakeReader):
        def events(self):  # type: ignore[no-untyped-def]
            yield from super().events()
            raise ZeroDivisionError("of\nours")

    file = tmp_path / "a"
    file.write_text("x")
    events = [bar_batch(bar_run("2014-05-01 10:00", 3))]
    (report,) = ingest_files(workspace, [file], opener=lambda *_: Breaking(events))
    assert report.status == "reject"
    assert report.reasons[0].rule == "unreadable"
    assert report.reasons[0].where == "ZeroDivisionError: of ours"
    assert lake_files(workspace) == []


def test_a_file_that_grows_while_it_is_read_is_rejected(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Half a copy must not pass for a whole file."""
    file = tmp_path / "a"
    file.write_text("x")

    class Growing(FakeReader):
        def events(self):  # type: ignore[no-untyped-def]
            yield from super().events()
            file.write_text("xx")

    events = [bar_batch(bar_run("2014-05-01 10:00", 3))]
    (report,) = ingest_files(workspace, [file], opener=lambda *_: Growing(events))
    assert (report.status, report.reasons[0].rule) == ("reject", "changed_while_read")
    assert lake_files(workspace) == []


ROWS = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from([1.0, 2.0, -1.0, float("nan")])), max_size=12
)
ASIDES = st.lists(st.integers(1, 3), max_size=3)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), ASIDES, st.integers(-2, 2))
def test_no_row_is_lost_or_invented_and_a_lie_is_caught(
    batches: list[list[tuple[int, float]]], asides: list[int], lie: int
) -> None:
    """Committed, set aside and duplicate rows are those that were counted, or nothing lands."""
    start = at("2014-05-01 00:00")
    events = [
        *(bar_batch([(start + timedelta(minutes=15 * m), v) for m, v in rows]) for rows in batches),
        *(SetAside("ragged_row", f"line {n}", "?", count=count) for n, count in enumerate(asides)),
    ]
    truth = counted(events)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.open(Path(folder) / "root")
        report = give(workspace, Path(folder) / "a", events, truth + lie)
        if lie:
            assert (report.status, report.reasons[0].rule) == ("reject", "conservation")
        else:
            assert report.rows_in == truth
            assert report.committed + report.quarantined + report.duplicates == truth
        if report.status == "reject":
            assert lake_files(workspace) == []
        else:
            assert landed(workspace, "raw_bars").height == report.committed
        workspace.state.close()


@pytest.mark.parametrize("memory_bytes", [0, 10**9])
def test_a_file_on_disk_lands_the_same_as_one_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_bytes: int
) -> None:
    """The budget decides where rows wait, never what is landed; no spill is left."""
    monkeypatch.setattr(receive, "Spill", lambda folder: Spill(folder, memory_bytes=memory_bytes))
    workspace = Workspace.open(tmp_path / "root")
    batches = [
        bar_batch(bar_run("2014-05-01 20:00", 20)),
        bar_batch([(at("2014-05-01 20:00"), 9.0), (at("2014-05-02 10:00"), -2.0)]),
        bar_batch(bar_run("2014-05-01 22:00", 3, price=1.508)),
    ]
    report = give(workspace, tmp_path / "a", batches)
    assert (report.committed, report.duplicates, report.quarantined) == (19, 3, 3)
    assert landed(workspace, "raw_bars").height == 19
    assert not list((workspace.lake.root / ".tmp").glob("ingest-*"))
    workspace.state.close()


def test_the_same_file_twice_writes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    """The report says so, and keeps status and reasons of the first time."""
    events = [bar_batch([*bar_run("2014-05-01 10:00", 3), (at("2014-05-01 20:00"), -1.0)])]
    first = give(workspace, tmp_path / "a", events)
    root = workspace.lake.root
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.parquet")}
    again = give(workspace, tmp_path / "a", events)
    assert (again.status, again.rows_in) == (first.status, first.rows_in)
    assert (again.committed, again.quarantined, again.duplicates) == (0, 1, 3)
    assert [r.rule for r in again.reasons] == ["non_positive_price", "unchanged"]
    assert not any(touched.changed for touched in again.touched)
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.parquet")}
    assert after == before


def test_a_file_is_read_again_when_its_rows_are_no_longer_there(
    workspace: Workspace, tmp_path: Path
) -> None:
    """A receipt alone proves nothing: the lake must hold what it says."""
    events = [bar_batch(bar_run("2014-05-01 10:00", 3))]
    give(workspace, tmp_path / "a", events)
    wanted = versions(workspace)
    (entry,) = workspace.lake.index.entries("raw_bars")
    (workspace.lake.root / entry.path).unlink()
    workspace.lake.index.drop(entry)
    assert give(workspace, tmp_path / "a", events).committed == 3
    assert versions(workspace) == wanted


def test_other_options_read_the_same_bytes_anew(workspace: Workspace, tmp_path: Path) -> None:
    """Another symbol is another answer."""
    file = tmp_path / "EURUSD15.csv"
    file.write_text(mt4(bar_run("2014-05-01 10:00", 5)))
    assert next(ingest_files(workspace, [file])).committed == 5
    assert next(ingest_files(workspace, [file], symbol="GBPUSD")).committed == 5
    assert next(ingest_files(workspace, [file], zone="America/New_York")).committed == 5
    assert next(ingest_files(workspace, [file])).committed == 0


def test_the_same_bytes_under_another_name_add_nothing(
    workspace: Workspace, tmp_path: Path
) -> None:
    """All rows are duplicates, and the footer names the file once."""
    events = [bar_batch(bar_run("2014-05-01 10:00", 3))]
    give(workspace, tmp_path / "a", events)
    before = {p: p.read_bytes() for p in workspace.lake.root.rglob("*.parquet")}
    report = give(workspace, tmp_path / "b", events)
    assert (report.status, report.committed, report.duplicates) == ("accept", 0, 3)
    assert {p: p.read_bytes() for p in workspace.lake.root.rglob("*.parquet")} == before


def test_a_rejected_file_does_not_stand_in_the_way_of_a_good_copy(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Its receipt says reject; it is read anew, with the same report, and so is the good one."""
    bad = [bar_batch([(at("2014-05-01 10:00"), -1.0)])]
    first, again = (give(workspace, tmp_path / "a", bad) for _ in range(2))
    assert first == again
    (receipt,) = workspace.state.select(RECEIPTS)
    assert (receipt["status"], receipt["name"]) == ("reject", "a")
    assert str(tmp_path) not in json.dumps(receipt)
    assert (
        give(workspace, tmp_path / "a", [bar_batch(bar_run("2014-05-01 10:00", 1))]).committed == 1
    )


def test_a_later_file_restates_and_says_so(workspace: Workspace, tmp_path: Path) -> None:
    """The new value wins; adding rows is no restatement; both files stand in the footer."""
    rows = bar_run("2014-05-01 10:00", 4)
    give(workspace, tmp_path / "a", [bar_batch(rows)])
    added = give(workspace, tmp_path / "b", [bar_batch(bar_run("2014-05-01 11:00", 2))])
    assert (added.status, added.committed) == ("accept", 2)
    rows[1] = (rows[1][0], 7.0)
    report = give(workspace, tmp_path / "c", [bar_batch(rows)])
    assert (report.status, report.committed, report.duplicates) == ("warn", 1, 3)
    assert [(r.rule, r.count, r.where) for r in report.reasons] == [
        ("restated", 1, "EURUSD 2014-05-01")
    ]
    assert landed(workspace, "raw_bars")["close"].to_list()[1] == 7.0
    (entry,) = workspace.lake.index.entries("raw_bars")
    assert sorted(s.name for s in workspace.lake.lineage(entry).sources) == ["a", "b", "c"]
    again = give(workspace, tmp_path / "c", [bar_batch(rows)])
    assert (again.status, [r.rule for r in again.reasons]) == ("accept", ["unchanged"])


def test_two_overlapping_files_end_as_one(tmp_path: Path) -> None:
    """Whatever their order, the rows are those of the whole; the overlap counts as duplicates."""
    rows = bar_run("2014-05-01 20:00", 40)
    ends = []
    for place, order in enumerate([(0, 1), (1, 0)]):
        workspace = Workspace.open(tmp_path / f"root{place}")
        pieces = [rows[:25], rows[15:]]
        folder = tmp_path / f"in{place}"
        folder.mkdir()
        counts = []
        for which in order:
            file = folder / f"EURUSD15 ({which}).csv"
            file.write_text(mt4(pieces[which]))
            report = next(ingest_files(workspace, [file]))
            counts.append((report.status.value, report.committed, report.duplicates))
        assert counts == [("accept", 25, 0), ("accept", 15, 10)]
        ends.append(versions(workspace))
        workspace.state.close()
    assert ends[0] == ends[1]


def test_files_cut_at_utc_midnight_share_a_session(tmp_path: Path) -> None:
    """A CME session lies in two files; neither restates the other, in any order."""
    evening = tick_batch([(at(f"2013-10-07 23:5{m}"), 1320.0 + m, 1.0) for m in range(10)])
    morning = tick_batch([(at(f"2013-10-08 00:0{m}"), 1330.0 + m, 2.0) for m in range(10)])
    ends = []
    for place, order in enumerate([(evening, morning), (morning, evening)]):
        workspace = Workspace.open(tmp_path / f"root{place}")
        reports = [
            give(workspace, tmp_path / f"{place}{n}", [batch]) for n, batch in enumerate(order)
        ]
        assert [r.status for r in reports] == ["accept", "accept"]
        ticks = landed(workspace, "raw_ticks")
        assert ticks["session"].unique().to_list() == [date(2013, 10, 8)]
        assert ticks["ts"].is_sorted()
        assert ticks["seq"].to_list() == list(range(20))
        ends.append(versions(workspace))
        workspace.state.close()
    assert ends[0] == ends[1]


def test_a_restated_tick_changes_its_session_alone(workspace: Workspace, tmp_path: Path) -> None:
    """One value of one day flipped: the other day keeps its version."""
    days = {
        day: [(at(f"2013-10-{day} 14:00:{s:02d}"), 1320.0, 1.0) for s in range(30)]
        for day in ("07", "08")
    }
    give(workspace, tmp_path / "a", [tick_batch([*days["07"], *days["08"]])])
    before = versions(workspace)
    days["07"][3] = (days["07"][3][0], 1321.0, 1.0)
    report = give(workspace, tmp_path / "b", [tick_batch([*days["07"], *days["08"]])])
    assert (report.status, report.committed, report.duplicates) == ("warn", 1, 59)
    assert report.reasons[0].where == "GC 2013-10-07"
    assert report.touched == (
        Touched("GC", date(2013, 10, 7), changed=True),
        Touched("GC", date(2013, 10, 8), changed=False),
    )
    after = versions(workspace)
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["raw_ticks/symbol=GC/contract=GCZ13/2013-10-07"]


def mark(folder: Path, file: Path, *, seed: int = 7) -> None:
    """Lay down the side file by which a writer of synthetic files names them."""
    listed = {"seed": seed, "files": {file.name: identify(file).sha256}}
    (folder / "synthetic.json").write_text(json.dumps(listed))


def csv_in(folder: Path, first: str = "2014-05-01 10:00") -> Path:
    """Write a small CSV into a folder of its own."""
    folder.mkdir()
    file = folder / "EURUSD15.csv"
    file.write_text(mt4(bar_run(first, 4)))
    return file


def test_a_synthetic_file_is_marked_with_its_seed(workspace: Workspace, tmp_path: Path) -> None:
    """In index and footer; a file that the mark does not list is real."""
    file = csv_in(tmp_path / "made")
    mark(file.parent, file)
    assert next(ingest_files(workspace, [file.parent])).committed == 4
    (entry,) = workspace.lake.index.entries("raw_bars")
    assert entry.synthetic
    assert workspace.lake.lineage(entry).origin.seed == 7


@pytest.mark.parametrize("synthetic_first", [True, False])
def test_real_and_synthetic_files_never_share_a_lake(
    workspace: Workspace, tmp_path: Path, synthetic_first: bool
) -> None:
    """Whichever comes second is rejected, and changes nothing."""
    made, real = csv_in(tmp_path / "made"), csv_in(tmp_path / "real", "2014-05-06 10:00")
    mark(made.parent, made)
    order = [made, real] if synthetic_first else [real, made]
    first, second = ingest_files(workspace, order)
    assert first.status == "accept"
    assert (second.status, second.reasons[0].rule) == ("reject", "synthetic_mix")
    assert landed(workspace, "raw_bars").height == 4


def test_status_and_definitions_land_too(workspace: Workspace, tmp_path: Path) -> None:
    """Status in order of arrival; definitions beside each other."""
    stamp = pl.Series([at("2024-03-04 15:00"), at("2024-03-04 15:00")]).cast(
        pl.Datetime("ns", "UTC")
    )
    status = pl.DataFrame(
        {
            "place": pl.Series([1, 2], dtype=pl.UInt64),
            "ts": stamp,
            "action": ["HALT", "TRADING"],
            "reason": ["LULD_PAUSE", "NONE"],
            "is_trading": [False, True],
        }
    )
    definition = pl.DataFrame(
        {
            "place": pl.Series([3], dtype=pl.UInt64),
            "ts": stamp[:1],
            "raw_symbol": ["SPY"],
            "kind": ["definition"],
            "payload": ["{}"],
        }
    )
    events = [
        RawBatch(kind=Landed.STATUS, symbol="SPY", frame=status),
        RawBatch(kind=Landed.DEFINITIONS, symbol="SPY", frame=definition),
    ]
    report = give(workspace, tmp_path / "a", events)
    assert (report.status, report.committed) == ("accept", 3)
    assert landed(workspace, "raw_status")["action"].to_list() == ["HALT", "TRADING"]
    assert landed(workspace, "raw_definitions")["payload"].to_list() == ["{}"]


def test_a_full_disk_is_reported_and_the_next_run_completes_the_file(tmp_path: Path) -> None:
    """The second partition cannot be stored: the report says why; nothing torn is left."""
    events = [bar_batch(bar_run("2014-05-01 20:00", 40))]
    calls: list[CommitStep] = []

    def full(step: CommitStep, _path: Path) -> None:
        calls.append(step)
        if calls.count(CommitStep.WRITE) == 2 and step is CommitStep.WRITE:
            raise OSError(errno.ENOSPC, "No space left on device")

    workspace = Workspace.open(tmp_path / "root", hook=full)
    report = give(workspace, tmp_path / "a", events)
    assert (report.status, report.committed) == ("reject", 0)
    assert report.reasons[0].rule == "not_stored"
    assert "No space left on device" in report.reasons[0].where
    assert workspace.state.select(RECEIPTS) == []
    again = give(workspace, tmp_path / "a", events)
    assert (again.status, again.committed + again.duplicates) == ("accept", 40)
    assert landed(workspace, "raw_bars").height == 40
    workspace.state.close()
