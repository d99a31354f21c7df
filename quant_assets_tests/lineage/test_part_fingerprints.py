"""A stretch of a frame has the fingerprint that it has as a frame of its own."""

from datetime import UTC, date, datetime, timedelta
from unittest import mock

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.lineage import part_fingerprints
from quant_assets.lineage.fingerprint import content_version
from quant_assets.lineage.part_fingerprints import content_versions
from quant_assets.signals.schema import SIGNALS

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
VALUES: dict[str, tuple[pl.DataType | type[pl.DataType], st.SearchStrategy[object]]] = {
    "tiny": (pl.Int8, st.integers(-128, 127)),
    "count": (pl.UInt32, st.integers(0, 2**32 - 1)),
    "real": (pl.Float64, st.floats(allow_nan=False)),
    "half": (pl.Float32, st.floats(width=32, allow_nan=False)),
    "flag": (pl.Boolean, st.booleans()),
    "word": (pl.String, st.text(max_size=3)),
    "same": (pl.String, st.just("GCZ13")),
    "choice": (pl.Enum(["a", "b"]), st.sampled_from(["a", "b"])),
    "day": (pl.Date, st.dates(date(1970, 1, 1), date(2100, 1, 1))),
    "ts": (
        pl.Datetime("ns", "UTC"),
        st.integers(0, 10**9).map(lambda n: BEGIN + timedelta(microseconds=n)),
    ),
    "loose": (pl.Categorical, st.sampled_from(["x", "y"])),
    "many": (pl.List(pl.Int16), st.lists(st.integers(0, 9), max_size=2)),
    "pair": (pl.Struct({"k": pl.Int64}), st.fixed_dictionaries({"k": st.integers(0, 9)})),
}


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """Return a frame of some columns, with nulls here and there or throughout."""
    rows = draw(st.integers(0, 12))
    chosen = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, min_size=1))
    columns = []
    for name in chosen:
        dtype, value = VALUES[name]
        of = draw(st.sampled_from([value, st.none() | value, st.none()]))
        cells = draw(st.lists(of, min_size=rows, max_size=rows))
        columns.append(pl.Series(name, cells, dtype=dtype))
    return pl.DataFrame(columns)


@given(frames(), st.data())
def test_a_stretch_is_known_by_its_own_content(frame: pl.DataFrame, data: st.DataObject) -> None:
    """Cut anywhere: each part is hashed as if it stood alone."""
    places = st.integers(1, max(frame.height, 1))
    cuts = sorted(n for n in data.draw(st.sets(places, max_size=4)) if n < frame.height)
    ends = [*cuts, frame.height]
    parts = [frame[begin:end] for begin, end in zip([0, *cuts], ends, strict=True)]
    assert content_versions(frame, ends) == [content_version(part) for part in parts]


def test_signals_need_no_frame_a_session() -> None:
    """Every column of SIGNALS is told, so that none sends the stretches the long way."""
    row = (BEGIN.date(), BEGIN, 1, 1, "regime", 0.5, True, "model")
    schema = SIGNALS.empty().schema
    signals = pl.DataFrame([row, (*row[:4], None, None, *row[6:])], schema=schema, orient="row")
    with mock.patch.object(part_fingerprints, "content_version", side_effect=AssertionError):
        assert len(set(content_versions(signals, [1, 2]))) == 2
