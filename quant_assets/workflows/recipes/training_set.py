"""Training sets of a session: features joined to labels with their end."""

from typing import Any

import polars as pl

from quant_assets.market.timeframes import Timeframe, crosses_sessions
from quant_assets.models.dataset import build_training_set, feature_columns
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.labels import label_session
from quant_assets.models.schema import training_set_table
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.learning_source import find_sources, rows_to_learn
from quant_assets.workflows.recipes.neighbours import bars_after, research_bars, stacked
from quant_assets.workflows.strategies import applicable
from quant_assets.workflows.strategy_check import source_columns
from quant_assets.workflows.view import LakeView, versions


class TrainingSetRecipe:
    """One dataset a label and source that any strategy of the symbol asks for."""

    asset = "training_set"
    upstream = ("bars",)
    """What strategies learn from is among the needs: not all of them ask for features."""
    tables = (training_set_table(("close",)),)
    modules = (
        __name__,
        "quant_assets.workflows.recipes.learning_source",
        "quant_assets.models.dataset",
        "quant_assets.models.labels",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take what strategies learn from, the bars, and those that labels look forward to."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        timeframe = here.levels["timeframe"]
        wanted = _datasets(view, key.symbol, timeframe)
        sources = find_sources(view, here, (one.source for one in wanted))
        made = [one for one in wanted if one.source in sources.entries]
        if not made:
            return NotDue(Status.MISSING, f"no {sources.absent}", sources.needs)
        crosses = _crosses(view, key.symbol, timeframe)
        longest = max(one.learning.label.horizon_bars for one in made)
        after = bars_after(view, here, longest if crosses else 0)
        return Plan(
            inputs=sources.inputs | versions([here]) | after.inputs,
            parameters={
                "datasets": [_told(one) for one in made],
                "timeframe": timeframe,
                "cross_session": crosses,
                "close_ns": None if crosses else _close_ns(view, key),
            },
            needs=(*sources.needs, *after.needs(key.symbol)),
            payload=(here, sources.entries, after.entries, made),
            origin=here.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Label each bar and join."""
        here, sources, after, wanted = plan.payload
        bars = stacked(view, (here, *after))
        files = []
        for one in wanted:
            frame = label_rows(view, one, key, rows_to_learn(view, sources[one.source]), bars)
            table = training_set_table(feature_columns(frame))
            levels = {
                "dataset": one.dataset,
                "timeframe": plan.parameters["timeframe"],
                "symbol": key.symbol,
            }
            targets = int((frame["label"] == 1).sum())
            stats = {"final": bool(frame["final"].all()), "targets": targets}
            files.append(MadeFile(table, levels, frame, stats))
        rows = sum(file.frame.height for file in files)
        return Made(
            tuple(files),
            final=all(file.stats["final"] for file in files),
            final_through=after[-1].day if after else key.session,
            counts={
                "labels": float(rows),
                "labels_target": float(sum(file.stats["targets"] for file in files)),
            },
        )


def label_rows(
    view: LakeView, one: Strategy, key: Key, learned: pl.DataFrame, bars: pl.DataFrame
) -> pl.DataFrame:
    """Return a session's rows with their labels, as table `training_set` has them.

    Parameters
    ----------
    learned
        The session's rows of the strategy's source, as `rows_to_learn` returns them.
    bars
        The session's bars, and those after it that the label may look forward to.
    """
    crosses = _crosses(view, key.symbol, one.timeframe)
    labelled = label_session(
        bars,
        session=key.session,
        timeframe=Timeframe.parse(one.timeframe),
        spec=one.learning.label,
        cross_session=crosses,
        close_ns=None if crosses else _close_ns(view, key),
        side=_sides(learned, one.learning.label),
    )
    return build_training_set(learned, labelled)


def bars_to_label(view: LakeView, one: Strategy, here: Entry) -> pl.DataFrame:
    """Return the bars of a session, and those after it that a strategy's label looks forward to."""
    crosses = _crosses(view, here.symbol, one.timeframe)
    after = bars_after(view, here, one.learning.label.horizon_bars if crosses else 0)
    return stacked(view, (here, *after.entries))


def _crosses(view: LakeView, symbol: str, timeframe: str) -> bool:
    """Return whether a symbol's positions are held into the next session."""
    asset_class = view.workspace.instrument(symbol).asset_class
    return crosses_sessions(asset_class, Timeframe.parse(timeframe))


def _close_ns(view: LakeView, key: Key) -> int:
    """Return the official close of a session."""
    return view.workspace.calendar(key.symbol).bounds(key.session).close_ns


def _datasets(view: LakeView, symbol: str, timeframe: str) -> list[Strategy]:
    """Return a strategy for each distinct dataset that the symbol's learn from, by its name.

    One whose first rule reads a column that its source lacks has none: its training says so.
    """
    wanted = {
        one.dataset: one
        for one in applicable(view.workspace, symbol, timeframe)
        if one.learns and _has_first_rule(view, one)
    }
    return [wanted[name] for name in sorted(wanted)]


def _has_first_rule(view: LakeView, one: Strategy) -> bool:
    """Return whether the source has the column that a meta-label's first rule reads, if any."""
    primary = one.learning.label.primary
    return primary is None or primary in source_columns(view.workspace, one.source)


def _sides(rows: pl.DataFrame, label: LabelSpec) -> pl.DataFrame | None:
    """Return the sides that a meta-label's first rule trades on; None of other labels."""
    if label.primary is None:
        return None
    sign = pl.col(label.primary).fill_nan(None).sign().cast(pl.Int8)
    return rows.select("bar_start", sign.alias("side"))


def _told(one: Strategy) -> dict[str, Any]:
    """Return what a dataset depends on."""
    return {"source": one.source, **one.learning.label.to_mapping()}
