"""Bars from CSV: dialects, rows set aside, remarks, and what each row becomes."""

import math
import struct
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.csv_bars import CsvBarsReader
from quant_assets.storage.readers.csv_table import CsvTable
from quant_assets_tests.storage.readers.reading import Reading, read_all, read_text, source_of

BARS = [
    ("2014-05-01T05:00:00+00:00", 1.1, 1.4, 1.0, 1.2, 183.0),
    ("2014-05-01T05:15:00+00:00", 1.2, 1.5, 1.1, 1.3, 12.5),
]
EXPECTED = pl.DataFrame(
    BARS, schema=["bar_start", "open", "high", "low", "close", "volume"], orient="row"
).with_columns(pl.col("bar_start").str.to_datetime(time_unit="ns", time_zone="UTC"))
VALUES = "1.1,1.4,1.0,1.2,183", "1.2,1.5,1.1,1.3,12.5"
HEADER = "time,open,high,low,close,volume\n"
ROWS = f"2014-05-01 05:00:00,{VALUES[0]}\n2014-05-01 05:15:00,{VALUES[1]}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("bars")


def _values(reading: Reading) -> pl.DataFrame:
    return reading.frame.select(EXPECTED.columns)


def _refused(folder: Path, text: str | bytes, **given: str) -> FileRejectedError:
    with pytest.raises(FileRejectedError) as refused:
        read_text(folder, text, **given)
    return refused.value


def _with_stamps(first: str, second: str, header: str = HEADER) -> str:
    return f"{header}{first},{VALUES[0]}\n{second},{VALUES[1]}\n"


def _bare(first: str, second: str, delimiter: str) -> str:
    rows = [[first, *VALUES[0].split(",")], [second, *VALUES[1].split(",")]]
    return "".join(delimiter.join(row) + "\n" for row in rows)


MT5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n" + "".join(
    f"2014.05.01\t{clock}\t" + "\t".join(values.split(",")) + "\t7\t9\n"
    for clock, values in zip(("05:00:00", "05:15:00"), VALUES, strict=True)
)


@pytest.mark.parametrize(
    ("text", "format_name"),
    [
        pytest.param(_bare("2014.05.01,05:00", "2014.05.01,05:15", ","), "csv-mt4", id="mt4"),
        pytest.param(_bare("2014.05.01 05:00", "2014.05.01 05:15", ","), "csv-mt4", id="mt4_one"),
        pytest.param(MT5, "csv-mt5", id="mt5"),
        pytest.param(MT5.partition("\n")[2], "csv-mt5", id="mt5_without_header"),
        pytest.param(_bare("20140501 050000", "20140501 051500", ";"), "csv-histdata", id="hist"),
        pytest.param(HEADER + ROWS, "csv-header", id="header"),
        pytest.param("\ufeff" + (HEADER + ROWS).replace("\n", "\r\n"), "csv-header", id="bom_crlf"),
        pytest.param((HEADER + ROWS).rstrip("\n"), "csv-header", id="no_last_line_end"),
        pytest.param(f"# made by x\n\n{HEADER}\n{ROWS}\n\n", "csv-header", id="comment_and_blanks"),
        pytest.param("sep=,\n" + HEADER + ROWS, "csv-header", id="excel_hint"),
        pytest.param((HEADER + ROWS).replace(",", ";"), "csv-header", id="semicolons"),
        pytest.param((HEADER + ROWS).replace(",", " | "), "csv-header", id="bars_and_blanks"),
        pytest.param((HEADER + ROWS).upper(), "csv-header", id="upper_case"),
        pytest.param(
            "\n".join(
                ",".join(f'"{cell}"' for cell in line.split(","))
                for line in (HEADER + ROWS).splitlines()
            ),
            "csv-header",
            id="quoted",
        ),
        pytest.param(
            "DATE,TIME,Open,High,Low,Close,Volume\n" + ROWS.replace("2014-05-01 ", "2014/05/01,"),
            "csv-header",
            id="date_and_time",
        ),
        pytest.param(
            "x,volume,close,low,high,open,Open Time,y\n"
            "p,183,1.2,1.0,1.4,1.1,2014-05-01T05:00Z,q\n"
            "p,12.5,1.3,1.1,1.5,1.2,2014-05-01T05:15Z,q\n",
            "csv-header",
            id="other_order_and_columns",
        ),
        pytest.param(_with_stamps("1398920400", "1398921300"), "csv-epoch", id="epoch_s"),
        pytest.param(_with_stamps("1398920400000", "1398921300000"), "csv-epoch", id="epoch_ms"),
        pytest.param(
            _with_stamps("1398920400000000", "1398921300000000"), "csv-epoch", id="epoch_us"
        ),
        pytest.param(
            _with_stamps("1398920400000000000", "1398921300000000000"), "csv-epoch", id="epoch_ns"
        ),
        pytest.param(
            _with_stamps("2014-05-01 10:30:00+05:30", "2014-05-01 10:45:00+0530"),
            "csv-header",
            id="own_offset",
        ),
    ],
)
def test_every_dialect_gives_the_same_bars(tmp_path: Path, text: str, format_name: str) -> None:
    """One pair of bars, written in each way, reads as one frame."""
    reading = read_text(tmp_path, text)
    assert reading.format == format_name
    assert _values(reading).equals(EXPECTED)
    assert (reading.tally.rows_in, reading.set_aside, reading.remarks) == (2, [], [])


def test_a_batch_has_the_landed_columns(tmp_path: Path) -> None:
    """Types, symbol, schema, line numbers and rows as they stood."""
    reading = read_text(tmp_path, HEADER + ROWS)
    (batch,) = reading.batches
    assert (batch.kind, batch.symbol, batch.bar_schema) == (Landed.BARS, "EURUSD", "ohlcv-15m")
    assert dict(batch.frame.schema) == {
        "place": pl.UInt64,
        "raw": pl.String,
        "bar_start": UTC_NS,
        **dict.fromkeys(("open", "high", "low", "close", "volume", "bid", "ask"), pl.Float64),
    }
    assert batch.frame["place"].to_list() == [2, 3]
    assert batch.frame["raw"].to_list() == ROWS.splitlines()
    assert batch.place_prefix == "line "


@pytest.mark.parametrize(
    ("text", "rule", "where"),
    [
        (HEADER.replace(",close", "") + ROWS, "missing_column", "column close"),
        ("open,high,low,close\n1,1,1,1\n", "missing_column", "column time"),
        ("time,open,open,high,low,close\n", "duplicate_column", "column open"),
        (HEADER, "no_rows", ""),
        (HEADER + "\n \n", "no_rows", ""),
        ("\n\n", "no_rows", ""),
        ("# nothing\n", "no_rows", ""),
        ("2012.02.01 00:00;1,57597;1,57606;1,57542;1,57559;0\n", "decimal_comma", "line 1"),
        ("2012.02.01,00:00,1,57597,1,57606,1,57542,1,57559,0\n", "decimal_comma", "line 1"),
        (HEADER.replace(",", ";") + "2012-02-01;1,5;1,6;1,5;1,5;0\n", "decimal_comma", "line 1"),
        (HEADER + "2012-02-01,1,5,1,6,1,5,1,5,0\n", "decimal_comma", "line 1"),
        ("bar,bucket,p,q,r,s\n" + "2014-05-01 05:00,1,2,3,4,5\n" * 3, "unknown_format", "line 1"),
        ("hello\nworld\n", "unknown_format", "line 1"),
        ('{"time": 1, "open": 2}\n', "unknown_format", "line 1"),
        (HEADER + "x,1,1,1,1,1\n", "no_readable_row", ""),
        (HEADER + "2014-05-01 05:00,x,1,1,1,1\n", "no_readable_row", ""),
        (HEADER + "2014-05-01 05:00,1,1\n", "no_readable_row", ""),
    ],
)
def test_a_file_that_is_no_table_of_bars_is_refused(
    tmp_path: Path, text: str, rule: str, where: str
) -> None:
    """By rule, and with the place where there is one."""
    error = _refused(tmp_path, text)
    assert (error.rule, error.where) == (rule, where)
    assert "EURUSD15.csv" in str(error)


BAD_ROWS = {
    "2014-05-01 06:00:00,1,2,1,1,5,9,9": "ragged_row",
    "2014-05-01 06:00:00,1,2": "ragged_row",
    '2014-05-01 06:00:00,"1,2,1,1,5': "ragged_row",
    '2014-05-01 06:00:00,"1,1",2,1,1': "unreadable_number",
    "# a late comment": "ragged_row",
    "2014-05-01 06:00:00,n/a,2,1,1,5": "unreadable_number",
    "2014-05-01 06:00:00,1_000,2,1,1,5": "unreadable_number",
    "2014-05-01 06:00:00,1,2,1,1,0x10": "unreadable_number",
    "2014-05-01 06:00:00,1;1,2,1,1,5": "unreadable_number",
    ",1,2,1,1,5": "bad_stamp",
    "2014-05-32 06:00:00,1,2,1,1,5": "bad_stamp",
    "n/a,n/a,2,1,1,5": "bad_stamp",
    "," * 5: "bad_stamp",
}


@pytest.mark.parametrize("row", list(BAD_ROWS))
def test_a_bad_row_is_set_aside_alone_with_its_line(tmp_path: Path, row: str) -> None:
    """The rows around it stay as they are."""
    first, second = ROWS.splitlines()
    reading = read_text(tmp_path, f"{HEADER}{first}\n\n{row}\n{second}\n")
    assert _values(reading).equals(EXPECTED)
    assert reading.frame["place"].to_list() == [2, 5]
    (aside,) = reading.set_aside
    assert (aside.rule, aside.place, aside.raw) == (BAD_ROWS[row], "line 4", row)
    assert (aside.symbol, aside.kind, aside.count) == ("EURUSD", Landed.BARS, 1)
    assert reading.tally.rows_in == 3


def test_a_long_row_is_kept_as_its_first_kilobyte(tmp_path: Path) -> None:
    """For rows set aside and for rows given."""
    long = "x" * 5000
    text = f"{HEADER[:-1]},note\n{ROWS.splitlines()[0]},{long}\n{long}\n"
    reading = read_text(tmp_path, text)
    assert [len(aside.raw) for aside in reading.set_aside] == [1024]
    assert reading.frame["raw"].str.len_bytes().to_list() == [1024]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("nan", math.nan),
        ("NaN", math.nan),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("", None),
        (" ", None),
        ("null", None),
        ("NULL", None),
        ("-5", -5.0),
        ("0", 0.0),
        ("9223372036854775808", 2.0**63),
        ("1e308", 1e308),
        ("1" + "0" * 30, 1e30),
        ("+1.5", 1.5),
        (".5", 0.5),
    ],
)
def test_odd_numbers_stay_for_the_row_rules(tmp_path: Path, cell: str, value: float | None) -> None:
    """NaN, infinities, missing and huge values are typed, and judged elsewhere."""
    text = f"{HEADER}2014-05-01 05:00,1,2,1,1,{cell}\n2014-05-01 05:15,{cell},2,1,1,5\n"
    reading = read_text(tmp_path, text)
    assert reading.set_aside == []
    for found in (reading.frame["volume"][0], reading.frame["open"][1]):
        assert found == value or (value is not None and math.isnan(value) and math.isnan(found))


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20), st.booleans())
def test_numbers_are_read_as_python_reads_them(
    folder: Path, numbers: list[float], is_plain: bool
) -> None:
    """Bit for bit, in shortest and in long decimal form."""
    cells = [f"{number:.30f}" if is_plain else repr(number) for number in numbers]
    rows = "".join(f"2014-05-01 05:00,{cell},1,1,1,1\n" for cell in cells)
    found = read_text(folder, HEADER + rows).frame["open"].to_list()
    assert [struct.pack("d", x) for x in found] == [struct.pack("d", float(c)) for c in cells]


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*BAD_ROWS, *ROWS.splitlines(), "", " \t", "\r", "€", '"', "1,2,3", "null,,,,,"]
        ),
        max_size=40,
    ),
    st.integers(40, 400),
)
def test_every_row_is_given_or_set_aside_once(
    folder: Path, rows: list[str], block_bytes: int
) -> None:
    """Conservation: rows counted on the bytes are those given and set aside, in any blocks."""
    text = HEADER + "\n".join([*rows, ROWS.splitlines()[0]])
    (folder / "input").write_text(text, newline="")
    source = source_of(folder / "input", name="EURUSD15.csv")
    small = read_all(CsvBarsReader(source, table=CsvTable(source, block_bytes=block_bytes)))
    whole = read_all(CsvBarsReader(source))
    n_filled = sum(bool(line.strip()) for line in text.split("\n")) - 1
    assert small.tally.rows_in == whole.tally.rows_in == n_filled
    assert small.n_given + len(small.set_aside) == n_filled
    assert small.frame.equals(whole.frame)
    assert small.set_aside == whole.set_aside
    assert small.remarks == whole.remarks
    assert small.tally.bytes_read == len(text.encode())
    given_lines = [int(p.removeprefix("line ")) for p in whole.places]
    assert not set(given_lines) & set(whole.frame["place"].to_list())


def test_rows_out_of_order_are_given_and_remarked(tmp_path: Path) -> None:
    """The order of the file stays; the remark counts rows that lie before the row above."""
    first, second = ROWS.splitlines()
    reading = read_text(tmp_path, f"{HEADER}{second}\n{first}\n{second}\n{second}\n{first}\n")
    assert reading.frame["bar_start"].dt.minute().to_list() == [15, 0, 15, 15, 0]
    assert reading.remarked == {"out_of_order": 2}
    assert reading.remarks[0].where == "line 3"


def test_a_name_that_contradicts_its_rows_loses(tmp_path: Path) -> None:
    """The rows' step names the schema, and the remark names both."""
    reading = read_text(tmp_path, HEADER + ROWS, name="EURUSD60.csv")
    assert reading.batches[0].bar_schema == "ohlcv-15m"
    assert reading.remarked == {"timeframe_differs": 1}
    assert reading.remarks[0].where == "the name says 1h, rows are 15m apart"


def test_a_given_symbol_lets_the_step_be_inferred(tmp_path: Path) -> None:
    """Which is said; without the symbol the file is refused."""
    assert _refused(tmp_path, HEADER + ROWS, name="EURUSD.csv").rule == "name_without_timeframe"
    reading = read_text(tmp_path, HEADER + ROWS, name="EURUSD.csv", symbol="EURUSD")
    assert reading.batches[0].bar_schema == "ohlcv-15m"
    assert reading.remarked == {"timeframe_inferred": 1}


def test_a_missing_volume_is_zero_and_said(tmp_path: Path) -> None:
    """An empty cell is missing, a missing column is zero."""
    text = "time,open,high,low,close\n2014-05-01 05:00,1,1,1,1\n"
    reading = read_text(tmp_path, text)
    assert reading.frame["volume"].to_list() == [0.0]
    assert reading.remarked == {"no_volume_column": 1}


def test_a_zone_moves_naive_stamps_and_sets_impossible_ones_aside(tmp_path: Path) -> None:
    """New York, 2014: 02:30 on 9 March does not exist, 01:30 on 2 November comes twice."""
    clocks = ["2014-03-09 01:30", "2014-03-09 02:30", "2014-11-02 01:30", "2014-11-02 01:30-05:00"]
    text = HEADER + "".join(f"{clock},{VALUES[0]}\n" for clock in clocks)
    local = read_text(tmp_path, text, zone="America/New_York")
    assert local.rules == {"nonexistent_local_time": 1, "ambiguous_local_time": 1}
    assert local.places == ["line 3", "line 4"]
    assert local.frame["bar_start"].dt.hour().to_list() == [6, 6]
    assert read_text(tmp_path, text).frame["bar_start"].dt.hour().to_list() == [1, 2, 1, 6]
    assert _refused(tmp_path, text, zone="New York").rule == "unknown_zone"


def test_daily_stamps_name_a_session_whatever_the_zone(tmp_path: Path) -> None:
    """A zone east of UTC must not move them to the day before."""
    text = _with_stamps("2014-05-01", "2014-05-02")
    reading = read_text(tmp_path, text, name="GOOG1440.csv", zone="Asia/Kolkata")
    assert reading.batches[0].bar_schema == "ohlcv-1d"
    assert reading.frame["bar_start"].dt.strftime("%F %T").to_list() == [
        "2014-05-01 00:00:00",
        "2014-05-02 00:00:00",
    ]


def test_year_last_dates_are_read_where_the_file_proves_their_order(tmp_path: Path) -> None:
    """The proof may stand in the last row."""
    rows = "12/01/2012,1,1,1,1,1\n13/01/2012,2,2,2,2,2\n"
    reading = read_text(tmp_path, HEADER + rows, name="GOOG1440.csv")
    assert reading.frame["bar_start"].dt.day().to_list() == [12, 13]
    assert _refused(tmp_path, HEADER + rows.splitlines()[0]).rule == "ambiguous_dates"


def test_reading_leaves_the_file_and_its_folder_alone(tmp_path: Path) -> None:
    """Nothing is written beside it."""
    read_text(tmp_path, HEADER + ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["input"]
    assert (tmp_path / "input").read_text() == HEADER + ROWS
