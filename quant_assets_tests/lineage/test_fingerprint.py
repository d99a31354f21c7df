"""Fingerprints: equal content has one version, any other content has another."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from quant_assets.lineage.fingerprint import (
    canonical_json,
    combined_version,
    content_version,
    digest_of,
)
from quant_assets.market.errors import SchemaError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_WORDS = st.sampled_from(["", "a", "b", "ab", "nulls", "Ä", "\0"])
_WHOLE = st.integers(-(2**63), 2**63 - 1)
_REAL = st.floats(width=64)
_STAMP = st.integers(0, 7 * 10**18).map(lambda us: EPOCH + timedelta(microseconds=us // 1_000))

TYPES: dict[str, tuple[pl.DataType, st.SearchStrategy[object]]] = {
    "int": (pl.Int64(), _WHOLE),
    "byte": (pl.UInt8(), st.integers(0, 255)),
    "float": (pl.Float64(), _REAL),
    "bool": (pl.Boolean(), st.booleans()),
    "date": (pl.Date(), st.dates()),
    "instant": (pl.Datetime("ns", "UTC"), _STAMP),
    "text": (pl.String(), _WORDS),
    "enum": (pl.Enum(["a", "b", "ab"]), st.sampled_from(["a", "b", "ab"])),
    "list": (pl.List(pl.Int64()), st.lists(st.none() | _WHOLE, max_size=3)),
    "texts": (pl.List(pl.String()), st.lists(st.none() | _WORDS, max_size=3)),
    "struct": (
        pl.Struct({"x": pl.Int64(), "y": pl.String()}),
        st.fixed_dictionaries({"x": st.none() | _WHOLE, "y": st.none() | _WORDS}),
    ),
    "structs": (
        pl.List(pl.Struct({"start": pl.Datetime("ns", "UTC"), "n": pl.List(pl.Int8())})),
        st.lists(
            st.fixed_dictionaries(
                {
                    "start": st.none() | _STAMP,
                    "n": st.none() | st.lists(st.integers(-9, 9), max_size=2),
                }
            ),
            max_size=2,
        ),
    ),
}


@st.composite
def columns(draw: st.DrawFn, *, least: int = 0) -> pl.Series:
    """Draw a column of any type that a table may have, nulls among its values."""
    dtype, values = TYPES[draw(st.sampled_from(sorted(TYPES)))]
    drawn = draw(st.lists(st.none() | values, min_size=least, max_size=6))
    return pl.Series("c", drawn, dtype=dtype, strict=False)


def version(*series: pl.Series) -> str:
    """Return the version of a frame of these columns."""
    return content_version(pl.DataFrame(list(series)))


@given(columns(), st.integers(0, 6))
def test_chunking_does_not_matter(column: pl.Series, cut: int) -> None:
    """Rows in one piece, in two, and sliced out of others, are the same rows."""
    pieces = pl.concat([column[:cut], column[cut:]], rechunk=False)
    padded = pl.concat([column, column, column])[column.len() : 2 * column.len()]
    assert version(column) == version(pieces) == version(padded)


@given(columns(), columns())
def test_two_columns_have_one_version_only_where_they_are_equal(one: Any, other: Any) -> None:
    """Whatever differs, the type, a value or a null, makes another version."""
    assume(not any(_has_odd_float(series) for series in (one, other)))
    same = one.dtype == other.dtype and one.equals(other, null_equal=True)
    assert (version(one) == version(other)) == same


def _has_odd_float(series: pl.Series) -> bool:
    """Whether a column holds what compares otherwise than its bits: NaN or a negative zero."""
    if series.dtype != pl.Float64:
        return False
    return any(
        x is not None and (math.isnan(x) or (x == 0 and math.copysign(1, x) < 0)) for x in series
    )


@given(columns(least=1), st.data())
def test_one_value_turned_null_makes_another_version(
    column: pl.Series, data: st.DataObject
) -> None:
    """Also where the value is what stands under a null: zero, or an empty text or list."""
    place = data.draw(st.integers(0, column.len() - 1))
    assume(column[place] is not None)
    values = column.to_list()
    values[place] = None
    assert version(pl.Series("c", values, dtype=column.dtype)) != version(column)


@given(columns(least=2))
def test_the_order_of_rows_counts(column: pl.Series) -> None:
    """The same values the other way round are other rows."""
    turned = column.reverse()
    assume(not _has_odd_float(column))
    assume(not column.equals(turned, null_equal=True))
    assert version(turned) != version(column)


def _one(values: list[Any], dtype: Any = None, *, name: str = "a") -> pl.DataFrame:
    """Return a frame of one column."""
    return pl.DataFrame({name: pl.Series(values, dtype=dtype)})


LISTS, STRUCT = pl.List(pl.Int64), pl.Struct({"x": pl.Int64})
PAIRS = [
    pytest.param(_one([1]), _one([1], name="b"), id="name"),
    pytest.param(_one([1]), _one([1.0]), id="type"),
    pytest.param(_one([0]), _one([None], pl.Int64), id="zero_and_null"),
    pytest.param(_one([""]), _one([None], pl.String), id="empty_and_null"),
    pytest.param(_one([0.0]), _one([-0.0]), id="sign_of_zero"),
    pytest.param(_one([math.nan]), _one([None], pl.Float64), id="nan_and_null"),
    pytest.param(_one(["ab", "c"]), _one(["a", "bc"]), id="where_a_text_ends"),
    pytest.param(_one([[1], [2, 3]]), _one([[1, 2], [3]]), id="where_a_list_ends"),
    pytest.param(_one([[1], []], LISTS), _one([[1], None], LISTS), id="empty_list_and_null"),
    pytest.param(_one([[None], [1]], LISTS), _one([[], [1]], LISTS), id="a_null_in_a_list"),
    pytest.param(_one([{"x": None}], STRUCT), _one([None], STRUCT), id="struct_of_nulls"),
    pytest.param(_one([{"x": 1}]), _one([{"y": 1}]), id="name_of_a_field"),
    pytest.param(_one([date(2024, 1, 1)]), _one([date(2024, 1, 2)]), id="date"),
    pytest.param(_one([True]), _one([False]), id="bool"),
    pytest.param(pl.DataFrame(), _one([], pl.Int64), id="no_column"),
    pytest.param(
        pl.DataFrame({"a": [1], "b": [2]}),
        pl.DataFrame({"b": [2], "a": [1]}),
        id="order_of_columns",
    ),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_each_difference_makes_another_version(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """By hand, the differences that a hash of values alone would miss."""
    assert content_version(one) != content_version(other)


def test_a_name_does_not_pass_for_a_type() -> None:
    """Two columns without rows are not one with a long name."""
    two = pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64})
    for name in ("a:Int64:|b", 'a","Int64"],["b', "a|b"):
        assert content_version(pl.DataFrame(schema={name: pl.Int64})) != content_version(two)


def test_units_and_zones_of_instants_count() -> None:
    """The same count of nanoseconds in another zone or unit is another column."""
    count = pl.Series("t", [0, 10**15])
    types = [pl.Datetime("ns", "UTC"), pl.Datetime("ns"), pl.Datetime("us", "UTC"), pl.Int64()]
    assert len({version(count.cast(dtype)) for dtype in types}) == 4


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pl.Series([b"a"]), id="binary"),
        pytest.param(pl.Series([1.5]).cast(pl.Decimal(10, 2)), id="decimal"),
        pytest.param(pl.Series([[1]], dtype=pl.Array(pl.Int64, 1)), id="array"),
        pytest.param(pl.Series([object()]), id="object"),
        pytest.param(pl.Series([[b"a"]]), id="binary_in_a_list"),
    ],
)
def test_a_type_that_no_table_has_is_refused(column: pl.Series) -> None:
    """A version that hung on an address in memory would be worse than none."""
    with pytest.raises(SchemaError, match="which no table has"):
        version(column)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(_JSON)
@example({"b": 1, "a": {"d": [1.5], "c": None}})
def test_equal_values_write_equal_json(value: Any) -> None:
    """Whatever the order of keys; and it reads back."""

    def turned(part: object) -> object:
        if isinstance(part, dict):
            return {key: turned(inner) for key, inner in reversed(part.items())}
        return [turned(inner) for inner in part] if isinstance(part, list) else part

    assume("Infinity" not in str(value) and "inf" not in str(value))
    assert canonical_json(turned(value)) == canonical_json(value)
    assert digest_of(turned(value)) == digest_of(value)


def test_json_has_no_nan() -> None:
    """It would not be equal to itself."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": math.nan})


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=5))
def test_a_combined_version_knows_names_and_versions_but_no_order(versions: dict[str, str]) -> None:
    """Each file's name and version count, the order in which they come does not."""
    pairs = list(versions.items())
    assert combined_version(versions) == combined_version(reversed(pairs))
    assert combined_version(versions | {"more": "v"}) != combined_version({**versions, "more": "w"})
    for name, version_ in versions.items():
        assert combined_version({**versions, name: version_ + "x"}) != combined_version(versions)
