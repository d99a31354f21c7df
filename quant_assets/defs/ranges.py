"""The one form of all assets partitioned by symbol and date: a range in, exact versions out."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from quant_assets.defs.partitions import sessions_of
from quant_assets.defs.pictures import as_metadata
from quant_assets.defs.provenance import input_tags, version_tags
from quant_assets.lineage.fingerprint import combined_version
from quant_assets.observe.progress import report
from quant_assets.workflows.freshness import recipe_code_version
from quant_assets.workflows.ranges import (
    DROPPED,
    Outcome,
    Progress,
    make_range,
)
from quant_assets.workflows.recipe import BROKEN, Recipe, Status
from quant_assets.workflows.shares import shares_of
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

RangeEvents = Iterator[dg.MaterializeResult[None]]
Picture = Callable[[LakeView, Sequence[Outcome]], bytes | None]
"""Draws one PNG of a range for the UI, or nothing where there is nothing to see."""
Check = Callable[[LakeView, Sequence[Outcome]], dg.AssetCheckResult]
"""Judges what a range has made; the asset declares its spec beside `range_checks`."""

ALL_MADE = "all_sessions_made"
NONE_MISSING = "no_session_missing"

_LISTED = 50

TOLD_BY_US = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
"""Mark of a result of which Dagster logs no event of its own.

A result has one data version, of a whole range; Dagster would log a second event with it for each
partition. It knows the mark from assets that log their observations themselves.
"""


def range_checks(asset: str) -> list[dg.AssetCheckSpec]:
    """Return the contract checks that every ranged asset reports once a run."""
    return [
        dg.AssetCheckSpec(
            ALL_MADE, asset=asset, description="Every partition of the run was made or is fresh."
        ),
        dg.AssetCheckSpec(
            NONE_MISSING,
            asset=asset,
            description="Each session between the first and last landed one has landed data.",
        ),
    ]


def materialize_range(
    context: dg.AssetExecutionContext,
    recipe: Recipe,
    workspace: Workspace,
    *,
    picture: Picture | None = None,
    checks: Sequence[Check] = (),
) -> RangeEvents:
    """Make what is not fresh of the run's partitions, and tell Dagster each one's version.

    Raises
    ------
    dagster.Failure
        With the list of partitions that could not be made: at once in a run of a single one,
        else only in the last asset of the run, so that the good ones go all the way down.
    """
    grain = workspace.settings.partitions.grain
    owners = {
        key: partition
        for partition in context.partition_keys
        for key in sessions_of(str(partition), grain)
    }
    view = LakeView(workspace)
    inputs = input_tags(context)
    tell = _telling(context)
    outcomes = list(make_range(workspace, recipe, owners, progress=tell, view=view))
    bad = [outcome for outcome in outcomes if outcome.status in BROKEN]
    judged = [check(view, outcomes) for check in checks]
    # What is told once a run stands only on the last event, which an asset's page shows.
    partitions = sorted(set(owners.values()))
    totals = _totals(outcomes, getattr(recipe, "shares", ())) | _picture(picture, view, outcomes)
    for partition in partitions:
        own = [outcome for outcome in outcomes if owners[outcome.key] == partition]
        tags = version_tags(_version(own), recipe_code_version(recipe), inputs)
        told = totals if partition == partitions[-1] else {}
        context.log_event(_event(context.asset_key, partition, own, tags, told))
    # Behind the events: a check is of the newest one that there is.
    yield dg.MaterializeResult(
        check_results=[*_checks(outcomes, bad), *judged], metadata=TOLD_BY_US
    )
    if bad and (len(owners) == 1 or _is_last_selected(context)):
        raise dg.Failure(
            description=f"{len(bad)} of {len(outcomes)} of {recipe.asset} not made: {_first(bad)}",
            metadata={"not_made": _listing(bad)},
            allow_retries=False,
        )


def _telling(context: dg.AssetExecutionContext) -> Progress:
    """Return what reports each partition, and logs that one was taken away."""

    def tell(asset: str, outcome: Outcome, place: int, total: int) -> None:
        report(asset, outcome, place, total)
        if outcome.counts.get(DROPPED):
            why = outcome.reason or "it is no session any more"
            context.log.warning(f"{asset} {outcome.key} was dropped: {why}")  # noqa: G004

    return tell


def _event(
    asset: dg.AssetKey,
    partition: str,
    own: Sequence[Outcome],
    tags: dict[str, str],
    told: dict[str, dg.MetadataValue],
) -> dg.AssetMaterialization:
    """Return the event that carries a partition's own data version."""
    states = sorted({outcome.status.value for outcome in own})
    rows = sum(outcome.rows for outcome in own)
    own_metadata: dict[str, dg.MetadataValue | str | int] = {
        "status": ", ".join(states),
        "rows": rows,
    }
    return dg.AssetMaterialization(
        asset, partition=partition, metadata={**own_metadata, **told}, tags=tags
    )


def _version(own: Sequence[Outcome]) -> str:
    """Return the data version of a Dagster partition, which may hold several sessions."""
    if len(own) == 1:
        return own[0].version
    return combined_version({str(outcome.key): outcome.version for outcome in own})


def _totals(
    outcomes: Sequence[Outcome], families: Sequence[str] = ()
) -> dict[str, dg.MetadataValue]:
    """Return what a reader of the run wants to know first, with shares of some counts."""
    states = Counter(outcome.status.value for outcome in outcomes)
    there = [outcome for outcome in outcomes if outcome.files]
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        counts.update(outcome.counts)
    totals: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(sum(outcome.rows for outcome in outcomes)),
        "seconds": dg.MetadataValue.float(round(sum(o.seconds for o in outcomes), 3)),
        "symbols": dg.MetadataValue.text(", ".join(sorted({o.key.symbol for o in there})) or "-"),
    }
    totals |= {f"partitions_{name}": dg.MetadataValue.int(n) for name, n in sorted(states.items())}
    told = dict(counts) | shares_of(counts, families)
    totals |= {name: dg.MetadataValue.float(float(n)) for name, n in sorted(told.items())}
    seeds = {entry.seed for outcome in there for entry in outcome.entries if entry.synthetic}
    if seeds:
        named = ", ".join(str(seed) for seed in sorted(seeds, key=str))
        totals["synthetic"] = dg.MetadataValue.text(f"SYNTHETIC market, seed {named}")
    if there:
        sessions = [outcome.key.session.isoformat() for outcome in there]
        totals["first_session"] = dg.MetadataValue.text(min(sessions))
        totals["last_session"] = dg.MetadataValue.text(max(sessions))
    return totals


def _picture(
    picture: Picture | None, view: LakeView, outcomes: Sequence[Outcome]
) -> dict[str, dg.MetadataValue]:
    """Return the run's picture as metadata; there is none where nothing was made."""
    if picture is None or not any(outcome.status is Status.MADE for outcome in outcomes):
        return {}
    png = picture(view, outcomes)
    if png is None:
        return {}
    return {"picture": as_metadata(png)}


def _checks(outcomes: Sequence[Outcome], bad: Sequence[Outcome]) -> list[dg.AssetCheckResult]:
    """Return the results of `range_checks`."""
    missing = [outcome for outcome in outcomes if outcome.status is Status.MISSING]
    return [
        dg.AssetCheckResult(
            check_name=ALL_MADE,
            passed=not bad,
            metadata={"not_made": _listing(bad)} if bad else {},
        ),
        dg.AssetCheckResult(
            check_name=NONE_MISSING,
            passed=not missing,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"missing": _listing(missing)} if missing else {},
        ),
    ]


def _first(bad: Sequence[Outcome]) -> str:
    """Return the first partitions that were not made, with their reasons, on one line."""
    shown = "; ".join(f"{outcome.key} {outcome.reason}" for outcome in bad[:3])
    return shown if len(bad) <= 3 else f"{shown}; and {len(bad) - 3} more"


def _listing(outcomes: Sequence[Outcome]) -> dg.MetadataValue:
    """Return partitions and reasons as a list, cut at fifty."""
    lines = [f"- `{outcome.key}` {outcome.reason}" for outcome in outcomes[:_LISTED]]
    if len(outcomes) > _LISTED:
        lines.append(f"- and {len(outcomes) - _LISTED} more: `quant plan` lists them")
    return dg.MetadataValue.md("\n".join(lines))


def _is_last_selected(context: dg.AssetExecutionContext) -> bool:
    """Whether no asset of this run lies below this one."""
    layer = context.job_def.asset_layer
    below = layer.asset_graph.get(context.asset_key).child_keys
    return not (set(below) & set(layer.executable_asset_keys))
