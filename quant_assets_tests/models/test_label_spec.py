"""Labels by name: text and keys tell the same label, and each label has one legal name."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quant_assets.models.label_spec import LabelSpec

FOLDER = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


@pytest.mark.parametrize(
    ("text", "keys", "name"),
    [
        pytest.param(
            "tb(0.004, 0.008, 24)",
            {"sl": 0.004, "tp": 0.008, "horizon_bars": 24},
            "tb_0.004_0.008_24",
            id="barriers",
        ),
        pytest.param(
            "tb(1e-05, .10, 24)",
            {"sl": 0.00001, "tp": 0.1, "horizon_bars": 24},
            "tb_0.00001_0.1_24",
            id="no_exponent_and_no_trailing_zero",
        ),
        pytest.param(
            "return(24)", {"kind": "return", "horizon_bars": 24}, "return_24", id="return"
        ),
        pytest.param(
            "return(24, -0.001)",
            {"kind": "return", "horizon_bars": 24, "threshold": -0.001},
            "return_24_-0.001",
            id="a_negative_threshold",
        ),
        pytest.param(
            "return(24, -0.0)",
            {"kind": "return", "horizon_bars": 24, "threshold": 0.0},
            "return_24",
            id="a_threshold_of_zero_is_none",
        ),
        pytest.param(
            "meta(crossing, 0.01, 0.02, 30)",
            {"kind": "meta", "primary": "crossing", "sl": 0.01, "tp": 0.02, "horizon_bars": 30},
            "meta_crossing_0.01_0.02_30",
            id="meta",
        ),
    ],
)
def test_text_and_keys_tell_the_same_label(text, keys, name):
    """A strategy file may say either; the dataset is the same folder."""
    told, keyed = LabelSpec.model_validate(text), LabelSpec.model_validate(keys)
    assert told == keyed
    assert told.dataset == keyed.dataset == name
    assert FOLDER.match(name)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("barriers(0.1, 0.1, 5)", "none of tb"),
        ("tb 0.1 0.1 5", "none of tb"),
        ("tb(0.1, 0.1, 5, 6)", "4 arguments"),
        ("tb(0.1,, 5)", "leaves an argument empty"),
        ("tb(0.1, 0.1)", "horizon_bars"),
        ("tb(0.1, x, 5)", "tp"),
        ("tb(-0.1, 0.1, 5)", "greater than 0"),
        ("tb(nan, 0.1, 5)", "finite|number"),
        ("tb(0.1, 0.1, 0)", "horizon_bars"),
        ("tb(0.1, 0.1, 2.5)", "horizon_bars"),
        ("tb()", "horizon_bars"),
        ("return(5, -1)", "threshold"),
        ("meta(Crossing, 0.1, 0.1, 5)", "primary"),
        ("meta(../x, 0.1, 0.1, 5)", "primary"),
        ({"horizon_bars": 5}, "lacks sl, tp"),
        ({"kind": "return", "horizon_bars": 5, "sl": 0.1}, "has no sl"),
        ({"sl": 0.1, "tp": 0.1, "horizon_bars": 5, "primary": "x"}, "has no primary"),
        ({"kind": "meta", "sl": 0.1, "tp": 0.1, "horizon_bars": 5}, "lacks primary"),
        ({"sl": 0.1, "tp": 0.1, "horizon_bars": 5, "stop": 1}, "stop"),
        (f"meta({'x' * 60}, 0.1, 0.1, 5)", "a folder takes 64"),
        ("tb(1e-300, 0.1, 5)", "a folder takes 64"),
    ],
)
def test_a_label_that_cannot_be_is_refused_and_says_why(value, fault):
    """Before any work, by the key or the argument at fault."""
    with pytest.raises(ValidationError, match=fault):
        LabelSpec.model_validate(value)


RATIO = st.integers(1, 989_999).map(lambda millionths: millionths / 10**6)


@given(
    sl=RATIO,
    tp=RATIO,
    horizon=st.integers(1, 100_000),
    threshold=st.none() | RATIO | RATIO.map(lambda ratio: -ratio),
)
def test_every_label_has_a_legal_name_and_comes_back_from_what_it_tells(sl, tp, horizon, threshold):
    """The folder's name is legal, whatever the numbers and their signs."""
    for keys in (
        {"sl": sl, "tp": tp, "horizon_bars": horizon},
        {"kind": "return", "horizon_bars": horizon, "threshold": threshold},
        {"kind": "meta", "primary": "x", "sl": sl, "tp": tp, "horizon_bars": horizon},
    ):
        spec = LabelSpec.model_validate(keys)
        assert FOLDER.match(spec.dataset)
        assert ".." not in spec.dataset
        told = json.loads(json.dumps(spec.to_mapping()))
        assert LabelSpec.model_validate(told) == spec


def test_a_triple_barrier_is_told_as_before_there_were_other_kinds():
    """Its mapping, and so its hash, names no kind."""
    spec = LabelSpec(sl=0.1, tp=0.2, horizon_bars=5)
    assert spec.to_mapping() == {"sl": 0.1, "tp": 0.2, "horizon_bars": 5}
    assert LabelSpec.model_validate("return(5)").to_mapping() == {
        "kind": "return",
        "horizon_bars": 5,
    }
