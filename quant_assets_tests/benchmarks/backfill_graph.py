"""A chain of ten ranged assets over one symbol's sessions, and the same graph with empty bodies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import dataframely as dy
import numpy as np
import polars as pl

from quant_assets.defs.partitions import RANGES, symbol_dates
from quant_assets.defs.provenance import input_tags
from quant_assets.defs.ranges import TOLD_BY_US, RangeEvents, materialize_range, range_checks
from quant_assets.lineage.records import Lineage
from quant_assets.market.columns import UTC_NS, day, instant, real
from quant_assets.market.tables import Table
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.settings.model import PartitionSettings
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.view import LakeView, versions
from quant_assets.workflows.workspace import Workspace

SYMBOL = "BTCUSD"
START = date(2024, 1, 1)
N_ASSETS = 10
FEWEST_ROWS, MOST_ROWS = 100, 400

_EPOCH = date(1970, 1, 1)
_SYMBOL_DATES = symbol_dates(PartitionSettings(start=START))


class MinutesSchema(dy.Schema):
    """Bars of one session, as wide as real ones."""

    session = day("session")
    bar_start = instant("start of the bar", key=True)
    open = real("first price", unit="price")
    high = real("highest price", unit="price")
    low = real("lowest price", unit="price")
    close = real("last price", unit="price")
    volume = real("quantity", unit="qty")


def _table(name: str) -> Table:
    return Table(name=name, schema=MinutesSchema, levels=("symbol",), order=("bar_start",))


LANDED = _table("bench_landed")
TABLES = tuple(_table(f"bench_{place:02d}") for place in range(N_ASSETS))


def sessions(count: int) -> list[date]:
    """Return the sessions of the backfill."""
    return [START + timedelta(days=place) for place in range(count)]


def landed_rows(session: date, rng: np.random.Generator) -> pl.DataFrame:
    """Return 100 to 400 bars of one session: a random walk."""
    count = int(rng.integers(FEWEST_ROWS, MOST_ROWS + 1))
    start = (session - _EPOCH).days * NS_PER_DAY
    close = 40_000 + np.cumsum(rng.normal(0, 5, count))
    return pl.DataFrame(
        {
            "session": pl.repeat(session, count, dtype=pl.Date, eager=True),
            "bar_start": pl.Series(start + NS_PER_MINUTE * np.arange(count)).cast(UTC_NS),
            "open": close - 1,
            "high": close + 3,
            "low": close - 3,
            "close": close,
            "volume": rng.integers(1, 1000, count).astype(np.float64),
        }
    )


def land(workspace: Workspace, landed: Mapping[date, pl.DataFrame]) -> None:
    """Commit what the chain starts from."""
    for session, frame in landed.items():
        workspace.lake.commit(LANDED, {"symbol": SYMBOL}, frame, Lineage("landed"), session=session)


@dataclass(frozen=True)
class Link:
    """One recipe of the chain: the close of the one before, plus one, the rest as it is."""

    place: int
    modules: tuple[str, ...] = (__name__,)

    @property
    def asset(self) -> str:
        """Name of the asset and of its table."""
        return TABLES[self.place].name

    @property
    def upstream(self) -> tuple[str, ...]:
        """The link before."""
        return (TABLES[self.place - 1].name,) if self.place else ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """The one table."""
        return (TABLES[self.place],)

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Name the partition that it is made from."""
        source = TABLES[self.place - 1] if self.place else LANDED
        found = view.at(source.name, key.symbol, key.session)
        if not found:
            return NotDue(Status.MISSING, "nothing landed")
        return Plan(inputs=versions(found), parameters={"place": self.place}, payload=found[0])

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Read it, add one and give it on."""
        frame = view.read(plan.payload).with_columns(pl.col("close") + 1)
        return Made((MadeFile(TABLES[self.place], {"symbol": key.symbol}, frame),))


def expected_rows(landed: pl.DataFrame) -> pl.DataFrame:
    """Return what the last asset holds of a session, told without the chain."""
    return landed.with_columns(pl.col("close") + float(N_ASSETS))


def real_assets() -> list[dg.AssetsDefinition]:
    """Return the chain as the project's ranged assets."""
    return [_real(Link(place)) for place in range(N_ASSETS)]


def _real(link: Link) -> dg.AssetsDefinition:
    @dg.asset(
        name=link.asset,
        deps=list(link.upstream),
        partitions_def=_SYMBOL_DATES,
        backfill_policy=RANGES,
        check_specs=range_checks(link.asset),
    )
    def made(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
        yield from materialize_range(context, link, workspace.open())

    return made


@dataclass(frozen=True)
class Told:
    """What one asset told Dagster in a run: what its empty body tells again."""

    checks: tuple[tuple[str, bool, dg.AssetCheckSeverity], ...]
    events: Mapping[str, dg.AssetMaterialization]
    """By partition, with the data version of its own."""


def told_by(result: dg.ExecuteInProcessResult) -> dict[str, Told]:
    """Return what each asset of a run told Dagster."""
    found: dict[str, Told] = {}
    for link in map(Link, range(N_ASSETS)):
        logged = [
            event.materialization
            for event in result.get_asset_materialization_events()
            if event.asset_key == dg.AssetKey(link.asset)
        ]
        found[link.asset] = Told(
            checks=tuple(
                (one.check_name, one.passed, one.severity)
                for one in result.get_asset_check_evaluations()
                if one.asset_key == dg.AssetKey(link.asset)
            ),
            events={str(one.partition): one for one in logged},
        )
    return found


def empty_assets(told: Mapping[str, Told]) -> list[dg.AssetsDefinition]:
    """Return the chain with bodies that do no work, but tell Dagster the very same."""
    return [_empty(Link(place), told[TABLES[place].name]) for place in range(N_ASSETS)]


def _empty(link: Link, told: Told) -> dg.AssetsDefinition:
    @dg.asset(
        name=link.asset,
        deps=list(link.upstream),
        partitions_def=_SYMBOL_DATES,
        backfill_policy=RANGES,
        check_specs=range_checks(link.asset),
    )
    def made(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
        partitions = sorted(str(one) for one in context.partition_keys)
        inputs = input_tags(context)
        yield dg.MaterializeResult(
            metadata=TOLD_BY_US,
            check_results=[
                dg.AssetCheckResult(check_name=name, passed=passed, severity=severity)
                for name, passed, severity in told.checks
            ],
        )
        for partition in partitions:
            event = told.events[partition]
            context.log_event(
                dg.AssetMaterialization(
                    context.asset_key,
                    partition=partition,
                    metadata=event.metadata,
                    tags={**(event.tags or {}), **inputs},
                )
            )

    return made


def plain_assets() -> list[dg.AssetsDefinition]:
    """Return the chain with bodies that tell Dagster nothing: it logs one event a partition."""
    return [_plain(Link(place)) for place in range(N_ASSETS)]


def _plain(link: Link) -> dg.AssetsDefinition:
    @dg.asset(
        name=link.asset,
        deps=list(link.upstream),
        partitions_def=_SYMBOL_DATES,
        backfill_policy=RANGES,
    )
    def made(workspace: WorkspaceResource) -> Iterator[dg.MaterializeResult[None]]:
        yield dg.MaterializeResult()

    return made
