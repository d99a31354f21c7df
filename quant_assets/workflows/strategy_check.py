"""What a strategy asks for against what there is, before any long work is begun."""

import difflib
from collections.abc import Iterable, Sequence

from quant_assets.contracts.learning import learning_frame
from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.market.errors import StrategyError
from quant_assets.models.estimators import check_estimator
from quant_assets.models.labels import refuse_long_horizon
from quant_assets.signals.strategy import DEFAULT_SOURCE, Strategy
from quant_assets.workflows.feature_files import catalog_of
from quant_assets.workflows.recipes.neighbours import landed_sessions, research_history
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
        If its estimator or a parameter of it is unknown, or its label looks further than a symbol
        has bars.
    """
    check_estimator(strategy.model)
    there = source_columns(workspace, strategy.source)
    _refuse_unknown(strategy, "features", strategy.features or (), there)
    _refuse_unknown(strategy, "label.primary", [strategy.label.primary or there[0]], there)
    view = LakeView(workspace)
    _refuse_few_sessions(view, strategy)
    for symbol in strategy.symbols or ():
        bars = sum(entry.rows for entry in research_history(view, symbol))
        if bars:
            refuse_long_horizon(bars, strategy.label, symbol=symbol)


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
    needed = strategy.splits.min_train_sessions + strategy.splits.n_folds
    if len(sessions) < needed:
        raise StrategyError(
            asked=f"{strategy.splits.n_folds} folds after {strategy.splits.min_train_sessions} "
            f"sessions of training, for strategy {strategy.name!r}",
            found=f"{len(sessions)} landed sessions of its symbols, {needed} are needed",
            remedy="Land more, or lower splits.min_train_sessions or splits.n_folds.",
        )
