"""Damaged and foreign contracts: an error that names file and place, never a wrong value."""

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from quant_assets.contracts.model import Contract, Day
from quant_assets.market.errors import InputError
from quant_assets.storage.readers.contract_json import (
    iter_contract_days,
    read_contract_json,
    read_contract_opening,
)
from quant_assets.storage.readers.contract_parquet import (
    read_contract_parquet,
    read_parquet_opening,
)
from quant_assets.storage.writers.contract_json import write_contract_json
from quant_assets.storage.writers.contract_parquet import json_to_parquet, write_contract_parquet
from quant_assets_tests.contracts.days import HEAD, LINEAGE, plain_day


def days() -> list[Day]:
    """Return three weeks of days."""
    return [plain_day(number) for number in range(0, 20, 3)]


@pytest.fixture
def text(tmp_path):
    """Write a sound file."""
    path = tmp_path / "contract.json"
    write_contract_json(path, HEAD, days(), lineage=LINEAGE)
    return path


def bar_of(raw: dict) -> dict:
    """Return the only bar of the first day of the second week."""
    return raw["weeks"][1]["days"][0]["bars"][0]


BAR = r"weeks\[1\]\.days\[0\]\.bars\[0\]"


def _put(place: Callable[[dict], dict], key: str, value: Any) -> Callable[[dict], None]:
    return lambda raw: place(raw).__setitem__(key, value)


CHANGES = [
    pytest.param(
        _put(lambda r: bar_of(r)["prices"], "open", "1.5"),
        rf"{BAR}\.prices\.open: '1\.5' is no number",
        id="a_text_for_a_price",
    ),
    pytest.param(
        _put(lambda r: bar_of(r)["prices"], "close", None),
        rf"{BAR}\.prices\.close: None is no number",
        id="a_price_that_is_null",
    ),
    pytest.param(
        _put(lambda r: bar_of(r)["prices"], "trades", -1),
        rf"{BAR}\.prices\.trades: -1 is no whole number from 0",
        id="fewer_than_no_trades",
    ),
    pytest.param(
        _put(lambda r: bar_of(r)["day"], "bars", True),
        rf"{BAR}\.day\.bars: True is no whole number",
        id="a_flag_for_a_count",
    ),
    pytest.param(
        _put(bar_of, "bar_start", "2013-01-04T00:00:00Z"),
        rf"{BAR}\.bar_start: '2013-01-04T00:00:00Z' is no instant",
        id="a_stamp_without_decimals",
    ),
    pytest.param(
        _put(bar_of, "footprint", [{"price": 1.0}]),
        rf"{BAR}\.footprint\[0\]: 'bid_volume' is missing",
        id="a_footprint_row_of_one_key",
    ),
    pytest.param(_put(bar_of, "footprint", {}), rf"{BAR}\.footprint: .* is no list", id="no_list"),
    pytest.param(
        _put(lambda r: bar_of(r)["levels"], "moon", None),
        rf"{BAR}\.levels: 'moon' does not belong there",
        id="a_foreign_level",
    ),
    pytest.param(lambda r: bar_of(r).pop("atr"), rf"{BAR}: 'atr' is missing", id="a_key_gone"),
    pytest.param(
        lambda r: r["weeks"][1]["days"].append({"session": "2013-02-30"}),
        r"weeks\[1\]\.days\[\d\]: 'contract_session' is missing",
        id="half_a_day",
    ),
    pytest.param(
        _put(lambda r: r["weeks"][1]["days"][0], "session", "2013-02-30"),
        r"weeks\[1\]\.days\[0\]\.session: '2013-02-30' is no date",
        id="a_date_that_is_none",
    ),
    pytest.param(
        _put(lambda r: r["weeks"][1]["days"][0], "session", "2013-03-01"),
        r"weeks\[1\]\.days\[0\]\.session: 2013-03-01 is of another week",
        id="a_day_in_the_wrong_week",
    ),
    pytest.param(
        lambda r: r["weeks"][1]["days"].reverse(), "does not lie behind", id="days_turned"
    ),
    pytest.param(
        lambda r: r["weeks"].reverse(),
        r"weeks\[1\]: it does not lie behind 2013, week 3",
        id="weeks_turned",
    ),
    pytest.param(
        _put(lambda r: r["weeks"][0], "days", []), r"weeks\[0\]\.days: it holds no day", id="empty"
    ),
    pytest.param(_put(lambda r: r["weeks"][0], "week", 1.0), "no whole number", id="a_broken_week"),
    pytest.param(_put(lambda r: r["weeks"][0], "more", 1), "'more' does not", id="more_of_a_week"),
    pytest.param(_put(lambda r: r, "weeks", {}), "weeks: start_map is no list", id="weeks_no_list"),
    pytest.param(_put(lambda r: r, "more", 1), "more: nothing may stand behind", id="more_behind"),
    pytest.param(lambda r: r.pop("weeks"), "weeks: it is missing", id="no_weeks"),
    pytest.param(_put(lambda r: r, "version", 9), "format: .*version 1", id="another_version"),
    pytest.param(lambda r: r.pop("name"), "'name' is missing", id="no_name"),
    pytest.param(_put(lambda r: r, "lineage", {}), "lineage: ", id="no_lineage"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES)
def test_what_is_wrong_is_said_with_its_place(text, tmp_path, change, says):
    """Week, day, bar and key stand in the message; no Parquet file is made of it."""
    raw = json.loads(text.read_text())
    change(raw)
    text.write_text(json.dumps(raw))
    with pytest.raises(InputError, match=rf"contract\.json: .*{says}"):
        read_contract_json(text)
    with pytest.raises(InputError, match=says):
        json_to_parquet(text, tmp_path / "c.parquet")
    assert not (tmp_path / "c.parquet").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "no sound JSON", id="empty"),
        pytest.param(b"\x00\xff\xfe", "no sound JSON", id="not_text"),
        pytest.param(b"[1,2]", "the file: start_array is no object", id="a_list"),
        pytest.param(b'{"trades": [1, 2]}', "trades: it does not belong", id="another_object"),
        pytest.param(b'{"format": ' + b"[" * 100_000, "contract.json: ", id="a_deep_hole"),
        pytest.param(b'{"format": 1e999', "no sound JSON", id="a_number_without_bounds"),
    ],
)
def test_what_is_no_contract_is_refused(tmp_path, content, says):
    """Whatever the bytes are, the error is one that a user can read."""
    path = tmp_path / "contract.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_contract_opening(path)
    with pytest.raises(InputError, match="No such file"):
        read_contract_opening(tmp_path / "nothing.json")


def test_wherever_a_file_is_cut_it_is_refused_and_days_before_are_right(text):
    """No cut passes for a shorter contract."""
    whole, wanted = text.read_bytes(), days()
    for length in range(0, len(whole) - 1, 997):
        text.write_bytes(whole[:length])
        given: list[Day] = []
        with pytest.raises(InputError, match=r"contract\.json"):
            given.extend(iter_contract_days(text))
        assert given == wanted[: len(given)]


def test_a_key_that_comes_twice_is_refused(text):
    """Of two values neither may win in silence."""
    text.write_text(text.read_text().replace('"atr":null', '"atr":null,"atr":1.0', 1))
    with pytest.raises(InputError, match="atr: it comes twice"):
        read_contract_json(text)


def test_bytes_behind_the_end_are_refused(text):
    """A second object behind the first is no part of the contract."""
    text.write_text(text.read_text() + "{}")
    with pytest.raises(InputError, match="no sound JSON"):
        read_contract_json(text)


def test_numbers_without_a_point_are_numbers(text):
    """Another program may write 1 where we write 1.0."""
    wanted = read_contract_json(text)
    raw = text.read_text().replace('"volume":1.0', '"volume":1')
    text.write_text(raw)
    assert repr(read_contract_json(text)) == repr(wanted)


def _other_columns(path):
    frame = pl.read_parquet(path).drop("atr")
    frame.write_parquet(path, metadata={"quant_assets": _footer(path)})


def _footer(path):
    return pl.read_parquet_metadata(path)["quant_assets"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(lambda p: p.write_bytes(p.read_bytes()[:-9]), "", id="cut"),
        pytest.param(lambda p: p.write_bytes(b"rubbish"), "", id="rubbish"),
        pytest.param(lambda p: p.unlink(), "No such file", id="gone"),
        pytest.param(
            lambda p: pl.DataFrame({"a": [1]}).write_parquet(p), "footer: it is not", id="foreign"
        ),
        pytest.param(_other_columns, "row group 0: it is not one day", id="a_column_gone"),
    ],
)
def test_a_damaged_or_foreign_parquet_file_is_refused(tmp_path, damage, says):
    """The error names the file, and says what is there."""
    path = tmp_path / "contract.parquet"
    write_contract_parquet(path, HEAD, days(), lineage=LINEAGE)
    assert read_contract_parquet(path) == Contract.of(HEAD, days())
    assert read_parquet_opening(path).lineage == LINEAGE
    damage(path)
    with pytest.raises(InputError, match=rf"contract\.parquet: .*{says}"):
        read_contract_parquet(path)
