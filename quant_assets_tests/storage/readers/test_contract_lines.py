"""Our own layout is read a line at a time: what it gives is what the reader of events gives."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.contracts.model import (
    Day,
    FootprintRow,
    Level,
    OrderFlow,
    Prices,
    Running,
)
from quant_assets.contracts.objects import flat_of
from quant_assets.levels.schema import LEVEL_NAMES
from quant_assets.market.errors import InputError
from quant_assets.storage.readers import contract_json, contract_lines
from quant_assets.storage.readers.contract_columns import PLACES
from quant_assets.storage.readers.contract_json import (
    _days_by_events,
    iter_contract_days,
    iter_contract_rows,
)
from quant_assets.storage.writers.contract_json import (
    object_text,
    write_contract,
    write_contract_json,
)
from quant_assets_tests.contracts.days import (
    FIRST,
    HEAD,
    LINEAGE,
    contracts,
    plain_bar,
    plain_day,
)

FIRST_NS = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp()) * 10**9

Told = tuple[list[str], str]
"""What was given, as text that tells -0.0 from 0.0, and the fault behind it."""

TOKEN = re.compile(rb'-?\d[-+.e\d]*|null|true|false|"[^"]*"|[^"\d]')
OTHERS = [b"", b"null", b"true", b"NaN", b"1e999", b"-0", b"-1", b"1", b"1.50", b"1E5", b"65536"]
OTHERS += [b"4294967296", b"0.1e-5", b'"x"', b'"\xc3\xa9"', b"\xff", b"{}", b"[]", b"[", b"}"]
OTHERS += [b",", b" ", b"\n", b"]},\n", b'{"year":2013,"week":2,"days":[\n', b'{"session":"']

both_ways = pytest.mark.parametrize(
    "few_bytes", [0, contract_lines.FEW_BYTES], ids=["columns", "objects"]
)


def told_by(days: Iterator[Any]) -> Told:
    """Return what a reader gives."""
    given_days: list[str] = []
    try:
        given_days.extend(map(repr, days))
    except InputError as error:
        return given_days, str(error)
    return given_days, ""


def flat_rows(path: Path) -> Iterator[Any]:
    """Yield the rows of each day, as values."""
    return (flat.rows() for flat in iter_contract_rows(path))


def rows_by_events(path: Path) -> Iterator[Any]:
    """Yield the rows of each day that the reader of events gives."""
    return (flat_of(day, contract=HEAD.contract).rows() for day in _days_by_events(path))


def check_reads_alike(path: Path, few_bytes: int) -> Told:
    """Hold that both readers give the same days and the same fault."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract_lines, "FEW_BYTES", few_bytes)
        told = told_by(iter_contract_days(path))
        assert told == told_by(_days_by_events(path))
        assert told_by(flat_rows(path)) == told_by(rows_by_events(path))
    return told


@both_ways
@settings(max_examples=20)
@given(contracts())
def test_our_own_layout_needs_no_events(tmp_path_factory, few_bytes, contract):
    """What we wrote is taken line by line, every value bit-equal."""
    path = tmp_path_factory.mktemp("lines") / "contract.json"
    write_contract(path, contract, lineage=LINEAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract_lines, "FEW_BYTES", few_bytes)
        if contract.weeks:
            patch.setattr(contract_json, "_days_by_events", None)
        assert list(map(repr, iter_contract_days(path))) == list(map(repr, contract.days))
        wanted = [flat_of(day, contract=contract.head.contract) for day in contract.days]
        told = list(iter_contract_rows(path))
    assert [repr(one.rows()) for one in told] == [repr(one.rows()) for one in wanted]
    assert [one.schema for one in told] == [one.schema for one in wanted]


def full_day() -> Day:
    """Return a day of one bar of which everything is known."""
    told = Running(1.5, 1.5, 1.5, 1.0, 0.5, 1)
    bar = replace(
        plain_bar(FIRST_NS),
        prices=Prices(*[1.5] * 5, 1, *[1.5] * 5),
        order_flow=OrderFlow(*[1.5] * 8, *[1] * 4, *[True] * 3),
        atr=1.5,
        levels=dict.fromkeys(LEVEL_NAMES, Level(1.5, 1.5, 1.5)),
        day=told,
        week=told,
        contract=told,
        footprint=(FootprintRow(*[1.5] * 5, 1),) * 2,
    )
    return Day(FIRST, 1, (bar,))


@both_ways
@given(st.data())
def test_a_file_changed_anywhere_is_read_as_by_events(tmp_path_factory, few_bytes, data):
    """A value, a key, a bracket or a line is another: the same days, the same fault."""
    path = tmp_path_factory.mktemp("lines") / "contract.json"
    days = [full_day(), *map(plain_day, (3, 4, 9))]
    write_contract_json(path, HEAD, days, lineage=LINEAGE)
    raw = path.read_bytes()
    places = st.sampled_from([found.span() for found in TOKEN.finditer(raw)])
    first, last = data.draw(places)
    if data.draw(st.booleans()):
        first, last = sorted((first, data.draw(places)[0]))
    put = data.draw(st.sampled_from([*OTHERS, raw[first:last] * 2, raw[first:last] + b" "]))
    path.write_bytes(raw[:first] + put + raw[last:])
    check_reads_alike(path, few_bytes)


@both_ways
def test_lines_lost_doubled_or_turned_are_read_as_by_events(tmp_path, few_bytes):
    """A file that ends with a line, and lines that end as others do, too."""
    path = tmp_path / "contract.json"
    write_contract_json(path, HEAD, map(plain_day, (3, 4, 9)), lineage=LINEAGE)
    lines = path.read_bytes().splitlines(keepends=True)
    for at, line in enumerate(lines):
        before, after = lines[:at], lines[at + 1 :]
        for put in ([], [line, line], [line[:-2] + b";\n"], [b" " + line], [line[:-1] + b"}\n"]):
            path.write_bytes(b"".join([*before, *put, *after]))
            check_reads_alike(path, few_bytes)
        for turned in ([*after[:1], line, *after[1:]], [line]):
            path.write_bytes(b"".join([*before, *turned]))
            check_reads_alike(path, few_bytes)


@both_ways
def test_days_that_do_not_ascend_are_no_contract(tmp_path, few_bytes):
    """Within a week, over weeks, and bars within a day, though every line is as we write it."""
    path = tmp_path / "contract.json"
    write_contract_json(path, HEAD, map(plain_day, (6, 7, 8)), lineage=LINEAGE)
    whole = path.read_bytes()
    texts = [object_text(plain_day(number)).encode() for number in (6, 7, 8)]
    for turned in ([0, 2, 1], [0, 0, 2], [0, 1, 1]):
        sessions = [texts[number] for number in turned]
        told = whole.replace(b",\n".join(texts), b",\n".join(sessions))
        assert told != whole
        path.write_bytes(told)
        assert "does not lie behind" in check_reads_alike(path, few_bytes)[1]


ROW_PLACES = [f"footprint.1.{field}" for field in FootprintRow.__slots__]
BAR_PLACES = [
    *(place for place in PLACES.values() if not place.startswith("levels.")),
    *(f"levels.{name}.{field}" for name in LEVEL_NAMES[::20] for field in Level.__slots__),
    *ROW_PLACES,
    "prices",
    "order_flow",
    "levels",
    "week",
    "footprint.0",
]


@both_ways
def test_no_null_passes_where_none_may_stand(tmp_path, few_bytes):
    """Every figure and record of a bar in turn; most may be null, and are then given as such."""
    path = tmp_path / "contract.json"
    write_contract_json(path, HEAD, [full_day()], lineage=LINEAGE)
    whole = path.read_text()
    day = object_text(full_day())
    faults = {}
    for place in BAR_PLACES:
        raw = json.loads(day)
        record = raw["bars"][0]
        *outer, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        for key in outer:
            record = record[key]
        record[last] = None
        path.write_text(whole.replace(day, json.dumps(raw, separators=(",", ":"))))
        faults[place] = check_reads_alike(path, few_bytes)[1]
    allowed = {place for place, fault in faults.items() if not fault}
    assert allowed >= {
        "atr",
        "order_flow",
        "prices.vwap",
        "week.delta",
        "levels.session_vwap.price",
    }
    for place in set(faults) - allowed:
        assert place.split(".")[-1] in faults[place] or "footprint[" in faults[place]
    assert {"prices.open", "order_flow.poc", "day.bars", "bar_start", *ROW_PLACES}.isdisjoint(
        allowed
    )


@both_ways
def test_a_line_of_blanks_or_holes_is_left_to_events(tmp_path, few_bytes):
    """Long and deep lines: no other fault than the reader of events gives."""
    path = tmp_path / "contract.json"
    write_contract_json(path, HEAD, map(plain_day, (3, 4)), lineage=LINEAGE)
    whole = path.read_bytes()
    at = whole.index(b'"atr":')
    for hole in (b"[" * 200_000, b'"atr":' + b'{"a":' * 100_000, b" " * 200_000, b"\0"):
        path.write_bytes(whole[:at] + hole + whole[at:])
        days, fault = check_reads_alike(path, few_bytes)
        assert bool(fault) == bool(hole.strip())
        assert len(days) == (0 if fault else 2)
    for bars in (b"null", b"[]", b"[null]", b"[{}]", b"{}"):
        line = re.sub(rb'"bars":.*', b'"bars":' + bars + b" " * 70_000 + b"},", whole, count=1)
        path.write_bytes(line)
        assert check_reads_alike(path, few_bytes)[1]


@both_ways
def test_a_line_that_is_too_long_is_left_to_events(tmp_path, few_bytes, monkeypatch):
    """Of our own lines too: they are then not held whole."""
    path = tmp_path / "contract.json"
    write_contract_json(path, HEAD, map(plain_day, range(3)), lineage=LINEAGE)
    monkeypatch.setattr(contract_lines, "LINE_BYTES", 500)
    days, fault = check_reads_alike(path, few_bytes)
    assert (len(days), fault) == (3, "")
