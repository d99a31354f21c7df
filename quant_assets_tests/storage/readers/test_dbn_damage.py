"""Damaged and hostile DBN files: each is refused with its rule, or read exactly."""

import json
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import zstandard

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.base import SourceFile
from quant_assets_tests.storage.readers.dbn_files import (
    SPY,
    TRADE,
    bars,
    header,
    read_dbn,
    source_of,
    trades,
    write,
)

CONTENT = header("trades", SPY) + trades(400).tobytes()
HEADER = len(header("trades", SPY))


def rule_of(source: SourceFile, **budget: float) -> str:
    """Return the rule under which a file is refused."""
    with pytest.raises(FileRejectedError) as caught:
        read_dbn(source, **budget)
    return caught.value.rule


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("01_dbn_truncated", "truncated_file"),
        ("02_dbn_empty", "empty_file"),
        ("24_dbn_is_text", "not_dbn"),
    ],
)
@pytest.mark.parametrize("name", ["same", "other.bin"])
def test_bad_cases_are_refused_under_any_name(
    shared_data: Path, tmp_path: Path, case: str, rule: str, name: str
):
    """The content decides, not the name."""
    (path,) = (shared_data / "bad" / case).iterdir()
    copy = shutil.copyfile(path, tmp_path / (path.name if name == "same" else name))
    assert rule_of(source_of(Path(copy))) == rule


@pytest.mark.parametrize("cut", range(HEADER + 1))
def test_a_file_cut_inside_its_header_is_refused(tmp_path: Path, cut: int):
    """Wherever the header ends too early, nothing is read."""
    rule = rule_of(write(tmp_path / "x", CONTENT[:cut], packed=False))
    expected = "empty_file" if cut == 0 else "not_dbn" if cut < 8 else "truncated_file"
    assert rule == (expected if cut < HEADER else "no_rows")


@pytest.mark.parametrize("cut", [1, 7, 8, 47])
def test_a_file_cut_inside_a_record_is_refused(tmp_path: Path, cut: int):
    """Records are whole or the file is damaged."""
    source = write(tmp_path / "x", CONTENT[:-cut], packed=False)
    assert rule_of(source) == "truncated_record"


def test_a_frame_cut_anywhere_is_refused(tmp_path: Path):
    """A zstd frame without its end never passes for a whole day."""
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(CONTENT)
    rng = random.Random(4)  # noqa: S311 -- a seeded choice of places, no secret
    places = [*range(1, 40), *range(len(packed) - 40, len(packed))]
    for cut in places + rng.sample(range(40, len(packed) - 40), 200):
        path = tmp_path / "x"
        path.write_bytes(packed[:cut])
        assert rule_of(source_of(path)) in {"truncated_file", "truncated_record", "not_dbn"}, cut


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path):
    """With a checksum, a flipped bit is refused or changed nothing."""
    truth = read_dbn(write(tmp_path / "truth", CONTENT)).frame()
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(CONTENT)
    rng = random.Random(5)  # noqa: S311 -- a seeded choice of places, no secret
    for _ in range(200):
        damaged = bytearray(packed)
        damaged[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
        path = tmp_path / "x"
        path.write_bytes(damaged)
        try:
            frame = read_dbn(source_of(path)).frame()
        except FileRejectedError:
            continue
        assert frame.equals(truth)


def test_random_bytes_in_the_header_never_end_in_another_error(tmp_path: Path):
    """Whatever stands in the header, the file is read or refused."""
    rng = random.Random(6)  # noqa: S311 -- a seeded choice of places, no secret
    for _ in range(300):
        damaged = bytearray(CONTENT)
        damaged[rng.randrange(HEADER)] = rng.randrange(256)
        source = write(tmp_path / "x", bytes(damaged), packed=False)
        try:
            assert read_dbn(source).conserved
        except FileRejectedError:
            continue


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("length", 0, "wrong_record_length"),
        ("length", 14, "wrong_record_length"),
        ("rtype", 1, "wrong_record_type"),
        ("side", b"Q", "damaged_record"),
        ("action", b"A", "damaged_record"),
        ("action", b"?", "damaged_record"),
    ],
)
def test_one_wrong_record_refuses_the_file(tmp_path: Path, field: str, value: object, rule: str):
    """A record that is not what the header promises is named by its number."""
    records = trades(50)
    records[field][41] = value
    source = write(tmp_path / "x", header("trades", SPY) + records.tobytes())
    with pytest.raises(FileRejectedError) as caught:
        read_dbn(source)
    assert caught.value.rule == rule
    assert caught.value.where == "record 42"


def test_bytes_after_the_frame_are_refused(tmp_path: Path):
    """What follows the frame is neither dropped nor read as records."""
    path = tmp_path / "x"
    path.write_bytes(zstandard.ZstdCompressor().compress(CONTENT) + b"rubbish!")
    assert rule_of(source_of(path)) == "damaged_file"


def test_several_frames_are_one_file(tmp_path: Path):
    """A file that was appended in frames is read to its end."""
    packer = zstandard.ZstdCompressor()
    path = tmp_path / "x"
    path.write_bytes(packer.compress(CONTENT[:1000]) + packer.compress(CONTENT[1000:]))
    assert read_dbn(source_of(path)).rows_in == 400


def test_a_bomb_is_stopped_by_its_budget(tmp_path: Path):
    """A small file that grows to 300 MB stops at the budget, soon."""
    one = trades(1).tobytes()
    bomb = header("trades", SPY) + one * 6_500_000
    source = write(tmp_path / "x", bomb)
    del bomb
    assert source.size < 64_000
    started = time.monotonic()
    assert rule_of(source) == "decompression_budget"
    assert time.monotonic() - started < 10


def test_the_budget_is_an_option(tmp_path: Path):
    """A file passes where the larger of both budgets allows it."""
    source = write(tmp_path / "x", CONTENT)
    assert rule_of(source, budget_bytes=1000, budget_ratio=1.0) == "decompression_budget"
    assert read_dbn(source, budget_bytes=1000, budget_ratio=100.0).rows_in == 400
    assert read_dbn(source, budget_bytes=len(CONTENT), budget_ratio=1.0).rows_in == 400


def test_fragments_are_named(tmp_path: Path):
    """Records without a header are called what they are."""
    assert rule_of(write(tmp_path / "x", trades(3).tobytes())) == "dbn_fragment"
    assert rule_of(write(tmp_path / "x", trades(3).tobytes(), packed=False)) == "dbn_fragment"


@pytest.mark.parametrize("schema", ["mbo", "mbp-10", "bbo-1s", "imbalance", "ohlcv-eod", "cmbp-1"])
def test_other_schemas_are_named_with_what_is_supported(tmp_path: Path, schema: str):
    """The message says the schema and the ones that can be read."""
    source = write(tmp_path / "x", header(schema, SPY) + bars(1).tobytes())
    with pytest.raises(FileRejectedError, match=f"{schema}.*ohlcv-1s.*trades") as caught:
        read_dbn(source)
    assert caught.value.rule == "unsupported_schema"


def test_a_newer_version_is_refused(tmp_path: Path):
    """A version that is not known is not guessed at."""
    content = CONTENT[:3] + bytes([4]) + CONTENT[4:]
    assert rule_of(write(tmp_path / "x", content)) == "unsupported_version"


def test_a_header_without_records_is_no_result(tmp_path: Path):
    """No rows is said, not stored."""
    assert rule_of(write(tmp_path / "x", header("trades", SPY))) == "no_rows"


def test_one_id_for_two_symbols_on_a_day_is_refused(tmp_path: Path):
    """Which of both a record belongs to cannot be told."""
    mappings = {**SPY, "AIG": SPY["SPY"]}
    content = header("trades", mappings) + trades(2).tobytes()
    assert rule_of(write(tmp_path / "x", content)) == "ambiguous_symbology"


def test_memory_does_not_follow_the_length_a_header_claims(tmp_path: Path):
    """A header that claims 4 GB reserves none of it."""
    content = b"DBN\x03" + (2**32 - 1).to_bytes(4, "little") + b"\x00" * 100
    assert rule_of(write(tmp_path / "x", content, packed=False)) == "truncated_file"


class TestManifest:
    """A manifest in the file's folder vouches for it, or refuses it."""

    @staticmethod
    def entry(source: SourceFile, **changes: object) -> dict[str, object]:
        """Return what a vendor's manifest says of a file."""
        stated = {"filename": source.name, "size": source.size}
        return {**stated, "hash": f"sha256:{source.sha256}", **changes}

    def test_a_true_manifest_is_noted(self, tmp_path: Path):
        """The notes name the manifest that was compared."""
        source = write(tmp_path / "x", CONTENT)
        content = json.dumps({"job_id": "J", "files": [self.entry(source)]})
        (tmp_path / "manifest.json").write_text(content)
        assert read_dbn(source).notes["manifest"] == "manifest.json"

    @pytest.mark.parametrize("changes", [{"size": 1}, {"hash": "sha256:" + "0" * 64}])
    def test_a_file_that_differs_is_refused(self, tmp_path: Path, changes: dict[str, object]):
        """Size or digest: either refuses the file."""
        source = write(tmp_path / "x", CONTENT)
        content = json.dumps({"files": [self.entry(source, **changes)]})
        (tmp_path / "manifest.json").write_text(content)
        assert rule_of(source) == "manifest_mismatch"

    @pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 100_000, '{"files": 3}', "\xff"])
    def test_a_manifest_that_says_nothing_of_the_file_changes_nothing(
        self, tmp_path: Path, content: str
    ):
        """An unreadable manifest neither vouches nor refuses."""
        source = write(tmp_path / "x", CONTENT)
        (tmp_path / "metadata.json").write_text(content, encoding="latin-1")
        assert "manifest" not in read_dbn(source).notes


def test_a_block_is_not_held_on_to(tmp_path: Path):
    """Frames given early stay as they were when later blocks reuse the memory."""
    count = 300_000
    records = trades(count)
    source = write(tmp_path / "x", header("trades", SPY) + records.tobytes())
    frame = read_dbn(source).frame()
    assert np.array_equal(frame["price"].to_numpy(), records["price"])
    assert np.array_equal(frame["ts_recv"].to_physical().to_numpy(), records["ts_recv"])
    assert frame.height == count
    assert TRADE.itemsize == 48
