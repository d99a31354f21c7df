"""What a model's table tells beside its scores."""

import polars as pl

from quant_assets.cli.model_table import print_models, undone
from quant_assets.models.training import train_model
from quant_assets.storage.model_registry import RegisteredVersion
from quant_assets.workflows.model_list import ListedModel, mean_score
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


def test_no_figure_is_cut_where_words_are_long(capsys):
    """On a page or pipe: a long path of an estimator, two aliases, many symbols."""
    symbols = tuple(f"SYMBOL{number}" for number in range(9))
    plan = plan_of("sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis")
    rows = training_rows(symbols=symbols)
    model = train_model(rows, feature_names=("told", "noise"), strategy=plan)
    version = RegisteredVersion("s" * 30, 12, model.model_version, ("candidate", "champion"), "r")
    print_models([ListedModel("s" * 30, model.model_version, model, None, version)])
    told = capsys.readouterr().out
    assert "\N{HORIZONTAL ELLIPSIS}" not in told
    figures = [f"{mean_score(model, name):.4f}" for name in ("auc", "logloss")]
    assert [figure for figure in figures if figure not in told] == []
