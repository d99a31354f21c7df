"""Training sets of a session: features joined to triple-barrier labels with their end."""

from quant_assets.market.timeframes import Timeframe
from quant_assets.models.dataset import build_training_set, feature_columns
from quant_assets.models.labels import crosses_sessions, label_session
from quant_assets.models.schema import training_set_table
from quant_assets.models.spec import LabelSpec
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import bars_after, research_bars, stacked
from quant_assets.workflows.strategies import applicable
from quant_assets.workflows.view import LakeView, versions


class TrainingSetRecipe:
    """One dataset a label that any strategy of the symbol asks for."""

    asset = "training_set"
    upstream = ("bars", "features")
    tables = (training_set_table(("close",)),)
    modules = (__name__, "quant_assets.models.dataset", "quant_assets.models.labels")

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's features, its bars, and the bars that labels look forward to."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        timeframe = here.levels["timeframe"]
        features = view.at("features", key.symbol, key.session, timeframe=timeframe)
        if not features:
            return NotDue(Status.MISSING, "no features")
        workspace = view.workspace
        labels = _labels(view, key.symbol, timeframe)
        crosses = crosses_sessions(
            workspace.instrument(key.symbol).asset_class, Timeframe.parse(timeframe)
        )
        longest = max(label.horizon_bars for label in labels)
        after = bars_after(view, here, longest if crosses else 0)
        return Plan(
            inputs=versions([*features, here]) | after.inputs,
            parameters={
                "labels": [label.model_dump() for label in labels],
                "timeframe": timeframe,
                "cross_session": crosses,
                "close_ns": None if crosses else _close_ns(view, key),
            },
            needs=after.needs(key.symbol),
            payload=(here, features[0], after.entries, labels),
            origin=here.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Label each bar and join."""
        here, features, after, labels = plan.payload
        bars = stacked(view, (here, *after))
        files = []
        for label in labels:
            labelled = label_session(
                bars,
                session=key.session,
                timeframe=Timeframe.parse(plan.parameters["timeframe"]),
                sl=label.sl,
                tp=label.tp,
                horizon_bars=label.horizon_bars,
                cross_session=plan.parameters["cross_session"],
                close_ns=plan.parameters["close_ns"],
            )
            frame = build_training_set(view.read(features), labelled)
            table = training_set_table(feature_columns(frame))
            levels = {
                "dataset": label.dataset,
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


def _close_ns(view: LakeView, key: Key) -> int:
    """Return the official close of a session."""
    return view.workspace.calendar(key.symbol).bounds(key.session).close_ns


def _labels(view: LakeView, symbol: str, timeframe: str) -> list[LabelSpec]:
    """Return the distinct labels that the symbol's strategies learn, by dataset name."""
    wanted = {one.label.dataset: one.label for one in applicable(view.workspace, symbol, timeframe)}
    return [wanted[name] for name in sorted(wanted)]
