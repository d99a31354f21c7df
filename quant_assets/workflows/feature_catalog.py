"""The feature catalogue: what is declared, what the lake holds of it, and how far it has moved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from quant_assets.features.catalog import Catalog, Feature
from quant_assets.features.catalog_schema import FEATURE_CATALOG
from quant_assets.features.drift import population_stability
from quant_assets.features.schema import FEATURES, features_table
from quant_assets.indicators.arrays import FloatArray
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.lineage.records import Hashes, Lineage, Origin, why_stale
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.schema import MODELS
from quant_assets.storage.index import Entry
from quant_assets.storage.source_code import code_version
from quant_assets.workflows.feature_files import catalog_of, origins, user_code
from quant_assets.workflows.freshness import recipe_code_version
from quant_assets.workflows.recipes.features import FeaturesRecipe
from quant_assets.workflows.recipes.neighbours import BARS, research_history
from quant_assets.workflows.view import LakeView, versions
from quant_assets.workflows.workspace import Workspace

CODE = (__name__, "quant_assets.features.drift")

TRAINING_SHARE = 0.7
"""Of a symbol's sessions, where no model says what it was trained on."""

_CELLS_AT_ONCE = 4_000_000
"""Values of some features that are read together: 32 MB."""


@dataclass(frozen=True)
class Series:
    """What the lake holds of one symbol at one timeframe.

    Parameters
    ----------
    sessions
        Those with bars.
    features
        Entries of the features table, oldest first.
    """

    symbol: str
    timeframe: str
    sessions: tuple[str, ...]
    features: tuple[Entry, ...]


NOTHING = Series(symbol="", timeframe="", sessions=(), features=())
"""A lake without bars."""


@dataclass(frozen=True)
class TrainingPeriod:
    """Bars that start before `end` are of the training period; None where there is no such time."""

    end: datetime | None
    by: str

    def __str__(self) -> str:
        return f"before {self.end:%Y-%m-%d %H:%M} UTC, by {self.by}" if self.end else self.by


@dataclass(frozen=True)
class StoredCatalog:
    """The catalogue as the lake holds it; `is_new` where it was made now."""

    entry: Entry
    is_new: bool


def feature_catalog(workspace: Workspace, *, symbol: str | None = None) -> pl.DataFrame:
    """Return the catalogue as it would be made now, all of it or a symbol's rows.

    Where no symbol has bars there is a row a feature, with nothing covered.

    Raises
    ------
    InputError
        If other symbols have bars, and the one that was asked for has none.
    """
    view, catalog = LakeView(workspace), catalog_of(workspace)
    there = list(_all_series(view))
    chosen = [one for one in there if symbol in {None, one.symbol}]
    if there and not chosen:
        raise InputError(
            asked=f"features of {symbol}",
            found=f"the lake has bars of {', '.join(sorted({one.symbol for one in there}))}",
            remedy="Choose one of these, or make its bars: quant materialize bars",
        )
    declared = _declared(workspace, catalog)
    rows = [row for one in chosen or [NOTHING] for row in _rows(view, one, catalog, declared)]
    return FEATURE_CATALOG.check(pl.DataFrame(rows, schema=FEATURE_CATALOG.empty().schema))


def store_feature_catalog(workspace: Workspace) -> StoredCatalog:
    """Store the catalogue, or return the stored one where nothing it hangs on has changed."""
    lineage = _lineage(workspace)
    stored = _stored(workspace)
    if stored is not None and why_stale(stored.hashes, _hashes(lineage)) is None:
        return StoredCatalog(stored, is_new=False)
    entry = workspace.lake.commit(FEATURE_CATALOG, {}, feature_catalog(workspace), lineage).entry
    return StoredCatalog(entry, is_new=True)


def feature_catalog_reason(workspace: Workspace) -> str | None:
    """Return why the stored catalogue would be made again; None where it is fresh."""
    stored = _stored(workspace)
    return why_stale(stored.hashes if stored else None, _hashes(_lineage(workspace)))


def largest_drifts(frame: pl.DataFrame) -> dict[str, float]:
    """Return the drift of each feature, on the symbol and timeframe where it is largest."""
    largest = (
        frame.filter(pl.col("drift").is_not_null()).group_by("name").agg(pl.col("drift").max())
    )
    return dict(largest.sort("drift", "name", descending=[True, False]).iter_rows())


def _stored(workspace: Workspace) -> Entry | None:
    """Return the stored catalogue's entry."""
    return next(iter(workspace.lake.index.entries(FEATURE_CATALOG.name)), None)


def _hashes(lineage: Lineage) -> Hashes:
    """Return what decides whether the catalogue is fresh."""
    return Hashes(lineage.inputs_hash, lineage.params_hash, lineage.code_version)


def _lineage(workspace: Workspace) -> Lineage:
    """Return what the catalogue would be made from."""
    view, catalog = LakeView(workspace), catalog_of(workspace)
    series = list(_all_series(view))
    entries = [entry for one in series for entry in one.features]
    return Lineage(
        code_version=code_version(CODE, ((FEATURE_CATALOG.name, FEATURE_CATALOG.version),)),
        parameters={
            "declared": digest_of(_declared(workspace, catalog)),
            "sessions": {f"{one.symbol} {one.timeframe}": list(one.sessions) for one in series},
        },
        inputs=versions([*entries, *workspace.lake.index.entries(MODELS.name)]),
        origin=Origin.of(entry.origin for entry in entries),
    )


def _declared(workspace: Workspace, catalog: Catalog) -> dict[str, dict[str, Any]]:
    """Return by name what is the same for a feature on all symbols."""
    package = recipe_code_version(FeaturesRecipe())
    code, origin = user_code(workspace), origins(workspace)
    return {
        one.name: {
            "name": one.name,
            "family": one.family.value,
            "unit": one.unit,
            "meaning": one.meaning,
            "source": one.source,
            "origin": origin[one.name],
            "parameters": ", ".join(f"{key}={value}" for key, value in one.parameters.items()),
            "inputs": ", ".join(one.inputs),
            "version": one.version,
            "multiple": one.multiple,
            "code_version": code.get(one.name, package),
        }
        for one in catalog.features
    }


def _all_series(view: LakeView) -> Iterator[Series]:
    """Yield each symbol and timeframe that has research bars, in order."""
    symbols = {entry.symbol for entry in view.workspace.lake.index.entries(BARS)}
    for symbol in sorted(symbols):
        bars: dict[str, list[str]] = {}
        for entry in research_history(view, symbol):
            bars.setdefault(entry.levels["timeframe"], []).append(entry.session)
        for timeframe, sessions in sorted(bars.items()):
            stored = [
                entry
                for session in sorted(sessions)
                for entry in view.of_symbol(FEATURES.name, symbol).get(session, [])
                if entry.levels["timeframe"] == timeframe
            ]
            yield Series(symbol, timeframe, tuple(sorted(sessions)), tuple(stored))


def _rows(
    view: LakeView, series: Series, catalog: Catalog, declared: Mapping[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the catalogue's rows of one symbol and timeframe."""
    period = _training_period(view, series)
    drifts = _drifts(view, series, catalog, period)
    nulls = [_nulls(view, entry) for entry in series.features]
    for one in catalog.features:
        yield (
            declared[one.name]
            | {
                "symbol": series.symbol,
                "timeframe": series.timeframe,
                "look_back_bars": _look_back(one, series.timeframe),
                "drift": drifts.get(one.name),
                "training_period": str(period),
            }
            | _covered(one.name, series, nulls)
        )


def _look_back(one: Feature, timeframe: str) -> int:
    """Return a feature's look-back; at a minute where there is no timeframe."""
    return one.look_back_bars(Timeframe.parse(timeframe or "1m"))


def _covered(name: str, series: Series, nulls: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    """Return where a feature has stored values, and the share of stored rows without one."""
    stored = [
        (entry, found[name])
        for entry, found in zip(series.features, nulls, strict=True)
        if name in found
    ]
    valued = [entry.day for entry, count in stored if entry.rows > count]
    rows = sum(entry.rows for entry, _ in stored)
    return {
        "sessions": len(series.sessions),
        "sessions_with_values": len(valued),
        "coverage": len(valued) / max(1, len(series.sessions)),
        "first_session": min(valued, default=None),
        "last_session": max(valued, default=None),
        "null_share": sum(count for _, count in stored) / rows if rows else None,
    }


def _nulls(view: LakeView, entry: Entry) -> Mapping[str, int]:
    """Return how many nulls each column of a stored session has: by the index, or by its file."""
    if "nulls" in entry.stats:
        return dict(entry.stats["nulls"])
    frame = view.read(entry)
    return {name: frame[name].null_count() for name in frame.columns[2:]}


def _training_period(view: LakeView, series: Series) -> TrainingPeriod:
    """Return what counts as the training period of a symbol.

    It ends with the last label of the model that learned from the symbol the latest; where there
    is none, with the first part of the symbol's sessions.
    """
    ends = []
    for entry in view.workspace.lake.index.entries(MODELS.name):
        if _learned_from(view, entry, series):
            end = view.workspace.lake.read(entry, columns=["train_end"])["train_end"].max()
            ends += [(end, entry.levels["strategy"])] if isinstance(end, datetime) else []
    if ends:
        end, strategy = max(ends)
        return TrainingPeriod(end, f"model {strategy}")
    count = round(TRAINING_SHARE * len(series.sessions))
    if not 0 < count < len(series.sessions):
        return TrainingPeriod(None, "none: too few sessions")
    first_later = date.fromisoformat(series.sessions[count])
    bounds = view.workspace.calendar(series.symbol).bounds(first_later)
    start = pl.Series([bounds.start_ns]).cast(UTC_NS).item()
    return TrainingPeriod(start, f"the first {TRAINING_SHARE:.0%} of sessions")


def _learned_from(view: LakeView, model: Entry, series: Series) -> bool:
    """Whether a model's training sets are of a symbol and timeframe."""
    wanted = {f"symbol={series.symbol}", f"timeframe={series.timeframe}"}
    inputs = view.workspace.lake.lineage(model).inputs
    return any(wanted <= set(name.split("/")) for name in inputs)


def _drifts(
    view: LakeView, series: Series, catalog: Catalog, period: TrainingPeriod
) -> dict[str, float | None]:
    """Return the drift of each feature that is stored."""
    if period.end is None or not series.features:
        return {}
    found: dict[str, float | None] = {}
    for names in _batches(series, catalog.names):
        frame = _stored_values(view, series, names, catalog)
        is_later = (frame["bar_start"] >= period.end).to_numpy()
        for name in names:
            values = _array(frame[name])
            found[name] = population_stability(values[~is_later], values[is_later])
    return found


def _batches(series: Series, names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield as many names at a time as one may read the values of."""
    rows = sum(entry.rows for entry in series.features)
    width = max(1, _CELLS_AT_ONCE // max(1, rows))
    for first in range(0, len(names), width):
        yield names[first : first + width]


def _stored_values(
    view: LakeView, series: Series, names: Sequence[str], catalog: Catalog
) -> pl.DataFrame:
    """Return stored values by time; a file that lacks a column has nulls of it."""
    schema = features_table(names, catalog=catalog).empty().schema
    paths = [view.workspace.lake.root / entry.path for entry in series.features]
    files = pl.scan_parquet(
        paths,
        hive_partitioning=False,
        glob=False,
        schema=schema,
        missing_columns="insert",
        extra_columns="ignore",
    )
    return files.select("bar_start", *names).collect()


def _array(column: pl.Series) -> FloatArray:
    """Return a column as float64, NaN for null."""
    return np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float64)
