"""The sensor on landed data: exactly what a change reaches is made, by one run."""

from datetime import UTC, datetime
from pathlib import Path

from quant_assets.defs.partitions import STRATEGIES, SYMBOLS
from quant_assets_tests.defs.automation.conftest import DAYS, SEED, Desk
from quant_assets_tests.defs.automation.market import stored, write_csv

RESTATED = DAYS[4]


def _names(desk: Desk) -> dict[str, str]:
    """Return what is stored, by table and session alone."""
    return {f"{n.split('/')[0]} {n.split('/')[-1]}": h for n, h in stored(desk.workspace).items()}


def _written(desk: Desk) -> dict[Path, int]:
    """Return each file of the lake with the time at which it was written."""
    root = desk.workspace.lake.root
    return {path: path.stat().st_mtime_ns for path in root.rglob("data.parquet")}


def test_landed_sessions_become_partitions_and_one_run(desk):
    """One tick waits, the next asks for one range of the new symbol; then all is made."""
    write_csv(desk.workspace.root / "raw" / "EURUSD15.csv", DAYS[:3], seed=SEED)
    desk.land_all()
    assert desk.deliver_sessions() == []
    before, keys = desk.sessions, set()
    for _ in range(3):
        desk.sessions = before
        (request,) = desk.deliver_sessions()
        keys.add(request.run_key)
    assert len(keys) == 1
    assert request.tags["dagster/asset_partition_range_start"] == "2024-01-08|EURUSD"
    assert request.tags["dagster/asset_partition_range_end"] == "2024-01-10|EURUSD"
    assert desk.instance.get_dynamic_partitions(SYMBOLS.name) == ["EURUSD"]
    assert desk.run(request, "sessions_job").success
    for cursor in (before, desk.sessions):
        desk.sessions = cursor
        assert desk.deliver_sessions() == []
    assert desk.instance.get_dynamic_partitions(STRATEGIES.name) == ["fx_15m"]
    assert len(desk.workspace.lake.index.entries("training_set")) == 3


def test_what_is_made_already_is_not_asked_for(made):
    """A sensor that starts without a cursor on a made lake asks for nothing."""
    assert made.make_all() == []


def test_a_restated_value_makes_exactly_its_dependants_again(made):
    """One close of one bar changes: what reads that session is made again, nothing else."""
    assert made.make_all() == []
    names, written = _names(made), _written(made)
    noon = datetime(RESTATED.year, RESTATED.month, RESTATED.day, 12, tzinfo=UTC)
    file = made.workspace.root / "raw" / "EURUSD15.csv"
    write_csv(file, DAYS, seed=SEED, closes={noon: _close_at(file, noon) + 1e-5})
    made.land_all()
    (request,) = made.make_all()

    # 96 bars a session: features look back over 5 sessions, 200 candles look forward over 3,
    # 24 bars of a label over 1, volume averages back over 20.
    dependants = {
        "raw_bars": DAYS[4:5],
        "bars": DAYS[4:5],
        "features": DAYS[4:10],
        "bronze_trades": DAYS[1:5],
        "momentum_days": DAYS[4:10],
        "training_set": DAYS[3:10],
    }
    expected = {f"{table} {day}" for table, days in dependants.items() for day in days}
    after = _names(made)
    assert {name for name in after if after[name] != names[name]} == expected - {
        f"raw_bars {RESTATED}"
    }
    again = {path for path, stamp in _written(made).items() if written.get(path) != stamp}
    assert {f"{p.relative_to(made.workspace.lake.root).parts[0]} {_day(p)}" for p in again} == (
        expected
    )
    assert request.tags["dagster/asset_partition_range_start"] == f"{DAYS[1]}|EURUSD"
    assert request.tags["dagster/asset_partition_range_end"] == f"{DAYS[9]}|EURUSD"


def _close_at(file: Path, stamp: datetime) -> float:
    """Return the close of one bar of a file."""
    (line,) = (x for x in file.read_text().splitlines() if x.startswith(f"{stamp:%Y.%m.%d,%H:%M}"))
    return float(line.split(",")[5])


def _day(path: Path) -> str:
    """Return the session of a lake file, from its folders."""
    year, month, day = (part.split("=")[1] for part in path.parts[-4:-1])
    return f"{year}-{month}-{day}"


def test_a_value_that_comes_back_is_another_change(made):
    """There and back again: each restatement is asked for under a key of its own."""
    assert made.make_all() == []
    file = made.workspace.root / "raw" / "EURUSD15.csv"
    first = file.read_text(encoding="utf-8")
    noon = datetime(RESTATED.year, RESTATED.month, RESTATED.day, 12, tzinfo=UTC)
    other = first.replace(f"{_close_at(file, noon):.5f}", f"{_close_at(file, noon) + 1e-5:.5f}", 1)
    keys = []
    for text in (other, first, other):
        file.write_text(text, encoding="utf-8")
        made.land_all()
        keys += [request.run_key for request in made.make_all()]
    assert len(set(keys)) == 3


def test_a_symbol_that_is_being_made_is_not_asked_for_again(desk):
    """While a run of the symbol is in the queue, new data waits for it."""
    raw = desk.workspace.root / "raw"
    write_csv(raw / "EURUSD15.csv", DAYS[:2], seed=SEED)
    desk.land_all()
    desk.deliver_sessions()
    (request,) = desk.deliver_sessions()
    run = desk.instance.create_run_for_job(
        _sessions_job(), tags={**request.tags, "dagster/run_key": request.run_key}
    )
    write_csv(raw / "EURUSD15.csv", DAYS[:3], seed=SEED)
    desk.land_all()
    for _ in range(3):
        assert desk.deliver_sessions() == []
    desk.instance.report_run_canceled(run)
    (later,) = desk.deliver_sessions()
    assert later.tags["dagster/asset_partition_range_end"] == "2024-01-10|EURUSD"


def _sessions_job():
    """Return the job that makes sessions, bound to its assets."""
    from quant_assets.defs.runs import load_graph

    definitions, _ = load_graph()
    return definitions.resolve_job_def("sessions_job")
