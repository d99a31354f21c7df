"""Predictions of a session, by each strategy's model."""

from functools import lru_cache

from quant_assets.market.errors import TrainingError
from quant_assets.models.prediction import column_report, predict_session
from quant_assets.models.schema import MODELS, PREDICTIONS
from quant_assets.models.trained import TrainedModel
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.learning_source import find_sources, rows_to_learn
from quant_assets.workflows.recipes.neighbours import research_bars
from quant_assets.workflows.strategies import applicable
from quant_assets.workflows.view import LakeView, versions


class PredictionsRecipe:
    """Probability of "target first" for each bar, by a booster that did not see its outcome."""

    asset = "predictions"
    upstream = ("bars",)
    """What models read is among the needs: not all of them read features."""
    tables = (PREDICTIONS,)
    modules = (
        __name__,
        "quant_assets.workflows.recipes.learning_source",
        "quant_assets.models.prediction",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the models of the symbol's strategies, and what each of them reads."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        timeframe = here.levels["timeframe"]
        models = [
            (entry, strategy.source)
            for strategy in applicable(view.workspace, key.symbol, timeframe)
            for entry in view.of_symbol(MODELS.name, strategy.name).get("", [])
        ]
        if not models:
            return NotDue(Status.NOT_DUE, "no model of a strategy that trades this symbol")
        sources = find_sources(view, here, (source for _, source in models))
        pairs = [(model, sources.entries.get(source)) for model, source in models]
        used = [(model, entry) for model, entry in pairs if entry]
        if not used:
            return NotDue(Status.MISSING, f"no {sources.absent}", sources.needs)
        return Plan(
            inputs=sources.inputs | versions(model for model, _ in used),
            needs=sources.needs,
            payload=(used, timeframe),
            origin=here.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Predict with each model."""
        used, timeframe = plan.payload
        frames = {source.table: rows_to_learn(view, source) for _, source in used}
        files: list[MadeFile] = []
        refused: list[TrainingError] = []
        for entry, source in used:
            rows = frames[source.table]
            try:
                model = self._model(view, entry)
                made = predict_session(model, rows)
            except TrainingError as error:
                # Another strategy's predictions do not wait for a model that is to be made anew.
                refused.append(error)
                continue
            report = column_report(model, rows, made)
            levels = {"model": entry.symbol, "timeframe": timeframe, "symbol": key.symbol}
            stats = {
                "oos": int(made["is_oos"].sum()),
                "extra_columns": len(report.extra_columns),
                "without_value": report.n_without_value,
                "without_trade": report.n_without_trade,
            }
            files.append(MadeFile(PREDICTIONS, levels, made, stats))
        if refused and not files:
            raise refused[0]
        counts = {
            "models_that_cannot_predict": float(len(refused)),
            "predictions": sum(file.frame.height for file in files),
            "out_of_sample": sum(file.stats["oos"] for file in files),
            "bars_without_value": sum(file.stats["without_value"] for file in files),
            "bars_without_trade": sum(file.stats["without_trade"] for file in files),
            "columns_left_out": max((file.stats["extra_columns"] for file in files), default=0),
        }
        return Made(tuple(files), counts=counts)

    def _model(self, view: LakeView, entry: Entry) -> TrainedModel:
        """Return a model, loaded once a version."""
        return _loaded(view.read(entry)["text"].item())


@lru_cache(maxsize=16)
def _loaded(text: str) -> TrainedModel:
    """Read a model's text, checked."""
    return TrainedModel.from_text(text)
