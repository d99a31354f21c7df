"""Which contracts a run reaches, and why their files would be written."""

from collections.abc import Callable, Collection, Iterable, Mapping

from quant_assets.market.instruments import AssetClass
from quant_assets.market.periods import contract_period
from quant_assets.workflows.contract_files import contract_json_reason, contract_parquet_reason
from quant_assets.workflows.contract_objects import contract_sessions
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.contract_sessions import period_of
from quant_assets.workflows.recipes.neighbours import LANDED_TABLES, research_bars
from quant_assets.workflows.recipes.roll_map import active_contract
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

ContractReason = Callable[[Workspace, str], str | None]

BY_CONTRACT: Mapping[str, ContractReason] = {
    "contract_json": contract_json_reason,
    "contract_parquet": contract_parquet_reason,
}
"""Assets partitioned by contract, in the data's order."""


def contracts_of(workspace: Workspace, keys: Collection[Key]) -> list[str]:
    """Return the contracts of which the flat table holds any of some sessions, by name."""
    wanted = set(keys)
    return [
        name
        for name, sessions in contract_sessions(workspace).items()
        if not wanted.isdisjoint(sessions)
    ]


def expected_contracts(view: LakeView, keys: Iterable[Key]) -> set[str]:
    """Return the contracts that sessions would belong to, once their flat table is made.

    It goes by their bars, else by the roll map, else by what most was landed of: before the roll
    map is made nothing can say it surely.
    """
    return {name for key in keys if (name := _expected(view, key))}


def _expected(view: LakeView, key: Key) -> str | None:
    """Return the contract that a session would belong to; None where nothing tells one."""
    if view.workspace.instrument(key.symbol).asset_class is not AssetClass.FUTURE:
        return _expected_quarter(view, key)
    here = research_bars(view, key.symbol, key.session)
    if here is not None:
        return period_of(here)
    decided = active_contract(view, key.symbol, key.session)
    if decided is not None:
        return contract_period(key.symbol, key.session, decided.stats["contract"])
    landed = [e for table in LANDED_TABLES for e in view.at(table, key.symbol, key.session)]
    most = max(landed, key=lambda entry: (entry.rows, entry.name), default=None)
    return most.levels.get("contract") if most else None


def _expected_quarter(view: LakeView, key: Key) -> str | None:
    """Return the quarter of a symbol without contracts, if trades of any of it were landed."""
    quarter = contract_period(key.symbol, key.session, None)
    traded = view.sessions("raw_ticks", key.symbol)
    has_trades = any(contract_period(key.symbol, day, None) == quarter for day in traded)
    return quarter if has_trades else None
