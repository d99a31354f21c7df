"""Lineage records: written and read back, and the three reasons to be stale."""

import json
from datetime import date

import pytest

from quant_assets.lineage.records import Hashes, Lineage, Origin, SourceReceipt, why_stale

LINEAGE = Lineage(
    code_version="c",
    parameters={"b": 1, "a": [1.5, None]},
    inputs={"x": "1", "y": "2"},
    sources=(SourceReceipt("b", "2.csv"), SourceReceipt("a", "1.csv")),
    origin=Origin(synthetic=True, seed=7),
    final=False,
    final_through=date(2024, 1, 3),
    stats={"volume": 0.1},
)


@pytest.mark.parametrize("lineage", [LINEAGE, Lineage("c")])
def test_a_lineage_reads_back_as_it_was_written(lineage: Lineage) -> None:
    """Through JSON text, in every field; receipts come sorted."""
    again = Lineage.from_json(json.loads(json.dumps(lineage.to_json())))
    assert again.to_json() == lineage.to_json()
    assert again.sources == tuple(sorted(lineage.sources))
    assert (again.inputs_hash, again.params_hash) == (lineage.inputs_hash, lineage.params_hash)


def test_hashes_do_not_hang_on_the_order_of_names() -> None:
    """Two equal sets of inputs have one hash."""
    turned = Lineage("c", {"a": [1.5, None], "b": 1}, {"y": "2", "x": "1"})
    assert turned.inputs_hash == LINEAGE.inputs_hash
    assert turned.params_hash == LINEAGE.params_hash


WANTED = Hashes("i", "p", "c")


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        pytest.param(None, "never made", id="nothing_stored"),
        pytest.param(WANTED, None, id="all_equal"),
        pytest.param(Hashes("i", "p", "other"), "code changed", id="code"),
        pytest.param(Hashes("i", "other", "c"), "parameters changed", id="parameters"),
        pytest.param(Hashes("other", "p", "c"), "inputs changed", id="inputs"),
    ],
)
def test_why_a_partition_is_stale(stored: Hashes | None, reason: str | None) -> None:
    """One reason each, and none where all three hashes are those wanted."""
    assert why_stale(stored, WANTED) == reason
