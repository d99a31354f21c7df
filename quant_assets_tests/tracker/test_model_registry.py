"""The registry: versions in order, one candidate, a champion by hand."""

import pytest

from quant_assets.market.errors import InputError
from quant_assets.models.training import train_model
from quant_assets.storage.model_registry import CANDIDATE, CHAMPION, ModelRegistry
from quant_assets.storage.tracker import MlflowTracker
from quant_assets_tests.models.market import FEATURES, Plan, training_rows

# MLflow 3.17 uses a loader option that SQLAlchemy 2.1 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    """Two versions of one strategy's model, recorded, the first one once more."""
    tracker = MlflowTracker(tmp_path_factory.mktemp("runs") / "mlflow")
    tracker.create_databases()
    for seed in (7, 8, 7):
        model = train_model(training_rows(), feature_names=FEATURES, strategy=Plan(seed=seed))
        tracker.log_model(model, strategy="fx", params={}, tags={}, pictures={}, data_versions={})
    return MlflowTracker(tracker.folder).registry()


def aliases(registry: ModelRegistry) -> list[tuple[int, tuple[str, ...]]]:
    """Return each version's number and aliases."""
    return [(one.number, one.aliases) for one in registry.versions("fx")]


def test_each_version_is_there_once_and_the_last_trained_is_the_candidate(registry):
    """Training the first version again moves the alias back and adds nothing."""
    assert aliases(registry) == [(1, (CANDIDATE,)), (2, ())]
    assert len({one.model_version for one in registry.versions()}) == 2


def test_the_candidate_is_promoted_where_no_version_is_named(registry):
    """There is one champion: the next one takes its place."""
    assert registry.promote("fx").aliases == (CANDIDATE, CHAMPION)
    assert registry.promote("fx", number=2).aliases == (CHAMPION,)
    assert aliases(registry) == [(1, (CANDIDATE,)), (2, (CHAMPION,))]


def test_more_models_than_a_page_of_the_registry_are_all_there(registry, monkeypatch):
    """MLflow hands out a hundred at once: a strategy beyond them would be registered twice."""
    client = registry._client
    whole = client.search_registered_models
    for name in ("a", "z"):
        client.create_registered_model(name)
    monkeypatch.setattr(
        client, "search_registered_models", lambda **asked: whole(max_results=1, **asked)
    )
    assert [model.name for model in registry._models()] == ["a", "fx", "z"]
    assert len(aliases(registry)) == 2


@pytest.mark.parametrize(("strategy", "number"), [("fx", 3), ("unknown", None)])
def test_what_is_not_registered_is_not_promoted(registry, strategy, number):
    """The message says which versions there are."""
    with pytest.raises(InputError, match="registered versions are"):
        registry.promote(strategy, number=number)
