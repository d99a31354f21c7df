"""The code location as Dagster loads it: every asset there, described, wired, no pickles."""

from graphlib import TopologicalSorter

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from quant_assets.defs.location import load_location
from quant_assets.defs.partitions import CONTRACTS, STRATEGIES
from quant_assets.stages import Stage

SYMBOL_DATE_ASSETS = {
    "bars",
    "bronze_stats",
    "bronze_trades",
    "clean_ticks",
    "contract_table",
    "features",
    "footprint",
    "levels",
    "momentum_days",
    "predictions",
    "regimes",
    "roll_map",
    "signals",
    "training_set",
}
STRATEGY_ASSETS = {"backtest", "model", "tear_sheet"}
CONTRACT_ASSETS = {"contract_json", "contract_parquet"}
WHOLE_ASSETS = {"feature_catalog", "leaderboard", "sessions", "trials", "warehouse"}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    """Load the code location once."""
    return load_location()


def test_the_graph_holds_exactly_the_stages(definitions):
    """No asset is missing, and none has come by a misspelt dependency."""
    graph = definitions.resolve_asset_graph()
    made = {key.to_user_string() for key in graph.materializable_asset_keys}
    assert made == SYMBOL_DATE_ASSETS | STRATEGY_ASSETS | CONTRACT_ASSETS | WHOLE_ASSETS
    external = {key.to_user_string() for key in graph.external_asset_keys}
    assert external == {"raw_files"}


def test_every_asset_says_what_it_is(definitions):
    """Description, group of a stage and kinds stand on each, for the reader of the UI."""
    stages = {stage.value for stage in Stage}
    for spec in definitions.resolve_all_asset_specs():
        assert len(spec.description or "") > 30, spec.key
        assert spec.group_name in stages, spec.key
        if spec.key.to_user_string() != "raw_files":
            assert spec.kinds, spec.key


def test_no_group_of_the_graph_feeds_one_that_feeds_it(definitions):
    """The UI draws a group before what it feeds; with a cycle it draws features behind models."""
    specs = definitions.resolve_all_asset_specs()
    groups = {spec.key: str(spec.group_name) for spec in specs}
    order = TopologicalSorter({group: set() for group in groups.values()})
    for spec in specs:
        above = {groups[dep.asset_key] for dep in spec.deps if dep.asset_key in groups}
        order.add(groups[spec.key], *(above - {groups[spec.key]}))
    drawn = list(order.static_order())
    assert drawn.index("features") < drawn.index("models") < drawn.index("leaderboard")


def test_assets_are_partitioned_by_symbol_and_date_by_strategy_or_by_contract(definitions):
    """Two dimensions and no third; models and backtests by strategy, files by contract."""
    graph = definitions.resolve_asset_graph()
    for name in SYMBOL_DATE_ASSETS | {"raw_files"}:
        partitions = graph.get(dg.AssetKey(name)).partitions_def
        assert isinstance(partitions, dg.MultiPartitionsDefinition)
        assert [one.name for one in partitions.partitions_defs] == ["date", "symbol"]
    for name in STRATEGY_ASSETS:
        assert graph.get(dg.AssetKey(name)).partitions_def == STRATEGIES
    for name in CONTRACT_ASSETS:
        assert graph.get(dg.AssetKey(name)).partitions_def == CONTRACTS


def test_ranged_assets_take_two_hundred_and_fifty_partitions_a_run(definitions):
    """One form for all of them."""
    graph = definitions.resolve_asset_graph()
    for name in SYMBOL_DATE_ASSETS:
        policy = graph.get(dg.AssetKey(name)).backfill_policy
        assert policy is not None
        assert policy.max_partitions_per_run == 250


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition:DeprecationWarning")
def test_the_location_can_be_sent_to_the_web_server(definitions):
    """What the UI's process reads is built of types that Dagster can send."""
    repository = definitions.get_repository_def()
    assert "features" in serialize_value(RepositorySnap.from_def(repository))


def test_no_asset_is_handed_a_value_by_an_io_manager(definitions):
    """Inputs come from the lake: no asset loads what another one returned."""
    for asset in definitions.resolve_asset_graph().assets_defs:
        if asset.is_executable:
            assert all(one.dagster_type.is_nothing for one in asset.node_def.input_defs)
