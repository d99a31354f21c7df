"""Contracts as assets: partitions by name, one file each, kept while nothing changed."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from quant_assets.defs.partitions import CONTRACTS
from quant_assets.defs.runs import load_graph, materialize
from quant_assets.defs.selection import Wave, ranges_of, select_assets, waves_of
from quant_assets.storage.readers.contract_json import read_contract_json
from quant_assets.storage.readers.contract_parquet import read_contract_parquet
from quant_assets.workflows.contract_objects import build_contract
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.plan import INPUT, plan_assets
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import put

FIRST, N_DAYS = date(2024, 3, 29), 5
SYMBOL = "BTCUSDT"
NAMES = [f"{SYMBOL}-2024Q1", f"{SYMBOL}-2024Q2"]
FILE = f"{SYMBOL}-spot.trades.csv"
FILES = ("contract_json", "contract_parquet")
_DAY_MS, _GAP_MS = 86_400_000, 20_000


def write_trades(file: Path, *, last_price: float) -> None:
    """Write 60 trades of each day over a quarter's end; the last one has a price of its own."""
    first = (FIRST - date(1970, 1, 1)).days * _DAY_MS
    rows = [
        [first + day * _DAY_MS + n * _GAP_MS, 70_000 + n % 7, 1 + n % 3, ("buy", "sell")[n % 2]]
        for day in range(N_DAYS)
        for n in range(60)
    ]
    rows[-1][1] = last_price
    lines = [",".join(str(value) for value in row) for row in rows]
    put(file, "\n".join(["timestamp,price,amount,side", *lines, ""]))


class Desk:
    """A data root with a coin's trades over a quarter's end, and its Dagster instance."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.workspace = Workspace.open(root)
        self.instance = instance
        self.land(70_001.0)

    def land(self, last_price: float) -> None:
        """Land the trades."""
        file = self.workspace.root / "raw" / FILE
        write_trades(file, last_price=last_price)
        list(ingest_files(self.workspace, [file]))

    def plan(self) -> dict[str, dict[str, int]]:
        """Return why each contract's files would be written, by asset."""
        assets = [
            key.to_user_string() for key in select_assets(load_graph()[1], "contract_parquet")
        ]
        keys = [key for one in ranges_of(self.workspace) for key in one.keys]
        return {line.asset: line.reasons for line in plan_assets(self.workspace, assets, keys)}

    def make(self) -> dict[str, Counter[str]]:
        """Make the contracts and what they need; return how their partitions ended."""
        ended: dict[str, Counter[str]] = {asset: Counter() for asset in FILES}

        def tell(asset: str, status: str, partition: str, _place: int, _total: int) -> None:
            if asset in FILES:
                ended[asset][f"{status} {partition}"] += 1

        results = materialize(
            self.workspace,
            self.instance,
            "contract_parquet",
            ranges_of(self.workspace),
            tell=tell,
        )
        assert [one.message for one in results if not one.success] == []
        return ended


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk on which nothing is made yet."""
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "home").mkdir()
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.local_temp(
            str(folder / "home"), overrides={"telemetry": {"enabled": False}}
        ) as instance,
    ):
        patch.setenv("QUANT_DATA", str(folder / "data"))
        yield Desk(folder / "data", instance)


def test_both_files_run_together_behind_the_ranges():
    """A wave of its own kind: by contract, once the flat table is there."""
    graph = load_graph()[1]
    waves = waves_of(graph, select_assets(graph, "contract_parquet"))
    assert waves[-1] == Wave(FILES, "contracts")
    assert "contract_table" in waves[-2].assets


@pytest.mark.slow
def test_contracts_are_written_kept_and_written_again(desk):
    """The plan names them before they are there; a restated day reaches its contract alone."""
    before = desk.plan()
    assert before["contract_json"] == before["contract_parquet"] == {INPUT: 2}
    assert desk.make() == {asset: Counter(f"made {name}" for name in NAMES) for asset in FILES}
    assert desk.instance.get_dynamic_partitions(CONTRACTS.name) == NAMES
    for name in NAMES:
        folder = desk.workspace.root / "contracts" / name
        contract = build_contract(desk.workspace, name)
        assert read_contract_json(folder / "contract.json") == contract
        assert read_contract_parquet(folder / "contract.parquet") == contract
    assert not any(desk.plan().values())
    assert desk.make() == {asset: Counter(f"kept {name}" for name in NAMES) for asset in FILES}
    desk.land(70_002.0)
    assert desk.plan()["contract_json"] == {INPUT: 1}
    wanted = Counter([f"kept {NAMES[0]}", f"made {NAMES[1]}"])
    assert desk.make() == dict.fromkeys(FILES, wanted)


@pytest.mark.slow
def test_the_page_of_a_contract_tells_what_it_holds(desk):
    """Rows, weeks, days, bytes and path stand on the materialization."""
    desk.make()
    for asset in FILES:
        (record,) = desk.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[NAMES[1]]), limit=1
        ).records
        told = {k: v.value for k, v in record.asset_materialization.metadata.items()}
        contract = build_contract(desk.workspace, NAMES[1])
        assert told["rows"] == sum(len(day.bars) for day in contract.days)
        assert (told["weeks"], told["days"]) == (1, len(list(contract.days)))
        assert told["timeframe"] == "1m"
        assert told["synthetic"] is False
        path = Path(told["path"])
        assert path.stat().st_size == told["bytes"]
        assert path.parent.name == NAMES[1]
