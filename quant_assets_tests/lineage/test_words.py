"""Texts in a data version: their lengths and their bytes, however they are gathered."""

import hashlib
import json

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.lineage.fingerprint import content_version

WORDS = st.text(max_size=5)


@given(
    st.lists(WORDS, min_size=1, max_size=8)
    | st.integers(1, 40).flatmap(
        lambda n: st.lists(WORDS, min_size=1, max_size=1).map(lambda one: one * n)
    )
)
def test_texts_are_hashed_by_length_and_bytes(words):
    """One text in all rows is hashed as any texts are."""
    header = {"rows": len(words), "columns": [["word", repr(pl.String())]]}
    digest = hashlib.sha256(json.dumps(header, sort_keys=True, separators=(",", ":")).encode())
    encoded = [word.encode() for word in words]
    digest.update(b"wholewhole")
    digest.update(np.array([len(one) for one in encoded], dtype=np.uint32).tobytes())
    digest.update(b"".join(encoded))
    assert content_version(pl.DataFrame({"word": words})) == digest.hexdigest()
