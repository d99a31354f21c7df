"""Paths of the lake: what goes in comes out, and nothing leaves the lake's folder."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quant_assets.market.errors import LakeError, QuantError
from quant_assets.market.tables import FileKey, Grain, Table
from quant_assets.storage.layout import file_key, hive, input_name, key_of_path, relative_path
from quant_assets_tests.storage.prices import DAILY, DAY, PricesSchema

SYMBOLS = st.from_regex(r"[A-Z0-9][A-Z0-9._-]{0,31}", fullmatch=True).filter(
    lambda text: ".." not in text
)
WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True).filter(
    lambda text: ".." not in text
)
HOSTILE = [
    "../../evil",
    "..",
    ".",
    ".hidden",
    "A..B",
    "A/B",
    "A\\B",
    "/etc/passwd",
    "A\0B",
    "A'; drop table partitions; --",
    'A"B',
    "%2F",
    "..%2F..%2Fevil",
    "A=B",
    "symbol=A",
    "A B",
    "A\nB",
    "A\n",
    "\u202eA",
    "É",
    "-rf",
    "*",
    "A[1]",
    "",
    "A" * 300,
]


def _table(grain: Grain) -> Table:
    return Table(
        "bars",
        PricesSchema,
        levels=("timeframe", "symbol", "contract"),
        order=("row",),
        grain=grain,
        optional_levels=frozenset({"contract"}),
    )


@given(
    grain=st.sampled_from(list(Grain)),
    timeframe=WORDS,
    symbol=SYMBOLS,
    contract=st.none() | SYMBOLS,
    session=st.dates(min_value=date(1000, 1, 1)),
)
def test_a_path_reads_back_as_the_key_that_made_it(
    grain: Grain, timeframe: str, symbol: str, contract: str | None, session: date
) -> None:
    """Levels in their order, and the date as far as the grain cuts it."""
    levels = {"symbol": symbol, "timeframe": timeframe}
    levels |= {"contract": contract} if contract else {}
    key = file_key(_table(grain), levels, None if grain is Grain.WHOLE else session)
    path = relative_path(key, grain)
    cut = {Grain.DAY: session, Grain.YEAR: session.replace(month=1, day=1), Grain.WHOLE: None}
    assert key_of_path(path) == FileKey(key.table, key.levels, cut[grain])
    assert dict(part.split("=") for part in hive(key).split("/")) == levels
    assert path.parts[:2] == ("bars", f"timeframe={timeframe}")


def test_paths_and_names_are_as_published() -> None:
    """Zero padded, Hive levels in the table's order."""
    levels = {"contract": "ESZ13", "symbol": "ES", "timeframe": "1m"}
    key = file_key(_table(Grain.DAY), levels, DAY)
    folder = "bars/timeframe=1m/symbol=ES/contract=ESZ13"
    assert str(relative_path(key, Grain.DAY)) == f"{folder}/year=2024/month=01/day=03/data.parquet"
    assert input_name(key) == f"{folder}/2024-01-03"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("level", ["symbol", "timeframe", "contract"])
def test_hostile_values_are_refused(level: str, text: str) -> None:
    """No value can leave its folder or pass for another one."""
    levels = {"symbol": "ES", "timeframe": "1m"} | {level: text}
    with pytest.raises(QuantError, match=r"1 to (32|64) of"):
        file_key(_table(Grain.DAY), levels, DAY)


@given(text=st.text(max_size=300))
@example("A" * 32)
def test_whatever_is_accepted_stays_inside(text: str) -> None:
    """Any text is refused, or makes one folder of its own under the lake."""
    try:
        key = file_key(DAILY, {"symbol": text}, DAY)
    except QuantError:
        return
    path = Path("/lake") / relative_path(key, Grain.DAY)
    assert path.resolve() == path
    assert path.parts[3] == f"symbol={text}"
    assert key_of_path(relative_path(key, Grain.DAY)) == key


@pytest.mark.parametrize(
    ("levels", "session"),
    [
        pytest.param({}, DAY, id="a_level_is_missing"),
        pytest.param({"symbol": "ES", "x": "1"}, DAY, id="a_level_is_foreign"),
        pytest.param({"symbol": "ES"}, None, id="the_session_is_missing"),
    ],
)
def test_levels_and_session_must_be_the_tables_own(
    levels: dict[str, str], session: date | None
) -> None:
    """Anything else names no file."""
    with pytest.raises(LakeError, match="Name exactly these levels"):
        file_key(DAILY, levels, session)


@given(parts=st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), min_size=1))
@example(["bars", "symbol=ES", "year=2024", "month=02", "day=30", "data.parquet"])
@example(["bars", "symbol=ES", "year=2024", "day=03", "data.parquet"])
@example(["bars", "symbol=ES", "month=01", "day=03", "data.parquet"])
@example(["bars", "year=2024", "symbol=ES", "data.parquet"])
@example(["bars", "symbol=ES", "year=24", "data.parquet"])
@example(["data.parquet"])
def test_a_foreign_path_is_said_to_be_foreign(parts: list[str]) -> None:
    """Whatever lies in the lake's folder, its path gives a key or a LakeError."""
    path = Path(*parts)
    try:
        key = key_of_path(path)
    except LakeError:
        return
    assert path in {relative_path(key, grain) for grain in Grain}
