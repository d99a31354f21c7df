"""Regimes of a session: its bars labelled by a state that was fitted on earlier sessions."""

import polars as pl

from quant_assets.features.regime_schema import REGIME_MODELS, REGIMES
from quant_assets.features.regimes import (
    LOOK_BACK_BARS,
    label_session,
    rules_for,
    state_table,
)
from quant_assets.market.timeframes import Timeframe
from quant_assets.settings.model import RegimeSettings
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import bars_before, research_bars
from quant_assets.workflows.recipes.regime_states import (
    Standing,
    Window,
    bars_of,
    earlier_states,
    fit_at,
    refits_at,
    state_before,
    window_before,
)
from quant_assets.workflows.view import LakeView, versions

_NOTHING = Window(entries=(), inputs={}, needs=())


class RegimesRecipe:
    """Gaussian mixture and volatility clusters on the research timeframe, and fitted states.

    A session's partition holds table `regimes`; where a state is fitted at it, table
    `regime_models` too.
    """

    asset = "regimes"
    upstream = ("bars",)
    tables = (REGIMES, REGIME_MODELS)
    modules = (
        __name__,
        "quant_assets.workflows.recipes.regime_states",
        "quant_assets.features.regimes",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's bars, the state before it, and at a refit the window's bars."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        timeframe = Timeframe.parse(here.levels["timeframe"])
        rules = rules_for(view.workspace.settings.regimes, timeframe)
        before = bars_before(view, here, LOOK_BACK_BARS)
        earlier = earlier_states(view, here, rules)
        refits = refits_at(view, key.symbol, key.session, rules)
        window = window_before(view, here, rules) if refits else _NOTHING
        start_ns = view.workspace.calendar(key.symbol).bounds(key.session).start_ns
        needs = (*before.needs(key.symbol), *window.needs, *earlier.needs)
        return Plan(
            inputs=before.inputs | window.inputs | earlier.inputs | versions([here]),
            parameters={
                "timeframe": timeframe.name,
                "regimes": rules.model_dump(mode="json"),
                "states": earlier.days,
                "known_at": start_ns if refits else None,
            },
            needs=tuple(dict.fromkeys(needs)),
            payload=(here, before.entries, earlier, window, start_ns, rules),
            origin=here.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Fit at a refit, and label."""
        here, before, earlier, window, start_ns, rules = plan.payload
        state = state_before(view, here, earlier, rules)
        models, state = _refitted(view, here, window, start_ns, state, rules)
        frame = label_session(
            bars_of(view, (*before, here)),
            session=key.session,
            state=state[1] if state else None,
            state_session=state[0] if state else None,
        )
        levels = {"timeframe": here.levels["timeframe"], "symbol": key.symbol}
        files = [MadeFile(REGIMES, levels, frame)]
        files += [MadeFile(REGIME_MODELS, levels, models)] if models is not None else []
        labelled = frame.height - frame["mixture_label"].null_count()
        return Made(
            tuple(files),
            counts={
                "bars_labelled": labelled,
                "bars_without_label": frame.height - labelled,
                "states_fitted": len(files) - 1,
            },
        )


def _refitted(
    view: LakeView,
    here: Entry,
    window: Window,
    start_ns: int,
    previous: Standing | None,
    rules: RegimeSettings,
) -> tuple[pl.DataFrame | None, Standing | None]:
    """Return the new state as a table, and the state that stands from the session on."""
    fitted = fit_at(view, window, previous, rules)
    if fitted is None:
        return None, previous
    span = (window.entries[0].day, window.entries[-1].day)
    table = state_table(fitted, session=here.day, known_at_ns=start_ns, window=span)
    return table, (here.day, fitted)
