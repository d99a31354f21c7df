"""The feature catalogue of a small lake, against counts by hand."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.defs.leak_checks import check_last_made
from quant_assets.features.catalog import Catalog, Family, feature
from quant_assets.features.catalog_schema import FEATURE_CATALOG
from quant_assets.features.drift import population_stability
from quant_assets.features.standard import standard_catalog
from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import InputError
from quant_assets.models.schema import MODELS
from quant_assets.settings.model import Member
from quant_assets.workflows.feature_catalog import (
    feature_catalog,
    feature_catalog_reason,
    largest_drifts,
    store_feature_catalog,
)
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.features import FeaturesRecipe
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 19))
KEYS = [Key("EURUSD", day) for day in DAYS]
CHOSEN = ("rsi_14", "roc_1", "session_vwap_distance", "sma_distance_50")
SHOWN = ("name", "symbol", "timeframe")


def choosing(workspace: Workspace, *names: str) -> Workspace:
    """Return the data root with some features chosen."""
    member = Member(symbol="EURUSD", features=names)
    settings = workspace.settings.model_copy(update={"universe": (member,)})
    return replace(workspace, settings=settings)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root: bars of two weeks, features of all of their sessions but the last two."""
    root = tmp_path_factory.mktemp("source") / "data"
    workspace = choosing(Workspace.open(root), *CHOSEN)
    file = root / "raw" / "EURUSD15.csv"
    write_csv(file, DAYS, seed=1)
    list(ingest_files(workspace, [file]))
    list(make_range(workspace, recipes()["bars"], KEYS))
    made = list(make_range(workspace, FeaturesRecipe(), KEYS[:-2]))
    assert {one.status for one in made} == {Status.MADE}, made[0].reason
    workspace.state.engine.dispose()
    return root


@pytest.fixture
def workspace(landed: Path, tmp_path: Path) -> Workspace:
    """Return a copy of it."""
    shutil.copytree(landed, tmp_path / "data")
    return choosing(Workspace.open(tmp_path / "data"), *CHOSEN)


def stored_values(workspace: Workspace) -> pl.DataFrame:
    """Return all stored features of the lake."""
    lake = workspace.lake
    return pl.concat([lake.read(entry) for entry in lake.index.entries("features")])


def row_of(frame: pl.DataFrame, name: str) -> dict:
    """Return a feature's only row."""
    (row,) = frame.filter(name=name).to_dicts()
    return row


def test_an_empty_lake_has_the_declared_catalogue(tmp_path):
    """A row a feature, nothing covered; the table takes it."""
    workspace = Workspace.open(tmp_path / "data")
    frame = feature_catalog(workspace)
    assert sorted(frame["name"]) == sorted(standard_catalog().names)
    assert frame["coverage"].to_list() == [0.0] * frame.height
    assert frame["drift"].null_count() == frame["first_session"].null_count() == frame.height
    assert feature_catalog_reason(workspace) == "never made"
    assert store_feature_catalog(workspace).entry.rows == frame.height
    assert feature_catalog_reason(workspace) is None


def test_coverage_and_nulls_are_those_of_the_files(workspace):
    """Two of the sessions with bars have no features yet; what was not chosen has no value."""
    frame = feature_catalog(workspace)
    values = stored_values(workspace)
    for name in CHOSEN:
        row = row_of(frame, name)
        by_session = values.group_by("session").agg(pl.col(name).is_not_null().any())
        valued = by_session.filter(pl.col(name))["session"]
        assert (row["symbol"], row["timeframe"]) == ("EURUSD", "15m")
        assert row["sessions"] == len(DAYS)
        assert row["sessions_with_values"] == len(valued)
        assert row["coverage"] == len(valued) / len(DAYS)
        assert (row["first_session"], row["last_session"]) == (valued.min(), valued.max())
        assert row["null_share"] == values[name].null_count() / values.height
    absent = row_of(frame, "roc_10")
    assert (absent["sessions_with_values"], absent["null_share"], absent["drift"]) == (
        0,
        None,
        None,
    )
    assert (
        row_of(frame, "sma_distance_50")["look_back_bars"]
        == standard_catalog().select(["sma_distance_50"])[0].look_back
    )


def test_without_a_model_the_first_seventy_percent_of_sessions_are_the_training_period(workspace):
    """The row says so; the drift is that of the values from the next session on."""
    frame = feature_catalog(workspace)
    values = stored_values(workspace)
    first_later = DAYS[round(0.7 * len(DAYS))]
    for name in CHOSEN:
        row = row_of(frame, name)
        early, late = (
            values.filter(is_part)[name].cast(pl.Float64).to_numpy()
            for is_part in (pl.col("session") < first_later, pl.col("session") >= first_later)
        )
        assert row["drift"] == population_stability(early, late) > 0.0
        assert row["training_period"].endswith("by the first 70% of sessions")
    assert list(largest_drifts(frame).values()) == sorted(frame["drift"].drop_nulls(), reverse=True)


def put_model(workspace: Workspace, name: str, train_end: datetime, symbol: str = "EURUSD") -> None:
    """Store a model that learned from a symbol's training sets up to a time."""
    end = pl.Series([train_end]).cast(pl.Datetime("ns", "UTC"))
    row = {
        "model_version": "0" * 64, "strategy": name, "n_rows": 1, "n_folds": 1,
        "train_start": end[0], "train_end": end[0], "text": "{}",
    }  # fmt: skip
    empty = MODELS.empty()
    known = {column: row.get(column) for column in empty.columns}
    frame = pl.DataFrame([known], schema=empty.schema)
    inputs = {f"training_set/dataset=x/timeframe=15m/symbol={symbol}/2024-01-08": "1" * 64}
    lineage = Lineage(code_version="2" * 64, inputs=inputs)
    workspace.lake.commit(MODELS, {"strategy": name}, frame, lineage)


def test_the_newest_model_of_the_symbol_says_what_the_training_period_is(workspace):
    """Neither an older one, nor one of another symbol."""
    end = datetime(2024, 1, 10, 12, 0, tzinfo=UTC)
    put_model(workspace, "older", datetime(2024, 1, 9, tzinfo=UTC))
    put_model(workspace, "newer", end)
    put_model(workspace, "other", datetime(2024, 1, 12, tzinfo=UTC), symbol="GBPUSD")
    row = row_of(feature_catalog(workspace), "rsi_14")
    assert row["training_period"] == "before 2024-01-10 12:00 UTC, by model newer"
    values = stored_values(workspace)
    early, late = (
        values.filter(is_part)["rsi_14"].to_numpy()
        for is_part in (pl.col("bar_start") < end, pl.col("bar_start") >= end)
    )
    assert row["drift"] == population_stability(early, late)


def test_it_is_kept_until_what_it_hangs_on_changes(workspace):
    """A further session, or a model, makes it anew; the same lake gives the same content."""
    first = store_feature_catalog(workspace)
    assert first.is_new
    assert feature_catalog_reason(workspace) is None
    assert not store_feature_catalog(workspace).is_new
    assert workspace.lake.read(first.entry).equals(feature_catalog(workspace))
    list(make_range(workspace, FeaturesRecipe(), KEYS[-2:-1]))
    assert feature_catalog_reason(workspace) == "inputs changed"
    assert store_feature_catalog(workspace).entry.data_version != first.entry.data_version
    put_model(workspace, "one", datetime(2024, 1, 10, tzinfo=UTC))
    assert feature_catalog_reason(workspace) == "inputs changed"


def test_a_feature_that_came_later_is_covered_where_it_is_stored(workspace):
    """Older files lack its column: that is no error, and no null either."""
    other = choosing(workspace, *CHOSEN, "roc_10")
    list(make_range(other, FeaturesRecipe(), KEYS[-2:]))
    row = row_of(feature_catalog(other), "roc_10")
    assert (row["sessions_with_values"], row["sessions"]) == (2, len(DAYS))
    assert row["null_share"] < 0.2
    assert row["drift"] is None


def test_a_users_feature_is_listed_with_its_file(workspace):
    """Its code version is the file's, that of the others the package's."""
    (workspace.root / "my.py").write_text(
        "from quant_assets.features.catalog import Family, feature\n"
        "@feature(name='mine', family=Family.CUSTOM, unit='1', inputs=('close',), look_back=0,"
        " source='me')\n"
        "def mine(bars):\n    return bars['close']\n"
    )
    features = workspace.settings.features.model_copy(update={"files": ("my.py",)})
    settings = workspace.settings.model_copy(update={"features": features})
    frame = feature_catalog(replace(workspace, settings=settings))
    assert row_of(frame, "mine")["origin"] == "my.py"
    codes = dict(frame.select("origin", "code_version").unique().iter_rows())
    assert set(codes) == {"my.py", "quant_assets"}
    assert len(set(codes.values())) == 2


def test_a_symbol_without_bars_is_refused(workspace):
    """The message says which there are."""
    assert feature_catalog(workspace, symbol="EURUSD")["symbol"].unique().to_list() == ["EURUSD"]
    with pytest.raises(InputError, match=r"features of ES: the lake has bars of EURUSD"):
        feature_catalog(workspace, symbol="ES")


def test_each_row_is_of_one_feature_symbol_and_timeframe(workspace):
    """The table's contract holds."""
    frame = feature_catalog(workspace)
    assert frame.select(SHOWN).is_unique().all()
    assert FEATURE_CATALOG.check(frame).equals(frame)


def leaky_catalog() -> Catalog:
    """Return a catalogue with an honest feature and one that shows the next close."""
    declared = {
        "honest": lambda bars: bars["close"],
        "leaky": lambda bars: np.append(bars["close"][1:], np.nan),
    }
    return Catalog(
        tuple(
            feature(
                name=name,
                family=Family.CUSTOM,
                unit="1",
                inputs=("close",),
                look_back=9,
                source="test",
            )(compute)
            for name, compute in declared.items()
        )
    )


def test_the_check_of_a_run_names_the_column_that_knows_the_future(workspace):
    """Of the session that was made last, as it is stored; a run that makes nothing passes."""
    recipe, view = FeaturesRecipe(leaky_catalog()), LakeView(workspace)
    both = choosing(workspace, "honest", "leaky")
    view.workspace = both
    outcomes = list(make_range(both, recipe, KEYS[:3], view=view))
    found = check_last_made(view, recipe, outcomes)
    assert not found.passed
    assert found.metadata["partition"].value == str(KEYS[2])
    assert found.metadata["cuts"].value >= 200
    listing = found.metadata["leaks"].value
    assert "`leaky` at 2024-01-1" in listing
    assert "honest" not in listing
    kept = list(make_range(both, recipe, KEYS[:3], view=view))
    assert check_last_made(view, recipe, kept).passed


def test_the_check_of_the_packages_features_passes(workspace):
    """The whole catalogue, on the session made last."""
    everything = choosing(workspace, *standard_catalog().names)
    view, recipe = LakeView(everything), FeaturesRecipe()
    outcomes = list(make_range(everything, recipe, KEYS[-3:], view=view))
    found = check_last_made(view, recipe, outcomes)
    assert found.passed
    assert found.metadata["partition"].value == str(KEYS[-1])
