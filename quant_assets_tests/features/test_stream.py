"""Batch is stream: the same bits from chunks of any size as from whole sessions."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.features.standard import standard_catalog
from quant_assets.features.stream import FeatureStream
from quant_assets.features.window import compute_features, required_look_back_bars
from quant_assets.market.errors import InputError
from quant_assets_tests.features.markets import MINUTE, joined_bars, with_breaks

NEEDED = required_look_back_bars(None, MINUTE)


def in_batch(bars: pl.DataFrame) -> pl.DataFrame:
    """Compute whole sessions, one after the other, on all bars there are."""
    sessions = bars["session"].unique(maintain_order=True)
    return pl.concat(compute_features(bars, session=one, timeframe=MINUTE) for one in sessions)


def in_chunks(bars: pl.DataFrame, edges: Iterable[int], stream: FeatureStream) -> pl.DataFrame:
    """Feed a stream the rows between neighbouring edges."""
    return pl.concat(stream.push(bars[first:stop]) for first, stop in pairwise(edges))


def assert_same_bits(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """Assert that two results agree to the last bit, labels as they are."""
    assert one.schema == other.schema
    for name in one.columns:
        left, right = one[name], other[name]
        if left.dtype == pl.Float64:
            left, right = (column.reinterpret(dtype=pl.UInt64) for column in (left, right))
        assert left.equals(right), name


def market(n_sessions: int, n_bars: int, *, seed: int) -> pl.DataFrame:
    """Return bars with null rows and two contract changes."""
    return with_breaks(joined_bars(n_sessions, n_bars, seed=seed), seed=seed + 2)


def test_a_hundred_thousand_bars_in_chunks_of_any_size_give_the_bits_of_batch():
    """Every feature of the package; chunks of 1 to 2,000 bars cross sessions and contracts."""
    bars = market(100, 1000, seed=61)
    sizes = np.random.default_rng(62).integers(1, 2000, bars.height)
    edges = np.minimum(np.concatenate([[0], np.cumsum(sizes)]), bars.height)
    edges = np.unique(edges).tolist()
    expected = in_batch(bars)
    assert bars.height == 100_000
    assert bars["close"].null_count() > 100
    assert bars["contract"].n_unique() == 3
    assert expected.columns[2:] == list(standard_catalog().names)
    assert all(expected[name].n_unique() > 2 for name in expected.columns)
    assert_same_bits(in_chunks(bars, edges, FeatureStream(timeframe=MINUTE)), expected)


def test_bar_by_bar_gives_the_bits_of_batch():
    """Two sessions and the start of a third, a bar at a time."""
    bars = market(3, 200, seed=63)[:430]
    stream = FeatureStream(timeframe=MINUTE)
    assert_same_bits(in_chunks(bars, range(bars.height + 1), stream), in_batch(bars))


BARS = market(12, 40, seed=64)
EXPECTED = in_batch(BARS)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, BARS.height), max_size=40))
def test_any_chunking_gives_the_bits_of_batch(cuts):
    """Also one chunk for everything, and cuts in the midst of longer bars."""
    edges = sorted(cuts | {0, BARS.height})
    assert_same_bits(in_chunks(BARS, edges, FeatureStream(timeframe=MINUTE)), EXPECTED)


@pytest.mark.parametrize("names", [["roc_10", "session_vwap_distance"], ["rsi_14_x4"], []])
def test_a_stream_holds_no_more_than_its_look_back_and_the_session(names):
    """However many bars have passed through it."""
    look_back = required_look_back_bars(names, MINUTE)
    stream = FeatureStream(timeframe=MINUTE, names=names)
    for at in range(0, BARS.height, 8):
        made = stream.push(BARS[at : at + 8])
        assert_same_bits(made, EXPECTED[at : at + 8].select(made.columns))
        assert stream.n_held <= look_back + 40
    assert stream.n_held == min(look_back, BARS.height - 40) + 40


def test_an_empty_chunk_has_no_rows():
    """The columns are there all the same, and the next bars go on."""
    stream = FeatureStream(timeframe=MINUTE)
    assert_same_bits(stream.push(BARS[:0]), EXPECTED[:0])
    assert_same_bits(stream.push(BARS[:50]), EXPECTED[:50])


OUT_OF_ORDER = {
    "the_same_bar_again": BARS[99:100],
    "an_earlier_bar": BARS[50:51],
    "two_bars_swapped": pl.concat([BARS[101:102], BARS[100:101]]),
    "a_bar_twice": pl.concat([BARS[100:101], BARS[100:101]]),
    "an_earlier_session": BARS[100:101].with_columns(session=pl.lit(BARS["session"][0])),
    "no_start": BARS[100:101].with_columns(bar_start=pl.lit(None, BARS["bar_start"].dtype)),
}


@pytest.mark.parametrize("wrong", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_bars_out_of_order_are_refused_and_leave_the_stream_as_it_was(wrong):
    """The bars that should have come give their bits afterwards."""
    stream = FeatureStream(timeframe=MINUTE)
    stream.push(BARS[:100])
    with pytest.raises(InputError, match="not later than the one before"):
        stream.push(wrong)
    assert_same_bits(stream.push(BARS[100:]), EXPECTED[100:])


def test_a_chunk_that_lacks_a_column_is_refused():
    """The error says which feature reads it."""
    stream = FeatureStream(timeframe=MINUTE, names=["volume_z_20"])
    with pytest.raises(InputError, match=r"feature 'volume_z_20'.*volume are missing"):
        stream.push(BARS[:5].drop("volume"))
    assert stream.push(BARS[:5]).height == 5


def test_an_unknown_feature_is_refused_before_any_bar():
    """A stream is declared once, and may run for days."""
    with pytest.raises(InputError, match="Did you mean rsi_14"):
        FeatureStream(timeframe=MINUTE, names=["rsi14"])
