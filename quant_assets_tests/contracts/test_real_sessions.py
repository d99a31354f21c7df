"""The flat table and the contracts of real gold ticks, over a roll."""

from pathlib import Path

import polars as pl
import pytest

from quant_assets.contracts.schema import STRETCHES
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.storage.readers.contract_json import read_contract_json
from quant_assets.storage.readers.contract_parquet import read_contract_parquet
from quant_assets.workflows.contract_files import store_contract_parquet
from quant_assets.workflows.contract_objects import build_contract, contract_sessions
from quant_assets.workflows.contract_scan import scan_contract_table
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

pytestmark = pytest.mark.shared

ASSETS = ("roll_map", "clean_ticks", "bars", "footprint", "levels", "contract_table")


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Workspace:
    """Make the flat table of every session of the gold ticks."""
    workspace = Workspace.open(tmp_path_factory.mktemp("gold"))
    list(ingest_files(workspace, [shared_data / "futures" / "futures_ticks.sqlite"]))
    keys = [Key("GC", day) for day in landed_sessions(LakeView(workspace), "GC")]
    for asset in ASSETS:
        ended = {one.status.value for one in make_range(workspace, recipes()[asset], keys)}
        assert ended <= {"made", "missing"}, asset
    return workspace


def _ticks(workspace: Workspace, sessions: list[Key]) -> pl.DataFrame:
    """Return the cleaned ticks of some sessions that traded."""
    view = LakeView(workspace)
    found = [view.read(e) for key in sessions for e in view.at("clean_ticks", "GC", key.session)]
    return pl.concat(found).filter(pl.col("qty") > 0)


def test_every_contract_sums_to_its_ticks(gold):
    """Volume, delta and range of each period are those of the trades themselves."""
    there = contract_sessions(gold)
    assert len(there) >= 2
    for name, sessions in there.items():
        contract = build_contract(gold, name)
        ticks = _ticks(gold, sessions)
        sides = {
            side: ticks.filter(pl.col("side") == side)["qty"].sum() for side in ("buy", "sell")
        }
        totals = contract.totals
        assert totals.volume == ticks["qty"].sum()
        assert totals.delta == sides["buy"] - sides["sell"]
        prices = ticks["price"].to_numpy() / PRICE_SCALE
        assert (totals.high, totals.low) == (prices.max(), prices.min())
        for day in contract.days:
            for bar in day.bars:
                rows = bar.footprint
                told = sum(r.bid_volume + r.ask_volume + r.unknown_volume for r in rows)
                assert told == bar.prices.volume
                assert bar.order_flow.delta == sum(row.delta for row in rows)


def test_context_of_real_bars_is_that_of_all_bars_stacked(gold):
    """Over the whole scan the running figures of each contract agree with plain window sums."""
    rows = scan_contract_table(gold, "GC").collect()
    assert rows["bar_start"].is_sorted()
    told = rows.select(
        pl.col("high").cum_max().over("contract").alias("contract_high"),
        pl.col("low").cum_min().over("contract").alias("contract_low"),
        pl.col("volume").cum_sum().over("contract").alias("contract_volume"),
        pl.col("delta").cum_sum().over("contract").alias("contract_delta"),
        pl.col("delta").cum_sum().over("session").alias("day_delta"),
    )
    assert rows.select(told.columns).equals(told)
    assert rows["day_delta"].equals(rows["cum_delta"].alias("day_delta"))
    assert all(rows[f"{stretch}_delta"].null_count() == 0 for stretch in STRETCHES)


def test_files_of_a_real_contract_read_back_equal(gold):
    """JSON and Parquet hold what the lake holds."""
    name = next(iter(contract_sessions(gold)))
    table = store_contract_parquet(gold, name)
    contract = build_contract(gold, name)
    assert repr(read_contract_json(table.path.with_name("contract.json"))) == repr(contract)
    assert repr(read_contract_parquet(table.path)) == repr(contract)
    assert pl.read_parquet(table.path)["volume"].sum() == contract.totals.volume
