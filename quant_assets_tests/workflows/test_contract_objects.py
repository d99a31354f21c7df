"""Contracts of the lake as objects and as files: complete, memoized, marked where synthetic."""

import json
from pathlib import Path

import polars as pl
import pytest

from quant_assets.contracts.objects import flat_of
from quant_assets.lineage.records import Origin
from quant_assets.market.errors import TableMissingError
from quant_assets.storage.commit import read_footer
from quant_assets.storage.readers.contract_json import read_contract_json
from quant_assets.storage.readers.contract_parquet import read_contract_parquet
from quant_assets.storage.writers.contract_json import write_contract
from quant_assets.storage.writers.contract_parquet import write_contract_parquet
from quant_assets.workflows.contract_files import (
    contract_json_reason,
    contract_lineage,
    contract_parquet_reason,
    store_contract_json,
    store_contract_parquet,
)
from quant_assets.workflows.contract_objects import (
    build_contract,
    contract_sessions,
    find_contract,
    stream_contract,
)
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.contracts.lake import FIRST, LAST, ROLL, Market

NAMES = {"EURUSD-2013Q3": "EURUSD", "EURUSD-2013Q4": "EURUSD", "GCV13": "GC", "GCZ13": "GC"}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Make the flat table of both symbols once."""
    market = Market(tmp_path_factory.mktemp("objects"))
    market.made("GC")
    market.made("EURUSD")
    return market


@pytest.fixture
def market(tmp_path: Path) -> Market:
    """Return a synthetic lake with the flat table of gold, to be changed."""
    found = Market(tmp_path, origin=Origin(synthetic=True, seed=5))
    found.made("GC")
    return found


def test_the_contracts_are_those_of_the_flat_table(stored):
    """A future's contracts; quarters of a symbol that has bars alone are no files of their own."""
    there = contract_sessions(stored.workspace)
    wanted = {name: symbol for name, symbol in NAMES.items() if symbol == "GC"}
    assert {name: sessions[0].symbol for name, sessions in there.items()} == wanted
    assert [key.session for key in there["GCZ13"]] == [d for d in stored.days["GC"] if d >= ROLL]


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_holds_every_row_of_its_tables(stored, name):
    """Flattened again, the objects are the stored rows; the footprint is all there."""
    contract = build_contract(stored.workspace, name)
    symbol = NAMES[name]
    days = [day.session for day in contract.days]
    flat = pl.concat(flat_of(day, contract=contract.head.contract) for day in contract.days)
    rows = pl.concat(stored.rows(symbol, day) for day in days)
    assert flat.drop("footprint").equals(rows)
    told = [row.price for day in contract.days for bar in day.bars for row in bar.footprint]
    if symbol == "GC":
        footprint = pl.concat(stored.rows(symbol, day, "footprint") for day in days)
        assert told == footprint["price"].to_list()
        assert contract.head.contract == name
        assert contract.bucket == "0.1"
    else:
        assert told == []
        assert (contract.head.contract, contract.bucket) == (None, None)


def test_totals_of_the_objects_are_those_of_all_bars(stored):
    """Day, week and contract, as properties."""
    contract = build_contract(stored.workspace, "GCZ13", "1m")
    days = [day for day in stored.days["GC"] if day >= ROLL]
    bars = pl.concat(stored.rows("GC", day, "bars") for day in days)
    totals = contract.totals
    assert (totals.open, totals.high, totals.low, totals.volume, totals.bars) == (
        bars["open"][0],
        bars["high"].max(),
        bars["low"].min(),
        bars["volume"].sum(),
        bars.height,
    )
    (first_week, second_week) = contract.weeks
    assert first_week.totals.volume + second_week.totals.volume == totals.volume
    assert [day.session for day in first_week.days] == days[:3]


def test_a_stream_gives_the_days_one_at_a_time(stored):
    """Nothing is read before it is asked for."""
    head, days = stream_contract(stored.workspace, "GCV13")
    assert head.name == "GCV13"
    assert next(days).session == FIRST
    assert sum(1 for _ in days) == 4


def test_a_contract_that_is_not_there_says_which_are(stored):
    """A wrong name, a path for a name, another timeframe."""
    for name in ("GCX99", "../../etc"):
        with pytest.raises(TableMissingError, match=r"there are EURUSD-2013Q3, .*GCZ13"):
            build_contract(stored.workspace, name)
    with pytest.raises(TableMissingError, match="at 1h: it is there at 1m"):
        build_contract(stored.workspace, "GCZ13", "1h")


def test_both_files_hold_what_the_objects_hold(stored):
    """The JSON, the Parquet made of it, and the Parquet straight from objects are the same."""
    text = store_contract_json(stored.workspace, "GCZ13")
    table = store_contract_parquet(stored.workspace, "GCZ13")
    contract = build_contract(stored.workspace, "GCZ13")
    assert text.path == stored.workspace.root / "contracts" / "GCZ13" / "contract.json"
    assert read_contract_json(text.path) == read_contract_parquet(table.path) == contract
    straight = stored.workspace.root / "straight.parquet"
    lineage = contract_lineage(find_contract(stored.workspace, "GCZ13"))
    write_contract_parquet(straight, contract.head, contract.days, lineage=lineage)
    assert straight.read_bytes() == table.path.read_bytes()
    write_contract(straight.with_suffix(".json"), contract, lineage=lineage)
    assert straight.with_suffix(".json").read_bytes() == text.path.read_bytes()
    assert (text.parts.rows, text.parts.weeks, len(text.parts.tables)) == (
        pl.read_parquet(table.path).height,
        2,
        sum(1 for _ in contract.days),
    )


def test_files_are_kept_until_an_input_changes(market):
    """A second time nothing is written; a restated day makes both anew, of its contract alone."""
    workspace = market.workspace
    assert contract_json_reason(workspace, "GCZ13") == "never made"
    made = [store_contract_parquet(workspace, name) for name in ("GCV13", "GCZ13")]
    stamps = {one.path: one.path.stat().st_mtime_ns for one in made}
    again = [store_contract_parquet(workspace, name) for name in ("GCV13", "GCZ13")]
    assert [one.is_new for one in made + again] == [True, True, False, False]
    assert {one.path: one.path.stat().st_mtime_ns for one in again} == stamps
    market.lay("GC", LAST, contract="GCZ13", seed=4)
    market.made("GC")
    assert contract_json_reason(workspace, "GCZ13") == "inputs changed"
    assert contract_parquet_reason(workspace, "GCV13") is None
    restated = store_contract_parquet(workspace, "GCZ13")
    assert restated.is_new
    assert restated.version != made[1].version
    assert read_contract_parquet(restated.path) == build_contract(workspace, "GCZ13")
    restated.path.write_bytes(b"rubbish")
    assert contract_parquet_reason(workspace, "GCZ13") == "file damaged"
    assert store_contract_parquet(workspace, "GCZ13").is_new


def test_both_files_say_that_they_are_synthetic(market):
    """The mark and the seed stand at the head of the JSON and in the footer of the Parquet."""
    table = store_contract_parquet(market.workspace, "GCV13").path
    told = json.loads(table.with_name("contract.json").read_text())
    for lineage in (told["lineage"], read_footer(table)["lineage"]):
        assert (lineage["synthetic"], lineage["seed"]) == (True, 5)


def test_a_date_that_is_no_session_any_more_is_left_out(market):
    """What stands of a day that the user's file closed is no day of the contract."""
    calendar = market.workspace.instrument("GC").calendar
    file = market.workspace.root / "sessions.yaml"
    file.write_text(f"calendars: {{{calendar}: {{closed: [{LAST}]}}}}")
    closed = Workspace.open(market.workspace.root)
    days = [one.day for one in find_contract(closed, "GCZ13").tables]
    assert days == [day for day in market.days["GC"] if ROLL <= day < LAST]
