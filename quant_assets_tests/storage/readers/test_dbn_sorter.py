"""Blocks sorted by symbol in two passes, against the reader that judges record by record."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from quant_assets.market.errors import FileRejectedError
from quant_assets.market.timeframes import NS_PER_DAY
from quant_assets.storage.readers import dbn as dbn_module
from quant_assets.storage.readers.dbn_sorter import Sorter
from quant_assets_tests.storage.readers.dbn_files import (
    MBP1,
    NOON,
    TRADE,
    Read,
    bars,
    header,
    read_dbn,
    trades,
    write,
)

_SPAN = (date(2013, 10, 6), date(2013, 10, 12))
NAMES = {
    "SPY": [(*_SPAN, "7")],
    "AIG": [(*_SPAN, "3"), (*_SPAN, "9")],
    "BAC": [(*_SPAN, "4294967295")],
    "BRK B": [(*_SPAN, "5")],
}
LANDED_IDS = (7, 3, 9, 4_294_967_295)


def _both(path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Read, Read]:
    """Read a file with the sorter, in blocks of 64 records, and without it."""
    monkeypatch.setattr(dbn_module, "_RECORDS_IN_BLOCK", 64)
    source = write(path, content)
    fast = read_dbn(source)
    with monkeypatch.context() as without:
        without.setattr(Sorter, "of", lambda *_: None)
        return fast, read_dbn(source)


def _assert_equal(fast: Read, slow: Read) -> None:
    """Compare all that two readings gave."""
    assert fast.rows_in == slow.rows_in
    assert (fast.asides, fast.remarks, fast.notes) == (slow.asides, slow.remarks, slow.notes)
    assert len(fast.batches) == len(slow.batches)
    for one, other in zip(fast.batches, slow.batches, strict=True):
        assert (one.symbol, one.kind, one.bar_schema) == (
            other.symbol,
            other.kind,
            other.bar_schema,
        )
        assert one.frame.schema == other.frame.schema
        assert one.frame.equals(other.frame)


def _shuffled(records: np.ndarray, rng: np.random.Generator, ids: tuple[int, ...]) -> np.ndarray:
    """Give records random ids, prices and stamps that cross now and then."""
    n = records.size
    records["instrument_id"] = rng.choice(np.array(ids, dtype=np.uint32), n)
    stamp = "ts_recv" if "ts_recv" in (records.dtype.names or ()) else "ts_event"
    records[stamp] += rng.integers(0, 3_000_000, n).astype(records[stamp].dtype)
    price = "price" if "price" in (records.dtype.names or ()) else "close"
    records[price] = rng.integers(-(10**12), 10**12, n)
    return records


@pytest.mark.parametrize("schema", ["trades", "tbbo", "mbp-1", "ohlcv-1s"])
@pytest.mark.parametrize("seed", range(4))
def test_sorted_blocks_are_those_of_the_judge(
    schema: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Symbols with one id and with two, ids of all 32 bits, disorder, blocks cut anywhere."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 700))
    made = {
        "ohlcv-1s": lambda: bars(count),
        "trades": lambda: trades(count),
    }.get(schema, lambda: trades(count, dtype=MBP1))()
    records = _shuffled(made, rng, LANDED_IDS)
    fast, slow = _both(tmp_path / "x", header(schema, NAMES) + records.tobytes(), monkeypatch)
    _assert_equal(fast, slow)
    assert sum(batch.frame.height for batch in fast.batches) == count


def _spoil(records: np.ndarray, how: str) -> None:
    """Make record 200 unusual."""
    row = 200
    if how == "midnight":
        records["ts_recv"][row:] += NS_PER_DAY
        records["ts_event"][row:] += NS_PER_DAY
    elif how == "undefined stamp":
        records["ts_recv"][row] = 2**64 - 1
    elif how == "bad stamp":
        records["ts_event"][row] = 2**63 + 5
    elif how == "undefined price":
        records["price"][row] = 2**63 - 1
    elif how == "absurd price":
        records["price"][row] = -(10**18) - 1
    elif how == "no name":
        records["instrument_id"][row] = 77
    elif how == "no path":
        records["instrument_id"][row] = 5
    elif how == "day without names":
        records["ts_recv"] += np.uint64(30 * NS_PER_DAY)
        records["ts_event"] += np.uint64(30 * NS_PER_DAY)


@pytest.mark.parametrize(
    "how",
    [
        "midnight",
        "undefined stamp",
        "bad stamp",
        "undefined price",
        "absurd price",
        "no name",
        "no path",
        "day without names",
    ],
)
def test_unusual_blocks_go_to_the_judge(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One unusual record among sound ones changes nothing about the others."""
    records = _shuffled(trades(500), np.random.default_rng(3), LANDED_IDS)
    before = records.copy()
    _spoil(records, how)
    assert not np.array_equal(before, records)
    _assert_equal(*_both(tmp_path / "x", header("trades", NAMES) + records.tobytes(), monkeypatch))


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("length", 13, "wrong_record_length"),
        ("rtype", 1, "wrong_record_type"),
        ("action", b"A", "damaged_record"),
        ("side", b"x", "damaged_record"),
    ],
)
def test_damage_is_named_by_its_record(
    field: str, value: object, rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A damaged record in the middle of a block rejects the file, with and without the sorter."""
    monkeypatch.setattr(dbn_module, "_RECORDS_IN_BLOCK", 64)
    records = trades(300, dtype=TRADE)
    records[field][150] = value
    source = write(tmp_path / "x", header("trades", {"SPY": [(*_SPAN, "1")]}) + records.tobytes())
    rejections = []
    for is_fast in (True, False):
        with monkeypatch.context() as patched:
            if not is_fast:
                patched.setattr(Sorter, "of", lambda *_: None)
            with pytest.raises(FileRejectedError) as caught:
                read_dbn(source)
        rejections.append((caught.value.rule, caught.value.where))
    assert rejections[0] == rejections[1] == (rule, "record 151")


def test_sound_blocks_are_sorted_and_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The fast way is the way that sound files take: the judge is never asked."""

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(dbn_module._Body, "_judged", never)
    source = write(tmp_path / "x", header("trades", NAMES) + trades(10, instrument_id=7).tobytes())
    assert read_dbn(source).frame()["ts"][0].timestamp() == NOON / 1e9
