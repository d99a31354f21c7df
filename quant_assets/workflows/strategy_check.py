"""What a strategy asks for against what there is, before any long work is begun."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import date

from quant_assets.contracts.learning import learning_frame
from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.market.errors import StrategyError
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.estimators import check_estimator
from quant_assets.models.labels import refuse_long_horizon
from quant_assets.models.purged_folds import splitter_of
from quant_assets.signals.strategy import DEFAULT_SOURCE, Strategy
from quant_assets.workflows.feature_files import catalog_of
from quant_assets.workflows.recipes.neighbours import (
    LANDED_TABLES,
    landed_sessions,
    research_history,
)
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

_KEYS = 2
"""Columns of a learning frame before its features: session and bar_start."""


def check_strategy(workspace: Workspace, strategy: Strategy) -> None:
    """Raise where a strategy cannot be trained on what a data root holds.

    Parameters
    ----------
    strategy
        Its symbols written out.

    Raises
    ------
    StrategyError
        If it names a feature that there is not, or there are fewer sessions than its folds need.
    TrainingError
        If its estimator or a parameter of it is unknown, its cross-validation is none, or its label
        looks further than a symbol has bars, or may have once they are made.
    """
    if not strategy.learns:
        return
    check_estimator(strategy.model)
    timeframe = Timeframe.parse(strategy.timeframe)
    label = strategy.learning.label
    if strategy.cv is not None:
        splitter_of(strategy.cv, timeframe_ns=timeframe.ns)
    there = source_columns(workspace, strategy.source)
    _refuse_unknown(strategy, "features", strategy.features or (), there)
    _refuse_unknown(strategy, "label.primary", [label.primary or there[0]], there)
    view = LakeView(workspace)
    _refuse_few_sessions(view, strategy)
    for symbol in strategy.symbols or ():
        bars = _most_bars(view, symbol, timeframe)
        if bars:
            refuse_long_horizon(bars, label, symbol=symbol)


def source_columns(workspace: Workspace, source: str) -> tuple[str, ...]:
    """Return the features that a model may learn from a source."""
    if source == DEFAULT_SOURCE:
        return catalog_of(workspace).names
    return tuple(learning_frame(CONTRACT_TABLE.empty()).columns[_KEYS:])


def _refuse_unknown(
    strategy: Strategy, key: str, names: Iterable[str], there: Sequence[str]
) -> None:
    """Raise where a name is none of the source's features; the nearest one is told."""
    for name in names:
        if name not in there:
            close = difflib.get_close_matches(name, there, n=1)
            raise StrategyError(
                asked=f"{key} {name!r} of strategy {strategy.name!r}",
                found=f"none of the {len(there)} features of {strategy.source}",
                remedy=f"Did you mean {close[0]}?" if close else "quant features lists them.",
            )


def _refuse_few_sessions(view: LakeView, strategy: Strategy) -> None:
    """Raise where fewer sessions are landed than the folds are cut from."""
    sessions = {day for symbol in strategy.symbols or () for day in landed_sessions(view, symbol)}
    splits, cv = strategy.learning.splits, strategy.cv
    folds = f"{splits.n_folds} folds after {splits.min_train_sessions} sessions of training"
    keys = "splits.min_train_sessions or splits.n_folds"
    wanted = [(splits.min_train_sessions + splits.n_folds, folds, keys)]
    wanted += [(cv.n_folds, f"{cv.n_folds} blocks of cross-validation", "cv.n_folds")] if cv else []
    for needed, what, keys in wanted:
        if len(sessions) < needed:
            raise StrategyError(
                asked=f"{what}, for strategy {strategy.name!r}",
                found=f"{len(sessions)} landed sessions of its symbols, {needed} are needed",
                remedy=f"Land more, or lower {keys}.",
            )


def _most_bars(view: LakeView, symbol: str, timeframe: Timeframe) -> int:
    """Return how many research bars a symbol has, or has at most once all that landed is made."""
    made = {entry.day: entry.rows for entry in research_history(view, symbol)}
    landed = landed_sessions(view, symbol)
    return sum(
        made[day] if day in made else _bars_at_most(view, symbol, day, timeframe)
        for day in {*made, *landed}
    )


def _bars_at_most(view: LakeView, symbol: str, session: date, timeframe: Timeframe) -> int:
    """Return a bound of a session's bars: each holds a landed row, and no two overlap."""
    bounds = view.workspace.calendar(symbol).bounds(session)
    rows = sum(e.rows for table in LANDED_TABLES for e in view.at(table, symbol, session))
    # Bars are anchored at midnight: the first and the last may be parts.
    return min(rows, (bounds.next_start_ns - bounds.start_ns) // timeframe.ns + 2)
