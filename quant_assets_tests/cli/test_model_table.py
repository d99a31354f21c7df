"""What a model's table tells beside its scores."""

import polars as pl

from quant_assets.cli.model_table import undone
from quant_assets.models.training import train_model
from quant_assets_tests.models.market import FEATURES, plan_of, training_rows


def test_what_was_not_done_is_told_with_its_folds():
    """Folds whose tail is too small are not calibrated; rows with a null are lost to some."""
    rows = training_rows(n_bars=20, n_sessions=20)
    model = train_model(rows, feature_names=FEATURES, strategy=plan_of("logistic_regression"))
    lines = undone(model)
    assert lines[0] == "no calibration in fold 0"
    n_null = rows.filter(pl.any_horizontal(pl.col(FEATURES).is_null())).height
    assert lines[1:] == [
        f"{n_null:,} rows have a null that the estimator cannot read: not learned from"
    ]
    whole = train_model(
        training_rows(n_bars=90), feature_names=("told", "noise"), strategy=plan_of("lightgbm")
    )
    assert undone(whole) == []
