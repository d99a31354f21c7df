"""A strategy computed wholly in memory from what the lake holds, as one cell of a sweep.

It gives what the assets give that store each step: the same rows, model, signals, trades and trial.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from quant_assets.backtests.kept import Kept
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.errors import LakeError, StateError, StrategyError, TrainingError
from quant_assets.models.prediction import predict_session
from quant_assets.models.trained import TrainedModel
from quant_assets.signals.build import model_signals
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.job_queue import Finished, Job
from quant_assets.workflows.backtesting import Backtest, run_trial
from quant_assets.workflows.histories import histories_of
from quant_assets.workflows.history_signals import is_of_whole_history, whole_rule_signals
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.learning_source import rows_to_learn
from quant_assets.workflows.recipes.neighbours import BARS, research_history
from quant_assets.workflows.recipes.training_set import bars_to_label, label_rows
from quant_assets.workflows.strategy_backtest import backtest_code_version, quality_share
from quant_assets.workflows.strategy_check import check_strategy
from quant_assets.workflows.strategy_signals import session_signals
from quant_assets.workflows.sweep_jobs import Reads, job_of
from quant_assets.workflows.training import fit_model
from quant_assets.workflows.view import LakeView, versions

KEPT_ROWS = 4
KEPT_MODELS = 16
KEPT_MARKETS = 2
KEPT_PARTS = 4
"""Of what backtests share, so many of each kind: whole markets, and figures on their bars such as
those of a latency or a target."""

_OF_MARKETS = frozenset({"histories", "merged", "rest", "finer", "rule bars"})

Made = TypeVar("Made")

Predictions = dict[tuple[str, str], pl.DataFrame]
"""By symbol and session (ISO): a model's predictions."""


@dataclass(frozen=True)
class Predicted:
    """A model's predictions: each symbol's in one frame, and each session's as a part of it."""

    by_session: Predictions
    by_symbol: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, by_session: Predictions) -> "Predicted":
        """Return predictions by session, in the order of symbols and sessions, in both forms."""
        parts: dict[str, list[pl.DataFrame]] = {}
        for (symbol, _), rows in by_session.items():
            parts.setdefault(symbol, []).append(rows)
        by_symbol = {symbol: pl.concat(frames, rechunk=True) for symbol, frames in parts.items()}
        # Slices hold no rows of their own: many models are kept, and their rows once.
        ends = dict.fromkeys(by_symbol, 0)
        sliced: Predictions = {}
        for (symbol, session), rows in by_session.items():
            sliced[symbol, session] = by_symbol[symbol].slice(ends[symbol], rows.height)
            ends[symbol] += rows.height
        return cls(sliced, by_symbol)


@dataclass(frozen=True)
class _Sources:
    """Bars and source of each session that a model learns from, and a version of all of it."""

    pairs: list[tuple[Entry, Entry]]
    version: str


class Cache:
    """What cells share: training rows and models by their content, the last used of each.

    Cells that differ only in keys of trading train once.
    """

    def __init__(self) -> None:
        self._kept: dict[str, OrderedDict[Hashable, object]] = {}
        self.made: dict[str, int] = {}
        """How often something was made anew, by what it is."""

    def get(self, what: str, key: Hashable, make: Callable[[], Made], *, most: int) -> Made:
        """Return what is kept under a key, made where it is not."""
        kept = self._kept.setdefault(what, OrderedDict())
        if key not in kept:
            kept[key] = make()
            self.made[what] = self.made.get(what, 0) + 1
            while len(kept) > most:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]  # type: ignore[return-value]

    def keep(self, version: str) -> Kept:
        """Return what keeps things that hang on a version, and on what they are kept by."""

        def kept(what: str, on: Hashable, make: Callable[[], Made], /) -> Made:
            most = KEPT_MARKETS if what in _OF_MARKETS else KEPT_PARTS
            return self.get(f"shared {what}", (version, on), make, most=most)

        return kept


def run_configuration(
    view: LakeView, strategy: Strategy, cache: Cache, *, sweep: str | None = None
) -> Backtest:
    """Learn, predict, signal and trade a strategy; nothing is stored.

    Parameters
    ----------
    strategy
        Its symbols written out.
    sweep
        Sweep that asks for it.

    Raises
    ------
    TrainingError, StrategyError
        As the assets would: no rows to learn from, no bars, a rule that fails.
    """
    predicted = _predicted_of(view, strategy, cache) if strategy.learns else None
    signals = _signals(view, strategy, predicted, cache)
    found = histories_of(view, strategy, signals, keep=cache.keep)
    kept = cache.keep(found.market)
    return run_trial(
        found.by_symbol,
        strategy=strategy,
        instruments={s: view.workspace.instrument(s) for s in found.by_symbol},
        data_versions=found.versions,
        code_version=backtest_code_version(),
        quality_share=kept("quality", None, lambda: quality_share(view, found)),
        sweep=sweep,
        kept=kept,
    )


def research_sessions(view: LakeView, strategy: Strategy) -> Iterator[Entry]:
    """Yield the research bars that a strategy trades on, by symbol and session."""
    for symbol in strategy.symbols or ():
        for entry in research_history(view, symbol):
            if entry.levels["timeframe"] == strategy.timeframe:
                yield entry


def _signals(
    view: LakeView, strategy: Strategy, predicted: Predicted | None, cache: Cache
) -> Mapping[str, pl.DataFrame]:
    """Return the signals of each symbol; a model's on sessions that it has predicted alone."""
    if is_of_whole_history(strategy):
        if predicted is None:
            return whole_rule_signals(view, strategy, cache.keep("bars"))
        decision = strategy.learning.decision
        return {s: model_signals(rows, decision) for s, rows in predicted.by_symbol.items()}
    parts: dict[str, list[pl.DataFrame]] = {}
    for here in research_sessions(view, strategy):
        of_model = None
        if predicted is not None:
            of_model = predicted.by_session.get((here.symbol, here.session))
            if of_model is None:
                continue
        made = session_signals(view, strategy, here, predictions=of_model)
        parts.setdefault(here.symbol, []).append(made)
    return {symbol: pl.concat(frames) for symbol, frames in parts.items()}


def predictions_of(view: LakeView, strategy: Strategy, cache: Cache) -> Predictions:
    """Return the predictions of a strategy's model on all sessions of its source."""
    return _predicted_of(view, strategy, cache).by_session


def _predicted_of(view: LakeView, strategy: Strategy, cache: Cache) -> Predicted:
    """Return the predictions of a strategy's model, trained where it was not before."""
    sources = _sources_of(view, strategy, cache)
    symbols = list(strategy.symbols or ())
    label = digest_of([sources.version, strategy.dataset, strategy.timeframe, symbols])

    def train() -> Predicted:
        _refuse_no_source(strategy, sources.pairs)
        check_strategy(view.workspace, strategy)
        rows = cache.get(
            "rows", label, lambda: _training_rows(view, strategy, sources.pairs), most=KEPT_ROWS
        )
        model, _ = fit_model(rows, strategy)
        return Predicted.of(_predicted(view, model, sources.pairs))

    key = digest_of([sources.version, strategy.training_values()])
    return cache.get("model", key, train, most=KEPT_MODELS)


def _sources_of(view: LakeView, strategy: Strategy, cache: Cache) -> _Sources:
    """Return what a model learns from; what is kept is good while the view stands."""

    def look() -> _Sources:
        pairs = list(_sources(view, strategy))
        # Labels look forward and back over all bars, whose holes count too.
        of_bars = versions(research_sessions(view, strategy))
        return _Sources(pairs, digest_of({**of_bars, **versions(source for _, source in pairs)}))

    tables, symbols = (BARS, strategy.source), strategy.symbols or ()
    states = [view.remembered(("state", *tables), tables, symbol, object) for symbol in symbols]
    on = (strategy.timeframe, strategy.source, *zip(symbols, states, strict=True))
    return cache.keep("sources")("sources", on, look)


def _sources(view: LakeView, strategy: Strategy) -> Iterator[tuple[Entry, Entry]]:
    """Yield bars and source of each session that has both."""
    for here in research_sessions(view, strategy):
        levels = {"timeframe": strategy.timeframe}
        found = view.at(strategy.source, here.symbol, here.day, **levels)
        if found:
            yield here, found[0]


def _refuse_no_source(strategy: Strategy, pairs: list[tuple[Entry, Entry]]) -> None:
    """Raise where there is nothing to learn from."""
    if not pairs:
        raise TrainingError(
            asked=f"train {strategy.name}",
            found=f"no {strategy.source} at {strategy.timeframe}",
            remedy=f"Make it first: quant materialize {strategy.source}",
        )


def _training_rows(
    view: LakeView, strategy: Strategy, pairs: list[tuple[Entry, Entry]]
) -> pl.DataFrame:
    """Return the rows of all sessions with their labels and symbol."""
    parts = []
    for here, source in pairs:
        rows = label_rows(
            view,
            strategy,
            Key(here.symbol, here.day),
            rows_to_learn(view, source),
            bars_to_label(view, strategy, here),
        )
        parts.append(rows.with_columns(symbol=pl.lit(here.symbol)))
    return pl.concat(parts)


def _predicted(
    view: LakeView, model: TrainedModel, pairs: list[tuple[Entry, Entry]]
) -> Predictions:
    """Return a model's predictions of each session."""
    return {
        (here.symbol, here.session): predict_session(model, rows_to_learn(view, source))
        for here, source in pairs
    }


class ConfigurationRunner:
    """Runs jobs on a lake, with one view and cache for all of them."""

    def __init__(self, view: LakeView) -> None:
        self._view = view
        self._reads = Reads(view)
        self.cache = Cache()

    def __call__(self, job: Job) -> Finished:
        """Compute a job's trial.

        Raises
        ------
        StrategyError
            If what it reads is no longer what it was queued with; or as `run_configuration`.
        """
        strategy = Strategy.parse(job.config)
        self._check(job, strategy)
        try:
            made = run_configuration(self._view, strategy, self.cache, sweep=job.sweep)
        except StateError:
            raise
        except LakeError:
            # A file that was replaced meanwhile: if so the check says it, else the error stands.
            self._reads.forget()
            self._check(job, strategy)
            raise
        return Finished(job.job_id, made.trial.trial_id, made.trial.to_row())

    def _check(self, job: Job, strategy: Strategy) -> None:
        """Refuse a job whose content is not there; the index is read anew before it is refused."""
        if job_of(strategy, self._reads, sweep=job.sweep).job_id == job.job_id:
            return
        self._reads.forget()
        if job_of(strategy, self._reads, sweep=job.sweep).job_id != job.job_id:
            raise StrategyError(
                asked=f"trial {strategy.name}",
                found="what it reads has changed since it was queued, or is not in this lake",
                remedy="Run the sweep again: it queues what the lake holds now.",
            )
