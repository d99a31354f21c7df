"""`contract.json` and `contract.parquet`: nothing is lost on the way, whatever the size."""

import json
from collections.abc import Iterator
from functools import partial

import polars as pl
import pytest
from hypothesis import given, settings

from quant_assets.contracts import json_values, objects
from quant_assets.contracts.json_values import stamp_ns, stamp_text
from quant_assets.contracts.model import Day
from quant_assets.market.errors import InputError
from quant_assets.storage.commit import read_footer
from quant_assets.storage.peek import describe_file
from quant_assets.storage.readers.contract_json import (
    ContractOpening,
    iter_contract_days,
    read_contract_json,
    read_contract_opening,
)
from quant_assets.storage.readers.contract_parquet import (
    iter_parquet_days,
    read_contract_parquet,
    read_parquet_opening,
)
from quant_assets.storage.writers.contract_json import write_contract, write_contract_json
from quant_assets.storage.writers.contract_parquet import json_to_parquet, write_contract_parquet
from quant_assets_tests.contracts.days import HEAD, LINEAGE, contracts, plain_day
from quant_assets_tests.contracts.memory import peak_bytes


@settings(max_examples=60)
@given(contracts())
def test_json_and_parquet_give_back_what_was_written(tmp_path_factory, contract):
    """Objects to JSON, to objects, to Parquet, to objects: every value bit-equal."""
    folder = tmp_path_factory.mktemp("contract")
    text, table = folder / "contract.json", folder / "contract.parquet"
    write_contract(text, contract, lineage=LINEAGE)
    once = read_contract_json(text)
    # The text of objects tells -0.0 from 0.0, which are equal.
    assert repr(once) == repr(contract)
    json_to_parquet(text, table)
    assert repr(read_contract_parquet(table)) == repr(contract)
    for opening in (read_contract_opening(text), read_parquet_opening(table)):
        assert opening == ContractOpening(contract.head, LINEAGE)
    write_contract(folder / "again.json", once, lineage=LINEAGE)
    assert (folder / "again.json").read_bytes() == text.read_bytes()


@settings(max_examples=20)
@given(contracts())
def test_any_reader_of_json_can_read_it(tmp_path_factory, contract):
    """The standard library finds the hierarchy by its names."""
    path = tmp_path_factory.mktemp("contract") / "contract.json"
    write_contract(path, contract, lineage=LINEAGE)
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["name"] == contract.name
    assert told["lineage"]["synthetic"] is True
    weeks = [(week["year"], week["week"]) for week in told["weeks"]]
    assert weeks == [(week.year, week.week) for week in contract.weeks]
    bars = [bar for w in told["weeks"] for day in w["days"] for bar in day["bars"]]
    wanted = [bar for day in contract.days for bar in day.bars]
    assert [bar["prices"]["close"] for bar in bars] == [bar.prices.close for bar in wanted]
    assert [len(bar["footprint"]) for bar in bars] == [len(bar.footprint) for bar in wanted]


def test_the_parquet_file_is_one_flat_table_a_row_group_a_day(tmp_path):
    """Every reader of Parquet sees a row a bar; the footer says what it was made from."""
    import pyarrow.parquet as pq

    path = tmp_path / "contract.parquet"
    write_contract_parquet(path, HEAD, map(plain_day, range(9)), lineage=LINEAGE)
    frame = pl.read_parquet(path)
    assert frame.height == 9
    assert frame["close"].to_list() == [1.5] * 9
    assert frame["contract"].unique().to_list() == ["GCZ13"]
    assert pq.read_metadata(path).num_row_groups == 9
    footer = read_footer(path)
    assert footer["lineage"]["synthetic"] is True
    assert footer["contract"]["name"] == "GCZ13"
    assert "footprint" in describe_file(path)


def test_equal_contracts_give_equal_bytes(tmp_path):
    """No clock, no path and no order of a mapping enters a file."""
    for name in ("a", "b"):
        folder = tmp_path / name
        write_contract_json(folder / "c.json", HEAD, map(plain_day, range(5)), lineage=LINEAGE)
        json_to_parquet(folder / "c.json", folder / "c.parquet")
    for file in ("c.json", "c.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("write", [write_contract_json, write_contract_parquet])
def test_days_out_of_order_leave_the_old_file(tmp_path, write):
    """Half a file is never seen."""
    path = tmp_path / "contract"
    write(path, HEAD, [plain_day(1)], lineage=LINEAGE)
    before = path.read_bytes()
    with pytest.raises(InputError, match="does not lie behind"):
        write(path, HEAD, map(plain_day, (1, 2, 2)), lineage=LINEAGE)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["contract"]


class Watched(Day):
    """A day that counts how many of its kind are held at once."""

    __slots__ = ()
    held = most = 0

    def __init__(self, *values: object, **named: object) -> None:
        super().__init__(*values, **named)
        Watched.held += 1
        Watched.most = max(Watched.most, Watched.held)

    def __del__(self) -> None:
        Watched.held -= 1


@pytest.fixture
def watched(monkeypatch) -> type[Watched]:
    """Let every day that is read or made be counted."""
    for module in (json_values, objects):
        monkeypatch.setattr(module, "Day", Watched)
    Watched.held = Watched.most = 0
    return Watched


def _watched_days(count: int) -> Iterator[Day]:
    """Yield days that are counted."""
    for number in range(count):
        day = plain_day(number)
        yield Watched(day.session, day.contract_session, day.bars)
        del day


def test_one_day_is_held_at_a_time(tmp_path, watched):
    """Thousands of days, ten years of them: never more than two are there together."""
    text, table = tmp_path / "c.json", tmp_path / "c.parquet"
    passes = {
        "write": lambda: write_contract_json(text, HEAD, _watched_days(3000), lineage=LINEAGE),
        "read": lambda: sum(1 for _ in iter_contract_days(text)),
        "write_fewer": lambda: write_contract_json(text, HEAD, _watched_days(60), lineage=LINEAGE),
        "turn": lambda: json_to_parquet(text, table),
        "read_parquet": lambda: sum(1 for _ in iter_parquet_days(table)),
    }
    most = {}
    for name, work in passes.items():
        watched.most = watched.held
        work()
        most[name] = watched.most
    assert max(most.values()) <= 2, most
    whole = read_contract_json(text)
    assert watched.most == sum(1 for _ in whole.days) == 60


def test_the_memory_of_a_pass_does_not_grow_with_the_days(tmp_path):
    """Ten times the days, written and read as JSON, need no more room; all at once they do."""
    text = tmp_path / "c.json"

    def passes(count: int) -> dict[str, int]:
        days = partial(map, plain_day, range(count))
        return {
            "write": peak_bytes(lambda: write_contract_json(text, HEAD, days(), lineage=LINEAGE)),
            "read": peak_bytes(lambda: sum(1 for _ in iter_contract_days(text))),
        }

    passes(3)
    few, many = passes(120), passes(1200)
    assert all(many[name] < few[name] + 100_000 for name in few), (few, many)
    assert peak_bytes(lambda: read_contract_json(text)) > 3 * many["read"]


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_381_104_000_000_000_001, "2013-10-07T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_instants_are_text_with_nanoseconds(ns, text):
    """ISO 8601 in UTC, nine decimals, both ways."""
    assert (stamp_text(ns), stamp_ns(text)) == (text, ns)
