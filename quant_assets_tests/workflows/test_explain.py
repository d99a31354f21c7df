"""Each trade is walked back to the row of the vendor's file that its prices come from."""

import json
import re
import shutil
import sqlite3
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from quant_assets.cli.main import app
from quant_assets.market.errors import InputError
from quant_assets.signals.built_in import default_strategy
from quant_assets.storage.state_tables import TRIALS
from quant_assets.workflows.explain import explain_trades
from quant_assets.workflows.explanation import Explanation, Step, StepState
from quant_assets.workflows.strategies import strategy
from quant_assets.workflows.strategy_model import train_model_task
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv
from quant_assets_tests.workflows.trading import land, make, run, trade_ids, write_rule

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 10))
FILE = "EURUSD15.csv"

# Files, symbols (None is all of them), timeframe, and how often a bar asks for a trade.
REAL = {
    "ticks_of_futures": (["futures/futures_ticks.sqlite"], ("GC",), "1m", 0.02),
    "minutes_of_futures": (["futures/futures_minutes.sqlite"], ("ES",), "1m", 0.02),
    "bars_of_a_pair": (["ohlcv/EURUSD15.csv"], ("EURUSD",), "15m", 0.05),
    "seconds_of_stocks": (
        ["dbn/XNAS-20131007-A7LEANSEC1/xnas-itch-20131008.ohlcv-1s.dbn.zst"],
        None,
        "1m",
        0.02,
    ),
    "trades_of_stocks": (
        ["dbn/XNAS-20131007-A7LEANTRD1/xnas-itch-20131007.trades.dbn.zst"],
        None,
        "1m",
        0.02,
    ),
    "trades_of_crypto": (["orderflow/BTCUSD_PERP-coinm-20240808.trades.parquet"], None, "1m", 0.5),
}


@pytest.mark.shared
@pytest.mark.parametrize(("files", "symbols", "timeframe", "chance"), REAL.values(), ids=list(REAL))
def test_every_trade_on_real_files_is_resolved(
    shared_data, tmp_path, files, symbols, timeframe, chance
):
    """Ticks, bars and records, read in place: each price stands in the row that is shown."""
    workspace = Workspace.open(tmp_path / "data")
    paths = [shared_data / file for file in files]
    land(workspace, paths)
    found = {e.symbol for t in ("raw_bars", "raw_ticks") for e in workspace.lake.index.entries(t)}
    names = sorted(symbols or found)
    for symbol in names:
        rule = {"signal": {"kind": "random", "chance": chance, "seed": 3}}
        write_rule(workspace.root, symbol.lower(), symbols=[symbol], timeframe=timeframe, **rule)
    make(workspace, symbols=names)
    for symbol in names:
        stored = run(workspace, symbol.lower())
        ids = trade_ids(workspace, stored)
        told = explain_trades(workspace, ids, raw=paths)
        assert [one.trade_id for one in told] == ids
        assert ids
        assert [s for one in told for s in one.steps if is_amiss(s)] == []
        raw = [step for one in told for step in one.steps if step.name.startswith("raw row")]
        assert len(raw) == 3 * len(ids)
        assert all(step.values["price"] is not None for step in raw)
        assert not any(one.synthetic for one in told)


def is_amiss(step: Step) -> bool:
    """Whether a step did not go well."""
    return step.state in {StepState.MISMATCH, StepState.ABSENT}


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root on which a rule has traded a pair for some sessions."""
    workspace = Workspace.open(tmp_path_factory.mktemp("traded") / "data")
    write_csv(workspace.root / "raw" / FILE, DAYS, seed=1)
    land(workspace, [workspace.root / "raw"])
    write_rule(workspace.root, "luck", symbols=["EURUSD"], timeframe="15m")
    make(workspace)
    run(workspace, "luck")
    workspace.state.engine.dispose()
    return workspace.root


@pytest.fixture
def root(traded: Path, tmp_path: Path) -> Path:
    """Return a copy of it, to be changed."""
    shutil.copytree(traded, tmp_path / "data")
    return tmp_path / "data"


def first_id(root: Path) -> str:
    """Return the id of the first trade."""
    file = next((root / "lake" / "trades").rglob("*.parquet"))
    return pl.read_parquet(file, hive_partitioning=False)["trade_id"][0]


def explained(root: Path, **options: object) -> Explanation:
    """Explain the first trade."""
    return explain_trades(Workspace.open(root), [first_id(root)], **options)[0]


def named(told: Explanation, name: str) -> Step:
    """Return a step by its name."""
    return next(step for step in told.steps if step.name == name)


def test_the_line_that_is_shown_is_the_line_of_the_file(root):
    """Found by hand: the line of the bar's stamp, its number and its own price."""
    told = explained(root)
    assert told.is_resolved
    entry = named(told, "raw row of the entry")
    stamp = named(told, "bar of the entry").values["bar_start"]
    wanted = f"{stamp[:4]}.{stamp[5:7]}.{stamp[8:10]},{stamp[11:16]}"
    lines = (root / "raw" / FILE).read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.startswith(wanted))
    assert entry.values["place"] == f"line {number}"
    assert entry.values["raw"] == lines[number - 1]
    assert entry.values["price"] == float(lines[number - 1].split(",")[2])


def test_a_file_that_was_changed_is_told(root):
    """Another byte anywhere is another file, and the command fails."""
    file = root / "raw" / FILE
    file.write_text(file.read_text() + "2024.01.20,00:00,1,1,1,1,1\n")
    told = explained(root)
    assert told.contradicts
    step = named(told, "raw row of the entry")
    assert "HAS CHANGED" in step.told
    assert "still in it" in step.told


def test_a_price_that_is_not_in_the_file_is_told(root):
    """The row was taken out or altered: said loudly."""
    place = named(explained(root), "raw row of the entry").values["place"]
    file = root / "raw" / FILE
    lines = file.read_text().splitlines(keepends=True)
    number = int(place.removeprefix("line ")) - 1
    stamp, clock, _, *rest = lines[number].split(",")
    lines[number] = ",".join([stamp, clock, "1.00001", *rest])
    file.write_text("".join(lines))
    step = named(explained(root), "raw row of the entry")
    assert step.state is StepState.MISMATCH
    assert "THE ROW IS NOT IN IT" in step.told


def test_a_file_that_is_gone_is_told_and_found_elsewhere(root, tmp_path):
    """Moved and renamed: its bytes tell which it is, where its folder is named."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(root / "raw" / FILE, elsewhere / "renamed.csv")
    told = explained(root)
    step = named(told, "raw row of the entry")
    assert (told.is_resolved, told.contradicts, step.state) == (False, False, StepState.ABSENT)
    assert "--raw" in step.told
    assert explained(root, raw=[elsewhere]).is_resolved
    with pytest.raises(InputError, match="no such file or folder"):
        explained(root, raw=[tmp_path / "nowhere"])


def test_bars_that_were_made_anew_are_told(root):
    """The lake holds other bars than the run read."""
    write_csv(root / "raw" / FILE, DAYS, seed=2)
    workspace = Workspace.open(root)
    land(workspace, [root / "raw"])
    make(workspace, "bars")
    assert "THE LAKE HOLDS OTHER BARS" in named(explained(root), "bar of the entry").told


def test_a_run_that_was_not_stored_is_computed_again(root):
    """As a sweep leaves it: the trial alone is there, and says the same of each trade."""
    before = explained(root)
    workspace = Workspace.open(root)
    for table in ("trades", "equity"):
        for entry in workspace.lake.index.entries(table):
            workspace.lake.drop(entry)
    told = explain_trades(workspace, [before.trade_id])[0]
    assert told.is_resolved
    assert named(told, "trade") == named(before, "trade")
    assert named(told, "signal") == named(before, "signal")
    assert named(told, "raw row of the exit") == named(before, "raw row of the exit")
    assert "computed again" in named(told, "trial").told
    write_csv(root / "raw" / FILE, DAYS, seed=2)
    land(workspace, [root / "raw"])
    make(workspace, "bars")
    with pytest.raises(InputError, match="data or code have changed"):
        explain_trades(workspace, [before.trade_id])


def test_a_run_whose_trial_was_lost_is_explained_from_its_file(root):
    """A state database that was made anew knows no trials; the run's footer says the rest."""
    before = explained(root)
    workspace = Workspace.open(root)
    workspace.state.delete(TRIALS)
    told = explain_trades(workspace, [before.trade_id])[0]
    assert told.is_resolved
    assert [s.told for s in told.steps] == [s.told for s in before.steps]


@pytest.mark.parametrize(
    ("trade_id", "found"),
    [
        ("nonsense", "no trial and no stored run"),
        ("nonsense-1", "an id has 10 digits"),
        ("0123456789-000001", "no trial and no stored run"),
    ],
)
def test_no_such_trade_is_said(root, trade_id, found):
    """With what would be one."""
    with pytest.raises(InputError, match=re.escape(found)):
        explain_trades(Workspace.open(root), [trade_id])
    known = first_id(root)[:11]
    with pytest.raises(InputError, match="none of that id"):
        explain_trades(Workspace.open(root), [f"{known}999999"])


def test_the_command_tells_and_fails_as_it_should(root, monkeypatch):
    """Zero where all is well, one where the file contradicts or is gone; a JSON object a trade."""
    monkeypatch.setenv("QUANT_DATA", str(root))
    run_of = first_id(root)[:10]
    shown = CliRunner().invoke(app, ["explain", first_id(root)])
    assert shown.exit_code == 0, shown.output
    assert "1 of 1 trade resolved to the raw file" in shown.output
    listed = CliRunner().invoke(app, ["explain", run_of, "--json"])
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert len(rows) > 5
    assert all(row["resolved"] for row in rows)
    with (root / "raw" / FILE).open("a") as file:
        file.write("\n")
    again = CliRunner().invoke(app, ["explain", first_id(root)])
    assert again.exit_code == 1
    assert "1 contradicted" in again.output
    (root / "raw" / FILE).rename(root / FILE)
    gone = CliRunner().invoke(app, ["explain", first_id(root)])
    assert gone.exit_code == 1
    assert "ABSENT" in gone.output
    assert "0 of 1 trade resolved" in gone.output


@pytest.mark.shared
def test_a_tampered_tick_is_told(shared_data, tmp_path):
    """A price altered inside a database: the row is shown, and the file is not what was landed."""
    workspace = Workspace.open(tmp_path / "data")
    file = workspace.root / "raw" / "futures_ticks.sqlite"
    file.parent.mkdir()
    shutil.copy(shared_data / "futures" / "futures_ticks.sqlite", file)
    file.chmod(0o644)
    land(workspace, [file])
    write_rule(workspace.root, "gold", symbols=["GC"], timeframe="1m")
    make(workspace)
    ids = trade_ids(workspace, run(workspace, "gold"))[:1]
    place = named(explain_trades(workspace, ids)[0], "raw row of the entry").values["place"]
    table, rowid = place.split(":")
    with sqlite3.connect(file) as connection:
        connection.execute(f"UPDATE {table} SET price = price + 5 WHERE rowid = ?", (rowid,))
    step = named(explain_trades(workspace, ids)[0], "raw row of the entry")
    assert step.state is StepState.MISMATCH
    assert "THE ROW IS NOT IN IT" in step.told


LEARNED = (
    "roll_map",
    "clean_ticks",
    "bars",
    "footprint",
    "levels",
    "regimes",
    "features",
    "training_set",
)


def test_a_model_s_trade_is_walked_through_all_that_decided_it(tmp_path):
    """Features of the bar, prediction and fold, model and training partitions, label."""
    workspace = Workspace.open(tmp_path / "data")
    write_csv(workspace.root / "raw" / FILE, sessions(date(2024, 1, 8), date(2024, 1, 14)), seed=1)
    land(workspace, [workspace.root / "raw"])
    values = default_strategy("fx", "15m").to_mapping()
    values |= {"name": "learned", "decision": {"threshold": 0.2}}
    (workspace.root / "strategies").mkdir()
    (workspace.root / "strategies" / "learned.yaml").write_text(yaml.safe_dump(values))
    make(workspace, *LEARNED)
    model = train_model_task(workspace, strategy(workspace, "learned"))
    make(workspace, "predictions", "signals")
    stored = run(workspace, "learned")
    trade_id = trade_ids(workspace, stored)[0]
    told = explain_trades(workspace, [trade_id])[0]
    assert told.is_resolved
    start = named(told, "bar of the signal").values["bar_start"]
    assert named(told, "features").values == stored_at(workspace, "features", start, model.model)
    predicted = stored_at(workspace, "predictions", start, None)
    assert named(told, "prediction").values["proba"] == predicted["proba"]
    assert named(told, "prediction").values["fold"] == predicted["fold"] >= 0
    assert (
        named(told, "label").values["label"]
        == stored_at(workspace, "training_set", start, None)["label"]
    )
    step = named(told, "model")
    assert step.values["model_version"] == model.model.model_version
    entries = workspace.lake.index.entries("training_set")
    assert step.values["training_partitions"] == {e.name: e.data_version for e in entries}


def stored_at(workspace, table, start, model):
    """Return a bar's row of a table, of a model's features alone where one is given."""
    at = pl.lit(start).str.to_datetime(time_unit="ns", time_zone="UTC")
    frames = [workspace.lake.read(entry) for entry in workspace.lake.index.entries(table)]
    row = pl.concat(frame.filter(pl.col("bar_start") == at) for frame in frames).row(0, named=True)
    return {name: row[name] for name in model.features} if model else row
