"""DBN files, read back with the vendor's own decoder."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
import zstandard

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.storage.writers.dbn import DATASET, write_bars_dbn, write_status_dbn

FRIDAY = datetime(2024, 3, 8, 20, 59, 59, tzinfo=UTC)
SATURDAY = datetime(2024, 3, 9, 0, 30, tzinfo=UTC)


def _bars(*rows):
    """Make bars of (symbol, stamp, close, volume)."""
    return pl.DataFrame(
        {
            "symbol": [row[0] for row in rows],
            "bar_start": pl.Series([row[1] for row in rows], dtype=UTC_NS),
            "open": [row[2] - 0.01 for row in rows],
            "high": [row[2] + 0.02 for row in rows],
            "low": [row[2] - 0.03 for row in rows],
            "close": [row[2] for row in rows],
            "volume": [float(row[3]) for row in rows],
        },
        schema_overrides={"symbol": pl.String, "open": pl.Float64, "close": pl.Float64},
    )


def _status(*rows):
    """Make records of (symbol, stamp, action, reason, is_trading)."""
    names = ("symbol", "ts", "action", "reason", "is_trading")
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.col("ts").cast(UTC_NS), pl.lit(value=True).alias("is_quoting")
    )


def _ns(stamp):
    return int(stamp.timestamp()) * 10**9


def _decode(path):
    """Return metadata and records as the vendor's decoder sees them."""
    import databento_dbn

    decoder = databento_dbn.DBNDecoder()
    decoder.write(zstandard.ZstdDecompressor().decompress(path.read_bytes()))
    metadata, *records = decoder.decode()
    return metadata, records


def _symbol_of(metadata, record):
    """Look a record's symbol up by the UTC day of its stamp, with no help from our code."""
    day = datetime.fromtimestamp(record.ts_event // 10**9, UTC).date()
    return next(
        symbol
        for symbol, intervals in metadata.mappings.items()
        for interval in intervals
        if interval["start_date"] <= day < interval["end_date"]
        and interval["symbol"] == str(record.instrument_id)
    )


def test_bars_come_back_with_their_symbols_by_day(tmp_path):
    """Also past midnight UTC, where each symbol has another id; sorted by time, then symbol."""
    path = tmp_path / "bars.dbn.zst"
    write_bars_dbn(
        path,
        _bars(
            ("QSYN", SATURDAY, 48.01, 5),
            ("QSYN", FRIDAY, 48.17, 100),
            ("MOMO", SATURDAY, 6.41, 7),
            ("MOMO", FRIDAY, 6.40, 300),
        ),
    )
    metadata, records = _decode(path)
    found = [(_symbol_of(metadata, r), r.ts_event, r.close, r.volume) for r in records]
    assert found == [
        ("MOMO", _ns(FRIDAY), 6_400_000_000, 300),
        ("QSYN", _ns(FRIDAY), 48_170_000_000, 100),
        ("MOMO", _ns(SATURDAY), 6_410_000_000, 7),
        ("QSYN", _ns(SATURDAY), 48_010_000_000, 5),
    ]
    assert len({record.instrument_id for record in records}) == 4
    first = records[0]
    assert (first.open, first.high, first.low) == (6_390_000_000, 6_420_000_000, 6_370_000_000)


def test_the_header_says_what_the_file_is(tmp_path):
    """Schema, version, whole UTC days, and a dataset that no vendor has."""
    path = tmp_path / "bars.dbn.zst"
    write_bars_dbn(path, _bars(("MOMO", FRIDAY, 6.40, 300), ("MOMO", SATURDAY, 6.41, 7)))
    metadata, records = _decode(path)
    assert (metadata.dataset, str(metadata.schema), metadata.version) == (DATASET, "ohlcv-1s", 3)
    assert metadata.symbols == ["MOMO"]
    assert metadata.start == _ns(datetime(2024, 3, 8, tzinfo=UTC))
    assert metadata.end == _ns(datetime(2024, 3, 10, tzinfo=UTC))
    days = [interval["start_date"] for interval in metadata.mappings["MOMO"]]
    assert days == [date(2024, 3, 8), date(2024, 3, 9)]
    assert {record.rtype.name for record in records} == {"OHLCV_1S"}


def test_status_comes_back_with_action_reason_and_trading(tmp_path):
    """A pause, and the resumption after it."""
    path = tmp_path / "status.dbn.zst"
    resumed = datetime(2024, 3, 8, 21, 5, tzinfo=UTC)
    write_status_dbn(
        path,
        _status(
            ("MOMO", FRIDAY, "PAUSE", "LULD_PAUSE", False),
            ("QSYN", FRIDAY, "TRADING", "SCHEDULED", True),
            ("MOMO", resumed, "TRADING", "LULD_PAUSE", True),
        ),
    )
    metadata, records = _decode(path)
    found = [(_symbol_of(metadata, r), r.action.name, r.reason.name, r.is_trading) for r in records]
    assert str(metadata.schema) == "status"
    assert found == [
        ("MOMO", "PAUSE", "LULD_PAUSE", False),
        ("QSYN", "TRADING", "SCHEDULED", True),
        ("MOMO", "TRADING", "LULD_PAUSE", True),
    ]
    assert all(record.ts_recv == record.ts_event for record in records)


def test_the_vendors_store_opens_the_file(tmp_path):
    """The high-level reader accepts header, length and checksum."""
    import databento

    path = tmp_path / "bars.dbn.zst"
    write_bars_dbn(path, _bars(("MOMO", FRIDAY, 6.40, 300), ("QSYN", FRIDAY, 48.17, 100)))
    store = databento.DBNStore.from_bytes(path.read_bytes())
    array = store.to_ndarray()
    assert (store.dataset, str(store.schema)) == (DATASET, "ohlcv-1s")
    assert array["close"].tolist() == [6_400_000_000, 48_170_000_000]


def test_the_frame_knows_its_length_and_has_a_checksum(tmp_path):
    """A cut or damaged file is noticed by whoever unpacks it."""
    path = tmp_path / "bars.dbn.zst"
    write_bars_dbn(path, _bars(("MOMO", FRIDAY, 6.40, 300)))
    content = path.read_bytes()
    frame = zstandard.get_frame_parameters(content)
    assert frame.has_checksum
    assert frame.content_size == len(zstandard.ZstdDecompressor().decompress(content))
    damaged = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().decompress(damaged)


@pytest.mark.parametrize("write", [write_bars_dbn, write_status_dbn])
def test_no_row_makes_no_file(tmp_path, write):
    """A header without a day cannot map a symbol."""
    path = tmp_path / "bars.dbn.zst"
    empty = {
        write_bars_dbn: _bars(),
        write_status_dbn: _status(("A", FRIDAY, "HALT", "NONE", True)),
    }
    with pytest.raises(InputError, match="no row"):
        write(path, empty[write].clear())
    assert not path.exists()


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path):
    """Records have an order of their own."""
    rows = [("QSYN", FRIDAY, 48.17, 100), ("MOMO", FRIDAY, 6.40, 300)]
    write_bars_dbn(tmp_path / "a", _bars(*rows))
    write_bars_dbn(tmp_path / "b", _bars(*reversed(rows)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
