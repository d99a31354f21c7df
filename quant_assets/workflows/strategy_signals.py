"""What a strategy asks for on a session's bars: found among what is made, then computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl

from quant_assets.features.regime_schema import REGIMES
from quant_assets.market.errors import StrategyError
from quant_assets.models.schema import PREDICTIONS
from quant_assets.signals.build import (
    allow_regimes,
    confirm,
    draw_sides,
    model_signals,
    rule_signals,
    segment_starts,
    sma_cross_sides,
)
from quant_assets.signals.python_rule import rule_sides, warm_up_of
from quant_assets.signals.schema import SIGNALS
from quant_assets.signals.sources import PythonSignal, RandomSignal, SmaCross
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.python_files import ImportedFile, import_file
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.neighbours import Neighbourhood, bars_before, stacked
from quant_assets.workflows.strategies import FOLDER, applicable
from quant_assets.workflows.view import LakeView, versions, versions_or_absent
from quant_assets.workflows.workspace import Workspace

MODULES = (__name__, "quant_assets.signals.build", "quant_assets.signals.python_rule")
"""Where the code version of signals starts from."""

_DECIDING = ("signal", "decision", "confirm", "regimes")
"""Keys of a strategy that its signals hang on, besides its model's."""

_NOTHING = Neighbourhood(entries=(), looked_at=(), inputs={}, is_complete=True)


@dataclass(frozen=True)
class SignalSources:
    """What a strategy's signals of one session are made from.

    Parameters
    ----------
    here
        Research bars of the session.
    before
        Bars of earlier sessions that a rule looks back on.
    predictions, regimes, second
        Entries of those tables, None where none is asked for or made.
    second_signals
        Sources of the strategy that confirms by its signals.
    inputs, parameters, needs
        As of a recipe's plan.
    is_due
        Whether what the signals themselves come from is there.
    """

    strategy: Strategy
    here: Entry
    before: Neighbourhood
    predictions: Entry | None
    regimes: Entry | None
    second: Entry | None
    second_signals: "SignalSources | None"
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    needs: tuple[tuple[str, Key], ...]
    is_due: bool


def signal_sources(
    view: LakeView, strategy: Strategy, here: Entry, *, seen: tuple[str, ...] = ()
) -> SignalSources:
    """Find what a strategy's signals of a session would be made from; opens no table.

    Raises
    ------
    StrategyError
        If strategies confirm each other in a circle, the one that confirms is not there, or a
        rule's file or class is not.
    """
    if strategy.name in seen:
        raise StrategyError(
            asked=f"confirm by signals: {' of '.join([*seen, strategy.name])}",
            found="strategies that wait for each other",
            remedy="Let one of them trade without confirm.",
        )
    key, timeframe = Key(here.symbol, here.day), here.levels["timeframe"]
    inputs = versions([here])
    parameters = {"name": strategy.name} | {
        name: value for name, value in strategy.to_mapping().items() if name in _DECIDING
    }
    needs: list[tuple[str, Key]] = []

    def one_of(table: str, **levels: str) -> Entry | None:
        """Return an entry of the session, and note it as input and need."""
        found = view.at(table, here.symbol, here.day, timeframe=timeframe, **levels)
        known = versions_or_absent("/".join((table, *levels.values())), *_place(key), found)
        inputs.update(known)
        needs.append((table, key))
        return found[0] if found else None

    predictions = one_of(PREDICTIONS.name, model=strategy.name) if strategy.learns else None
    before = _looked_back_on(view, strategy, here, parameters)
    inputs |= before.inputs
    regimes = one_of(REGIMES.name) if strategy.regimes else None
    second, second_signals = None, None
    if strategy.confirm is not None:
        other = _named(view, here, strategy, strategy.confirm.name)
        if strategy.confirm.table == "predictions":
            second = one_of(PREDICTIONS.name, model=other.name)
        else:
            second_signals = signal_sources(view, other, here, seen=(*seen, strategy.name))
            inputs |= second_signals.inputs
            needs += second_signals.needs
            parameters["second"] = dict(second_signals.parameters)
    return SignalSources(
        strategy=strategy,
        here=here,
        before=before,
        predictions=predictions,
        regimes=regimes,
        second=second,
        second_signals=second_signals,
        inputs=inputs,
        parameters=parameters,
        needs=(*needs, *before.needs(here.symbol)),
        is_due=predictions is not None or not strategy.learns,
    )


def make_signals(
    view: LakeView, sources: SignalSources, *, predictions: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the signals of a session, in the columns of SIGNALS.

    Parameters
    ----------
    predictions
        The model's predictions of the session, where they are not those of the lake.

    Raises
    ------
    StrategyError
        If a rule of the user's fails; if a model's strategy has no predictions.
    """
    strategy = sources.strategy
    if strategy.learns:
        made = model_signals(_predicted(view, sources, predictions), strategy.learning.decision)
    else:
        made = _rule_signals(view, sources)
    if strategy.confirm is not None:
        made = confirm(made, _second_opinion(view, sources), strategy.confirm)
    if strategy.regimes is not None:
        entry = sources.regimes
        labels = view.read(entry) if entry else REGIMES.empty()
        made = allow_regimes(made, labels, strategy.regimes)
    return made


def session_signals(
    view: LakeView, strategy: Strategy, here: Entry, *, predictions: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return a strategy's signals on a session's research bars; see `make_signals`."""
    return make_signals(view, signal_sources(view, strategy, here), predictions=predictions)


def rule_class(workspace: Workspace, signal: PythonSignal) -> tuple[Any, ImportedFile]:
    """Return the class of a rule, and the file that it stands in.

    Raises
    ------
    InputError
        If the file is not there, or fails while it is imported.
    StrategyError
        If it holds no such class.
    """
    path = workspace.root / FOLDER / signal.file
    imported = import_file(path, asked=f"rule {signal.rule} of {FOLDER}/{signal.file}")
    made = getattr(imported.module, signal.rule, None)
    if not isinstance(made, type) or not callable(getattr(made, "decide", None)):
        raise StrategyError(
            asked=f"rule {signal.rule} of {FOLDER}/{signal.file}",
            found="no class of that name with a method `decide`",
            remedy="Name the class under signal.rule; signals.python_rule says what it must have.",
        )
    return made, imported


def _place(key: Key) -> tuple[str, Any]:
    """Return symbol and session."""
    return key.symbol, key.session


def _looked_back_on(
    view: LakeView, strategy: Strategy, here: Entry, parameters: dict[str, Any]
) -> Neighbourhood:
    """Return the earlier bars that a rule reads; of a user's class its digest is a parameter."""
    signal = strategy.signal
    if isinstance(signal, SmaCross):
        return bars_before(view, here, signal.slow - 1)
    if isinstance(signal, PythonSignal):
        made, imported = rule_class(view.workspace, signal)
        parameters["file_digest"] = imported.digest
        count = warm_up_of(made)
        return bars_before(view, here, count) if count else _NOTHING
    return _NOTHING


def _named(view: LakeView, here: Entry, strategy: Strategy, name: str) -> Strategy:
    """Return the strategy that confirms another one on a symbol."""
    there = {
        one.name: one for one in applicable(view.workspace, here.symbol, here.levels["timeframe"])
    }
    if name not in there:
        raise StrategyError(
            asked=f"confirm.name {name!r} of strategy {strategy.name!r} on {here.symbol}",
            found=f"strategies of that symbol and timeframe are {', '.join(there)}",
            remedy="Name one of them, or let that strategy trade the symbol too.",
        )
    return there[name]


def _predicted(view: LakeView, sources: SignalSources, given: pl.DataFrame | None) -> pl.DataFrame:
    """Return the predictions that were given, or those of the lake."""
    if given is not None:
        return given
    if sources.predictions is None:
        raise StrategyError(
            asked=f"signals of {sources.strategy.name} on {sources.here.symbol} "
            f"{sources.here.session}",
            found="no predictions of its model",
            remedy="Make them first: quant materialize predictions",
        )
    return view.read(sources.predictions)


def _second_opinion(view: LakeView, sources: SignalSources) -> pl.DataFrame:
    """Return the rows that confirm: none where they are not made."""
    other = sources.second_signals
    if other is not None:
        return make_signals(view, other) if other.is_due else SIGNALS.empty()
    return view.read(sources.second) if sources.second else PREDICTIONS.empty()


def _rule_signals(view: LakeView, sources: SignalSources) -> pl.DataFrame:
    """Return what a rule asks for on the session's bars."""
    own, signal = view.read(sources.here), sources.strategy.signal
    bars = stacked(view, (*sources.before.entries, sources.here))
    n_before = bars.height - own.height
    if isinstance(signal, SmaCross):
        sides = sma_cross_sides(bars, signal)[n_before:]
    elif isinstance(signal, RandomSignal):
        sides = draw_sides(own, signal)
    else:
        sides = _asked_of_class(view.workspace, cast("PythonSignal", signal), bars, n_before)
    return rule_signals(own, sides)


def _asked_of_class(
    workspace: Workspace, signal: PythonSignal, bars: pl.DataFrame, n_before: int
) -> np.ndarray:
    """Return what a user's class wants, warmed up on bars of the session's first contract."""
    made, _ = rule_class(workspace, signal)
    opening = int(segment_starts(bars)[n_before]) if n_before < bars.height else n_before
    first = max(opening, n_before - warm_up_of(made))
    return rule_sides(made, bars.slice(first), n_before=n_before - first, params=signal.params)
