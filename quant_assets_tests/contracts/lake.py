"""A lake in which bars, footprints and levels are laid down as their stages would."""

from datetime import date
from pathlib import Path

import polars as pl

from quant_assets.bars.footprint_schema import FOOTPRINT, FOOTPRINT_BARS
from quant_assets.bars.schema import BARS
from quant_assets.levels.schema import LEVELS
from quant_assets.lineage.records import Lineage, Origin
from quant_assets.market.columns import UTC_NS
from quant_assets.market.tables import Table
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.contract_table import ContractTableRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.contracts.markets import (
    footprint_of,
    levels_of,
    order_flow_of,
    session_bars,
)

FIRST, LAST = date(2013, 9, 25), date(2013, 10, 11)
ROLL = date(2013, 10, 2)
"""A Wednesday: two days of its week are of the old contract."""
N_BARS = 12
BY_TICK = {"timeframe": "1m", "bucket": "0.1"}


def contract_on(day: date) -> str:
    """Return the gold contract of a session."""
    return "GCV13" if day < ROLL else "GCZ13"


class Market:
    """Gold over a roll, with trades; the dollar over a quarter's end, from bars alone."""

    def __init__(self, root: Path, *, origin: Origin | None = None) -> None:
        self.workspace = Workspace.open(root)
        self.origin = origin or Origin()
        self.days = {
            symbol: self.workspace.calendar(symbol).between(FIRST, LAST)
            for symbol in ("GC", "EURUSD")
        }
        for day in self.days["GC"]:
            self.lay("GC", day, contract=contract_on(day))
        for day in self.days["EURUSD"]:
            self.lay("EURUSD", day, contract=None)

    def lay(
        self,
        symbol: str,
        day: date,
        *,
        contract: str | None,
        seed: int = 1,
        base: str = "ticks",
    ) -> None:
        """Store a session; one of a symbol without contracts has no trades."""
        start = self.workspace.calendar(symbol).bounds(day).open_ns
        bars = session_bars(day, N_BARS, seed=seed, contract=contract)
        stamps = bars["bar_start"].to_physical()
        bars = bars.with_columns(bar_start=(stamps - stamps[0] + start).cast(UTC_NS))
        flow = order_flow_of(bars, seed=seed)
        stats = {
            "research": True,
            "base": base,
            "contract": contract,
            "open": bars["open"][0],
            "high": bars["high"].max(),
            "low": bars["low"].min(),
            "close": bars["close"][-1],
            "volume": bars["volume"].sum(),
        }
        self._commit(BARS, symbol, day, bars, stats, {"timeframe": "1m"})
        levels = levels_of(bars, seed=seed)
        self._commit(LEVELS, symbol, day, levels, {}, {"timeframe": "1m"})
        if contract:
            told = {"bars": flow.height, "delta": flow["delta"].sum()}
            self.lay_flow(symbol, day, flow, told)
            self._commit(FOOTPRINT, symbol, day, footprint_of(bars, seed=seed), told, BY_TICK)

    def lay_flow(self, symbol: str, day: date, flow: pl.DataFrame, told: dict) -> None:
        """Store the footprint bars of a session, by tick."""
        self._commit(FOOTPRINT_BARS, symbol, day, flow, told, BY_TICK)

    def _commit(
        self,
        table: Table,
        symbol: str,
        day: date,
        frame: pl.DataFrame,
        stats: dict,
        hive: dict[str, str],
    ) -> None:
        lineage = Lineage("laid", stats=stats, origin=self.origin)
        self.workspace.lake.commit(table, hive | {"symbol": symbol}, frame, lineage, session=day)

    def drop(self, table: str, symbol: str, day: date) -> None:
        """Take a session of a table out of the lake."""
        for entry in LakeView(self.workspace).at(table, symbol, day):
            self.workspace.lake.drop(entry)

    def make(self, symbol: str, *days: date) -> list[Outcome]:
        """Make the flat table of some sessions, default all."""
        keys = [Key(symbol, day) for day in days or self.days[symbol]]
        return list(make_range(self.workspace, ContractTableRecipe(), keys))

    def made(self, symbol: str) -> list[date]:
        """Return the sessions that had to be made."""
        outcomes = self.make(symbol)
        assert {one.status.value for one in outcomes} <= {"made", "kept"}, outcomes
        return [one.key.session for one in outcomes if one.status.value == "made"]

    def rows(self, symbol: str, day: date, table: str = "contract_table") -> pl.DataFrame:
        """Return the stored rows of a session."""
        (entry,) = LakeView(self.workspace).at(table, symbol, day)
        return self.workspace.lake.read(entry)
