"""The sensor on landed data: exactly what a change reaches is made, by one run."""

from datetime import UTC, date, datetime

import dagster as dg

from quant_assets.defs.partitions import STRATEGIES, SYMBOLS
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.conftest import DAYS, SEED
from quant_assets_tests.defs.automation.market import (
    close_at,
    job_of,
    make,
    put,
    stored,
    write_csv,
)

NOON = datetime(2024, 1, 10, 12, tzinfo=UTC)

# What reads the 10th, by the rules of each table. Sessions hold 96 bars, Fridays 88, Sundays 8.
DEPENDANTS = {
    "raw_bars": [10],
    "bars": [10],
    "profiles": [10],
    "levels": [10, 11, 12, 14, 15, 16, 17, 18, 19],  # the profile of the quarter so far
    "contract_table": [10, 11, 12, 14, 15, 16, 17, 18, 19],  # its levels
    "regimes": [10, 11, 15, 16, 17, 18, 19],  # 20 bars before, and the state of the next week
    "regime_models": [15],
    "features": [10, 11, 12, 14, 15, 16, 17, 18, 19],  # the longest looks back over 1356 bars
    "bronze_stats": [8, 9, 10],
    "bronze_trades": [8, 9, 10],  # 200 candles forward
    "momentum_days": [10, 11, 12, 14, 15, 16, 17, 18, 19],  # volumes of 20 sessions before
    # Its features, and a label 24 bars forward.
    "training_set": [9, 10, 11, 12, 14, 15, 16, 17, 18, 19],
}


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
    assert desk.instance.get_dynamic_partitions(STRATEGIES.name) == ["fx_15m_barriers"]
    assert len(desk.workspace.lake.index.entries("training_set")) == 3


def test_what_is_made_already_is_not_asked_for(made):
    """A sensor that starts without a cursor on a made lake asks for nothing."""
    assert made.make_all() == []


def test_a_restated_value_makes_exactly_its_dependants_again(made):
    """One close of one bar changes: what reads that session is made again, nothing else."""
    assert made.make_all() == []
    before = stored(made.workspace)
    file = made.workspace.root / "raw" / "EURUSD15.csv"
    write_csv(file, DAYS, seed=SEED, closes={NOON: close_at(file, NOON) + 1e-5})
    made.land_all()
    (request,) = made.make_all()

    dependants = {
        f"{table} {date(2024, 1, day)}" for table, days in DEPENDANTS.items() for day in days
    }
    after = stored(made.workspace)
    assert {name for name in after if after[name] != before[name]} == dependants
    # Profiles are what the asset `footprint` makes of a session without ticks.
    assets = {name.replace("profiles", "footprint") for name in dependants}
    assets -= {name for name in assets if name.startswith("regime_models")}  # asset `regimes` too
    assert made.made == {f"{name}|EURUSD" for name in assets - {"raw_bars 2024-01-10"}}
    assert request.tags["dagster/asset_partition_range_start"] == "2024-01-08|EURUSD"
    assert request.tags["dagster/asset_partition_range_end"] == "2024-01-19|EURUSD"


def test_a_value_that_comes_back_is_another_change(made):
    """There and back and there again: each restatement is asked for under a key of its own."""
    file = made.workspace.root / "raw" / "EURUSD15.csv"
    first = file.read_text(encoding="utf-8")
    write_csv(file, DAYS, seed=SEED, closes={NOON: close_at(file, NOON) + 1e-5})
    other = file.read_text(encoding="utf-8")
    keys = []
    # Other line ends make another file of the same values.
    for text in (other, first.replace("\n", "\r\n"), other.replace("\n", "\r\n")):
        put(file, text)
        list(ingest_files(made.workspace, [file]))
        made.deliver_sessions()
        keys += [request.run_key for request in made.deliver_sessions()]
        make(made.workspace, "EURUSD", DAYS)
        assert made.deliver_sessions() == []
    assert len(set(keys)) == 3


def test_a_symbol_that_is_being_made_is_not_asked_for_again(desk):
    """While a run of the symbol is in the queue, new data waits for it."""
    raw = desk.workspace.root / "raw"
    write_csv(raw / "EURUSD15.csv", DAYS[:2], seed=SEED)
    desk.land_all()
    desk.deliver_sessions()
    (request,) = desk.deliver_sessions()
    run = desk.instance.create_run_for_job(
        job_of("sessions_job"), tags={**request.tags, "dagster/run_key": request.run_key}
    )
    write_csv(raw / "EURUSD15.csv", DAYS[:3], seed=SEED)
    desk.land_all()
    for _ in range(3):
        assert desk.deliver_sessions() == []
    desk.instance.report_run_canceled(run)
    (later,) = desk.deliver_sessions()
    assert later.tags["dagster/asset_partition_range_end"] == "2024-01-10|EURUSD"


def test_the_predictions_of_a_new_model_follow(made):
    """Once a model is trained its predictions and signals are asked for, and nothing else."""
    assert made.make_all() == []
    train = dg.RunRequest(run_key="train", partition_key="fx_15m_barriers")
    assert made.run(train, "model_job").success
    made.made.clear()
    (request,) = made.make_all()
    assert request.tags["dagster/asset_partition_range_start"] == "2024-01-08|EURUSD"
    below = ("predictions", "signals")
    assert made.made == {f"{asset} {day}|EURUSD" for asset in below for day in DAYS}


def test_features_follow_the_symbol_that_they_are_compared_with(desk):
    """Bars of the reference that come later are asked for, and then what was made without them."""
    raw = desk.workspace.root / "raw"
    settings = "universe: [{symbol: GBPUSD, reference: EURUSD, features: [reference_return_20]}]\n"
    put(desk.workspace.root / "settings.yaml", settings)
    write_csv(raw / "GBPUSD15.csv", DAYS[:2], seed=SEED)
    workspace = Workspace.open(desk.workspace.root)
    list(ingest_files(workspace, [raw / "GBPUSD15.csv"]))
    make(workspace, "GBPUSD", DAYS[:2])
    assert desk.make_all() == []
    write_csv(raw / "EURUSD15.csv", DAYS[:2], seed=SEED + 1)
    desk.land_all()
    desk.made.clear()
    for _ in range(2):  # it waits until bars of the other symbol are at rest, too
        desk.make_all()
    assert {name for name in desk.made if name.startswith(("features", "bars"))} == {
        f"{asset} {day}|{symbol}"
        for day in DAYS[:2]
        for asset, symbol in (
            ("bars", "EURUSD"),
            ("features", "EURUSD"),
            ("features", "GBPUSD"),
        )
    }
    assert desk.make_all() == []
