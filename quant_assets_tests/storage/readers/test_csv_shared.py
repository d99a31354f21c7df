"""The real CSV files of the shared set, good and bad, also under other names."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.base import Landed
from quant_assets_tests.storage.readers.reading import Reading, read_source, source_of

pytestmark = pytest.mark.shared

VALUES = ["bar_start", "open", "high", "low", "close", "volume"]
REJECTED = {
    "03_csv_missing_column": ("missing_column", "column close"),
    "04_csv_decimal_comma": ("decimal_comma", "line 1"),
    "10_csv_latin1": ("bad_encoding", "byte 3"),
    "12_csv_mixed_dates": ("mixed_dates", "line 61"),
    "20_csv_header_only": ("no_rows", ""),
}
READ_WHOLE = {
    "05_csv_nan_inf": 200,
    "06_csv_negative_zero": 200,
    "07_csv_duplicate_times": 202,
    "08_csv_out_of_order": 200,
    "09_csv_high_below_low": 200,
    "11_csv_bom_crlf": 200,
    "17_csv_huge_volume": 200,
    "18_csv_halt_gap": 720,
    "23_name_lies": 200,
}


def _case(shared_data: Path, case: str) -> Path:
    (path,) = (shared_data / "bad" / case).iterdir()
    return path


def _names(path: Path) -> Iterator[str]:
    """Give the file's own name, and one that says the same and looks otherwise."""
    yield path.name
    yield path.name.lower().replace(".csv", " (copy 1).sqlite")


def _read(path: Path, **given: str) -> Reading:
    return read_source(source_of(path, **given))


@pytest.mark.parametrize("case", sorted(REJECTED))
def test_a_case_to_reject_is_rejected_by_its_content(shared_data: Path, case: str) -> None:
    """With the rule and place of the index, whatever the name."""
    path = _case(shared_data, case)
    for name in _names(path):
        with pytest.raises(FileRejectedError) as refused:
            _read(path, name=name)
        assert (refused.value.rule, refused.value.where) == REJECTED[case]
        assert name in str(refused.value)


@pytest.mark.parametrize("case", sorted(READ_WHOLE))
def test_a_case_for_the_row_rules_is_read_whole(shared_data: Path, case: str) -> None:
    """The reader sets nothing aside: values are judged behind it."""
    path = _case(shared_data, case)
    for name in _names(path):
        reading = _read(path, name=name)
        assert (reading.n_given, reading.tally.rows_in) == (READ_WHOLE[case],) * 2
        assert reading.set_aside == []


def test_bad_values_arrive_as_they_are(shared_data: Path) -> None:
    """Cases 05, 06, 09 and 17 keep what makes their rows bad."""
    odd = _read(_case(shared_data, "05_csv_nan_inf")).frame
    is_odd = pl.any_horizontal(pl.col(*VALUES[1:]).is_finite().not_().fill_null(value=True))
    assert odd.filter(is_odd)["place"].to_list() == [11, 21, 31, 41, 51, 61]
    assert odd["open"].null_count() + odd["close"].null_count() == 2
    negative = _read(_case(shared_data, "06_csv_negative_zero")).frame
    assert negative.filter(pl.min_horizontal(VALUES[1:5]) <= 0).height == 3
    assert negative.filter(pl.col("volume") < 0).height == 1
    crossed = _read(_case(shared_data, "09_csv_high_below_low")).frame
    assert crossed.filter(pl.col("high") < pl.max_horizontal("low", "open", "close")).height == 3
    huge = _read(_case(shared_data, "17_csv_huge_volume")).frame["volume"]
    assert huge[1:5].to_list() == [2.0**63, 1e308, 1e30, 12.5]


def test_ragged_rows_are_named_and_shift_nothing(shared_data: Path) -> None:
    """Case 21: lines 31, 32, 33; the other rows are those of the plain file."""
    reading = _read(_case(shared_data, "21_csv_ragged"))
    assert reading.places == ["line 31", "line 32", "line 33"]
    assert (reading.tally.rows_in, reading.n_given) == (200, 197)
    plain = _read(_case(shared_data, "11_csv_bom_crlf")).frame
    kept = plain.filter(~pl.col("place").is_in([31, 32, 33]))
    assert reading.frame.select(VALUES).equals(kept.select(VALUES))


def test_local_times_need_their_zone(shared_data: Path) -> None:
    """Case 13: 4 impossible and 8 ambiguous rows in New York; read as UTC none is set aside."""
    path = _case(shared_data, "13_csv_dst_local")
    local = _read(path, zone="America/New_York")
    assert local.rules == {"nonexistent_local_time": 4, "ambiguous_local_time": 8}
    assert local.n_given == 24
    assert local.frame["bar_start"][0] == datetime(2014, 3, 9, 5, tzinfo=UTC)
    plain = _read(path)
    assert (plain.n_given, plain.set_aside) == (36, [])
    assert plain.n_given - plain.frame["bar_start"].n_unique() == 4


def test_order_and_name_are_remarked(shared_data: Path) -> None:
    """Case 08 says how many rows lie before their forerunner, case 23 that the name lies."""
    shuffled = _read(_case(shared_data, "08_csv_out_of_order"))
    ns = shuffled.frame["bar_start"].dt.epoch("ns").to_list()
    n_back = sum(later < earlier for earlier, later in pairwise(ns))
    assert shuffled.remarked == {"out_of_order": n_back}
    lying = _read(_case(shared_data, "23_name_lies"))
    assert lying.remarked == {"timeframe_differs": 1}
    assert {batch.bar_schema for batch in lying.batches} == {"ohlcv-15m"}


def test_names_alone_reject(shared_data: Path) -> None:
    """Cases 19 and 22 hold good rows; under a good name they are read whole."""
    for case, rule in (
        ("19_path_traversal_name", "bad_name"),
        ("22_name_without_minutes", "name_without_timeframe"),
    ):
        path = _case(shared_data, case)
        with pytest.raises(FileRejectedError) as refused:
            _read(path)
        assert refused.value.rule == rule
        assert _read(path, name="EURUSD15.csv").n_given == 200
    inferred = _read(_case(shared_data, "22_name_without_minutes"), symbol="EURUSD")
    assert inferred.remarked == {"timeframe_inferred": 1}


def test_every_good_file_is_read_whole_and_as_plain_python_reads_it(shared_data: Path) -> None:
    """All rows, no remark, and the values that `float` gives."""
    files = sorted((shared_data / "ohlcv").rglob("*.csv"))
    assert len(files) == 24
    for path in files:
        reading = _read(path)
        lines = [line for line in path.read_text().splitlines() if line[0].isdigit()]
        assert (reading.n_given, reading.tally.rows_in) == (len(lines),) * 2, path
        assert (reading.set_aside, reading.remarks) == ([], []), path
        mark = "\t" if path.parent.name == "mt5" else ";" if ";" in lines[0] else ","
        prices = [line.replace(mark, " ").split()[2:6] for line in lines]
        expected = [tuple(float(price) for price in row) for row in prices]
        assert reading.frame.select(VALUES[1:5]).rows() == expected, path


def test_three_dialects_of_the_same_bars_give_equal_frames(shared_data: Path) -> None:
    """MetaTrader 4, MetaTrader 5 and HistData."""
    ohlcv = shared_data / "ohlcv"
    readings = {
        reading.format: reading.frame.select(VALUES)
        for reading in (
            _read(ohlcv / folder / "EURUSD15.csv") for folder in (".", "mt5", "histdata")
        )
    }
    assert set(readings) == {"csv-mt4", "csv-mt5", "csv-histdata"}
    assert readings["csv-mt4"].height == 648
    assert readings["csv-mt4"].equals(readings["csv-mt5"])
    assert readings["csv-mt4"].equals(readings["csv-histdata"])


def test_daily_files_are_read_with_a_symbol(shared_data: Path) -> None:
    """Their step is inferred, and their dates are midnights of UTC."""
    for symbol, rows in (("AAPL", 5849), ("SPY", 5849), ("GOOG", 4183), ("GOOCV", 5)):
        reading = _read(shared_data / "daily" / f"{symbol}.csv", symbol=symbol, zone="Asia/Tokyo")
        assert reading.n_given == rows
        assert {batch.bar_schema for batch in reading.batches} == {"ohlcv-1d"}
        assert reading.frame["bar_start"].dt.hour().unique().to_list() == [0]
        assert reading.batches[0].kind is Landed.BARS


def test_tables_that_are_no_bars_are_refused(shared_data: Path) -> None:
    """Factors, footprints, quotes and book updates never pass for bars or trades."""
    others = [
        *(shared_data / "daily").glob("*.factors.csv"),
        *(shared_data / "daily").glob("*.expected_adjusted.csv"),
        *(shared_data / "orderflow").glob("*.expected_footprint.csv"),
        *(shared_data / "orderflow").glob("*quotes.csv"),
        *(shared_data / "orderflow").glob("*depth_update.csv"),
        *(shared_data / "reference").glob("*"),
        shared_data / "PROVENANCE.md",
    ]
    assert len(others) > 15
    for path in others:
        with pytest.raises(FileRejectedError) as refused:
            _read(path, symbol="X")
        assert refused.value.rule in ("missing_column", "unknown_format", "not_trades"), path
