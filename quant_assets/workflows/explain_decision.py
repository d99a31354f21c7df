"""From a trade to what decided it: signal, features, prediction, model, label and roll."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from quant_assets.features.regime_schema import REGIMES
from quant_assets.market.instruments import AssetClass
from quant_assets.models.schema import MODELS, PREDICTIONS
from quant_assets.models.trained import TrainedModel
from quant_assets.signals.schema import SIGNALS
from quant_assets.storage.index import Entry
from quant_assets.workflows.explanation import Step, StepState
from quant_assets.workflows.recipes.learning_source import rows_to_learn
from quant_assets.workflows.recipes.roll_map import active_contract
from quant_assets.workflows.strategy_signals import session_signals
from quant_assets.workflows.traced_trades import TracedTrade
from quant_assets.workflows.view import LakeView

Row = dict[str, Any]

_SHOWN = 6
"""Features that a sentence names; all of them stand in the values."""


def decision_steps(view: LakeView, trade: TracedTrade, here: Entry, bar: Row) -> Iterator[Step]:
    """Yield what decided a trade.

    Parameters
    ----------
    here
        Research bars of the signal's session.
    bar
        The bar at whose close the trade was asked for.
    """
    signals = _signals(view, trade, here)
    signal = _row_at(signals, bar)
    yield _signal_step(trade, signal)
    if trade.run.strategy.regimes is not None:
        yield _regime_step(view, trade, here, bar)
    if trade.run.strategy.learns:
        yield from _model_steps(view, trade, here, bar)
    else:
        told = f"a rule ({trade.run.strategy.signal.kind}): it learns nothing"
        yield Step("model", told, StepState.ENDED)
    yield _roll_step(view, trade, here)


def _signals(view: LakeView, trade: TracedTrade, here: Entry) -> pl.DataFrame:
    """Return the signals of a session: those stored, or made again as the run made them."""
    run = trade.run
    if run.entry is None:
        predicted = None
        if run.predictions is not None:
            predicted = run.predictions.get((here.symbol, here.session))
        return session_signals(view, run.strategy, here, predictions=predicted)
    found = view.at(
        SIGNALS.name,
        here.symbol,
        here.day,
        strategy=run.strategy.name,
        timeframe=run.strategy.timeframe,
    )
    return view.read(found[0]) if found else SIGNALS.empty()


def _signal_step(trade: TracedTrade, signal: Row | None) -> Step:
    """Say what was asked for, and whether it agrees with the side traded."""
    if signal is None:
        told = "no signal is stored of that bar any more"
        return Step("signal", told, StepState.ABSENT)
    side = {1: "long", -1: "short", 0: "none"}[signal["side"]]
    strategy = trade.run.strategy
    allowed = [f"confirmed by {strategy.confirm.name}"] if strategy.confirm else []
    allowed += ["in an allowed regime"] if strategy.regimes else []
    chance = "" if signal["chance"] is None else f", chance {signal['chance']:.4f}"
    verdict = f"blocked: {signal['blocked']}" if signal["blocked"] else "not blocked"
    told = f"{side} asked for at the close, {verdict}{chance}"
    told += f" ({', '.join(allowed)})" if allowed and not signal["blocked"] else ""
    told += ", out of sample" if signal["is_oos"] else ", IN SAMPLE"
    agrees = side == trade.row["side"] and signal["is_oos"]
    return Step("signal", told, StepState.FOUND if agrees else StepState.MISMATCH, plain(signal))


def _regime_step(view: LakeView, trade: TracedTrade, here: Entry, bar: Row) -> Step:
    """Say the regime that was known at the signal."""
    regimes = trade.run.strategy.regimes
    column = regimes.column if regimes else ""
    found = view.at(REGIMES.name, here.symbol, here.day, timeframe=here.levels["timeframe"])
    row = _row_at(view.read(found[0]), bar) if found else None
    if row is None:
        return Step("regime", "no regime is stored of that bar any more", StepState.ABSENT)
    allowed = ", ".join(map(str, regimes.allowed)) if regimes else ""
    told = f"{column} {row[column]} at the close; allowed are {allowed}"
    return Step("regime", told, values={column: row[column]})


def _model_steps(view: LakeView, trade: TracedTrade, here: Entry, bar: Row) -> Iterator[Step]:
    """Yield features, prediction, model and label of the signal's bar."""
    model, entry = _model(view, trade)
    yield _features_step(view, trade, here, bar, model)
    yield _prediction_step(view, trade, here, bar)
    if entry is None:
        told = "trained in memory for its sweep, not stored: it was trained again just now"
        yield Step("model", told, StepState.ENDED, {"model_version": trade.row["model_version"]})
    else:
        yield _model_step(view, trade, model, entry)
    yield _label_step(view, trade, here, bar)


def _model(view: LakeView, trade: TracedTrade) -> tuple[TrainedModel | None, Entry | None]:
    """Return the stored model of the run's strategy; none of a run that was computed again."""
    entries = view.of_symbol(MODELS.name, trade.run.strategy.name).get("", [])
    if trade.run.entry is None or not entries:
        return None, None
    return _loaded(view.read(entries[0])["text"].item()), entries[0]


@lru_cache(maxsize=4)
def _loaded(text: str) -> TrainedModel:
    """Read a model's text, checked; once for all trades of its run."""
    return TrainedModel.from_text(text)


def _features_step(
    view: LakeView, trade: TracedTrade, here: Entry, bar: Row, model: TrainedModel | None
) -> Step:
    """Show what the model read at the signal's bar."""
    strategy = trade.run.strategy
    found = view.at(strategy.source, here.symbol, here.day, timeframe=strategy.timeframe)
    row = _row_at(rows_to_learn(view, found[0]), bar) if found else None
    if row is None:
        told = f"table {strategy.source} holds no row of that bar any more"
        return Step("features", told, StepState.ABSENT)
    names = model.features if model else strategy.features or tuple(row)
    values = {name: row.get(name) for name in names if name not in {"session", "bar_start"}}
    shown = [f"{n} {v:.6g}" for n, v in list(values.items())[:_SHOWN] if v is not None]
    more = f" and {len(values) - len(shown)} more" if len(values) > len(shown) else ""
    told = f"{len(values)} values of {strategy.source}: {', '.join(shown)}{more}"
    return Step("features", told, values=values)


def _prediction_step(view: LakeView, trade: TracedTrade, here: Entry, bar: Row) -> Step:
    """Show the prediction, and whether the trade's model made it."""
    run = trade.run
    if run.predictions is not None:
        frame = run.predictions.get((here.symbol, here.session), PREDICTIONS.empty())
    else:
        levels = {"model": run.strategy.name, "timeframe": run.strategy.timeframe}
        found = view.at(PREDICTIONS.name, here.symbol, here.day, **levels)
        frame = view.read(found[0]) if found else PREDICTIONS.empty()
    row = _row_at(frame, bar)
    if row is None:
        return Step("prediction", "none is stored of that bar any more", StepState.ABSENT)
    fold = {-1: "of the final model", -2: "of the final model, in sample"}.get(
        row["fold"], f"of fold {row['fold']}"
    )
    version = row["model_version"]
    is_same = version == trade.row["model_version"]
    told = f"P {row['proba']:.4f} {fold}, by model {version[:12]}"
    if not is_same:
        told += f"; the trade was made by model {str(trade.row['model_version'])[:12]}"
    return Step("prediction", told, StepState.FOUND if is_same else StepState.MISMATCH, plain(row))


def _model_step(
    view: LakeView, trade: TracedTrade, model: TrainedModel | None, entry: Entry
) -> Step:
    """Show what the model was trained on."""
    inputs = view.workspace.lake.lineage(entry).inputs
    row = view.read(entry).row(0, named=True)
    days = sorted(name.rsplit("/", 1)[1] for name in inputs)
    values = {
        "model_version": row["model_version"],
        "rows": row["n_rows"],
        "folds": row["n_folds"],
        "train_start": row["train_start"].isoformat(),
        "train_end": row["train_end"].isoformat(),
        "training_partitions": dict(sorted(inputs.items())),
        "kind": model.content.model.kind if model else None,
        "code_version": entry.code_version,
    }
    span = f" from {days[0]} to {days[-1]}" if days else ""
    told = (
        f"{row['model_version'][:12]}, {row['n_rows']:,} rows of {len(days)} training partitions"
        f"{span}, {row['n_folds']} folds"
    )
    if row["model_version"] != trade.row["model_version"]:
        told += "; it has been trained anew since the trade"
        return Step("model", told, StepState.MISMATCH, values)
    return Step("model", told, values=values)


def _label_step(view: LakeView, trade: TracedTrade, here: Entry, bar: Row) -> Step:
    """Show what came of the trade that the label speaks of."""
    strategy = trade.run.strategy
    levels = {"dataset": strategy.dataset, "timeframe": strategy.timeframe}
    found = view.at("training_set", here.symbol, here.day, **levels)
    row = _row_at(view.read(found[0]), bar) if found else None
    if row is None:
        told = "the signal's bar has none: it ends the data, or its features were not full"
        return Step("label", told, StepState.ENDED)
    outcome = {1: "target first", -1: "stop first", 0: "time"}[row["label"]]
    told = f"{outcome}, return {row['label_return']:+.5f} by {row['label_end']:%Y-%m-%d %H:%M}"
    told += "" if row["final"] else ", not final"
    values = {name: row[name] for name in ("label", "label_end", "label_return", "final")}
    return Step("label", told, values=plain(values))


def _roll_step(view: LakeView, trade: TracedTrade, here: Entry) -> Step:
    """Show why that contract was read."""
    if view.workspace.instrument(here.symbol).asset_class is not AssetClass.FUTURE:
        return Step("roll", f"{here.symbol} is no future, there is no contract", StepState.ENDED)
    session: date = trade.row["session"]
    entry = active_contract(view, here.symbol, session)
    if entry is None:
        told = f"the roll map holds no row of {session} any more"
        return Step("roll", told, StepState.ABSENT)
    row = view.read(entry).row(0, named=True)
    rolled = "rolled that day" if row["rolled"] else "held from the day before"
    told = (
        f"{row['contract']} on {session}, {rolled}; led by {row['leader']}, "
        f"known at {row['known_at']:%Y-%m-%d %H:%M} UTC"
    )
    agrees = row["contract"] == trade.row["contract"]
    return Step("roll", told, StepState.FOUND if agrees else StepState.MISMATCH, plain(row))


def _row_at(frame: pl.DataFrame, bar: Row) -> Row | None:
    """Return the row of a bar, None where there is none."""
    found = frame.filter(pl.col("bar_start") == bar["bar_start"])
    return found.row(0, named=True) if found.height else None


def plain(row: Row) -> Row:
    """Return a row as JSON values: dates and instants in ISO 8601."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
    }
