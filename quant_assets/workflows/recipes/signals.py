"""Signals of a session: what each strategy of the symbol asks for at each close."""

from quant_assets.market.errors import QuantError
from quant_assets.signals.schema import SIGNALS
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import research_bars
from quant_assets.workflows.strategies import applicable
from quant_assets.workflows.strategy_signals import (
    MODULES,
    SignalSources,
    make_signals,
    signal_sources,
)
from quant_assets.workflows.view import LakeView


class SignalsRecipe:
    """Sides wanted by models and rules, after confirmation and regime filter."""

    asset = "signals"
    upstream = ("bars",)
    """Predictions and regimes are among the needs: rules ask for neither."""
    tables = (SIGNALS,)
    modules = (__name__, *MODULES)

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take what each strategy's signals come from."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        timeframe = here.levels["timeframe"]
        found: list[SignalSources] = []
        refused: list[QuantError] = []
        for strategy in applicable(view.workspace, key.symbol, timeframe):
            try:
                found.append(signal_sources(view, strategy, here))
            except QuantError as error:
                # Another strategy's signals do not wait for a file that is to be mended.
                refused.append(error)
        due = [one for one in found if one.is_due]
        if not due:
            needs = tuple(need for one in found for need in one.needs)
            if refused:
                raise refused[0]
            return NotDue(Status.NOT_DUE, "no strategy with predictions, and no rule", needs)
        return Plan(
            inputs={name: version for one in due for name, version in one.inputs.items()},
            parameters={"strategies": [dict(one.parameters) for one in due]},
            needs=tuple(sorted({need for one in due for need in one.needs})),
            payload=(due, timeframe, len(refused)),
            origin=here.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Ask each strategy."""
        due, timeframe, n_refused = plan.payload
        files: list[MadeFile] = []
        failed: list[QuantError] = []
        for sources in due:
            try:
                frame = make_signals(view, sources)
            except QuantError as error:
                failed.append(error)
                continue
            levels = {
                "strategy": sources.strategy.name,
                "timeframe": timeframe,
                "symbol": key.symbol,
            }
            stats = {
                "asked": int((frame["asked"] != 0).sum()),
                "wanted": int((frame["side"] != 0).sum()),
            }
            files.append(MadeFile(SIGNALS, levels, frame, stats))
        if failed and not files:
            raise failed[0]
        counts = {
            "strategies_that_failed": float(n_refused + len(failed)),
            "trades_asked": float(sum(file.stats["asked"] for file in files)),
            "trades_wanted": float(sum(file.stats["wanted"] for file in files)),
        }
        return Made(tuple(files), counts=counts)
