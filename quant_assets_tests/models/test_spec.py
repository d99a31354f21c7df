"""What a model is trained from: defaults filled in, bounds held, faults named."""

import pytest
from pydantic import ValidationError

from quant_assets.models.estimator_params import DEFAULT_PARAMS
from quant_assets.models.spec import ModelSpec


@pytest.mark.parametrize("kind", sorted(DEFAULT_PARAMS))
def test_what_is_not_given_is_filled_in(kind):
    """A named estimator's parameters are its defaults, sorted, with those given on top."""
    assert dict(ModelSpec(kind=kind).params) == DEFAULT_PARAMS[kind]
    assert list(ModelSpec(kind=kind).params) == sorted(DEFAULT_PARAMS[kind])
    name = min(DEFAULT_PARAMS[kind])
    assert ModelSpec(kind=kind, params={name: 1}).params[name] == 1


def test_a_spec_read_from_its_own_json_is_the_same():
    """A stored model keeps what it was trained from to the type of each number."""
    for kind in (*DEFAULT_PARAMS, "sklearn.naive_bayes.GaussianNB"):
        params = {"subsample": 1} if kind == "xgboost" else {}
        spec = ModelSpec(kind=kind, params=params)
        again = ModelSpec.model_validate_json(spec.model_dump_json())
        assert again == spec
        assert [type(v) for v in again.params.values()] == [type(v) for v in spec.params.values()]


@pytest.mark.parametrize(
    ("kind", "params", "says"),
    [
        ("lightgbm", {"num_leafs": 5}, r"num_leafs is not one of .*; did you mean num_leaves\?"),
        ("lightgbm", {"num_leaves": 1}, "num_leaves = 1 is not a whole number from 2 to 4096"),
        ("lightgbm", {"num_leaves": 7.5}, "not a whole number"),
        ("lightgbm", {"learning_rate": True}, "learning_rate = True is not a number"),
        ("xgboost", {"learning_rate": 2}, "learning_rate = 2 is not from 1e-06 to 1.0"),
        ("xgboost", {"max_dept": 2}, r"did you mean max_depth\?"),
        ("xgboost", {"subsample": "half"}, "subsample = 'half' is not a number"),
        ("lightgmb", {}, r"none of lightgbm, .*; did you mean lightgbm\?"),
        ("os.path.Join", {}, "no path sklearn.package.Class"),
        ("sklearn.linear_model", {}, "no path sklearn.package.Class"),
        ("lightgbm", {"learning_rate": float("nan")}, "finite number"),
    ],
)
def test_a_wrong_kind_or_parameter_is_named(kind, params, says):
    """The message says what is allowed, and what was likely meant."""
    with pytest.raises(ValidationError, match=says):
        ModelSpec(kind=kind, params=params)
