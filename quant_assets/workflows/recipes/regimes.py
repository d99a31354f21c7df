"""Regimes of a session: its bars labelled by a state that was fitted on earlier sessions."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from quant_assets.features.regime_fit import RegimeState
from quant_assets.features.regime_schema import REGIME_MODELS, REGIMES
from quant_assets.features.regimes import (
    LOOK_BACK_BARS,
    fit_window,
    label_session,
    rules_for,
    state_table,
)
from quant_assets.market.timeframes import Timeframe
from quant_assets.settings.model import RegimeSettings
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import bars_before, research_bars
from quant_assets.workflows.recipes.regime_states import (
    Standing,
    Window,
    bars_of,
    earlier_states,
    refits_at,
    state_before,
    window_before,
)
from quant_assets.workflows.recomputation import Recomputation
from quant_assets.workflows.view import LakeView, versions

_FIRST_DAY = date(1970, 1, 1)
"""Dates count from it."""

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

    def recomputation(self, view: LakeView, key: Key, plan: Plan) -> Recomputation:
        """Return the bars of window and session, and what labels the session by them.

        The state before is held as it stands: it hangs on no bar of the session.
        """
        labelling = _labelling(view, key, plan)
        return Recomputation(labelling.regimes, _bars(view, plan))

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Fit at a refit, and label."""
        here, _, _, window, start_ns, _ = plan.payload
        labelling, bars = _labelling(view, key, plan), _bars(view, plan)
        frame = labelling.regimes(bars)
        fitted = labelling.fitted(bars)
        levels = {"timeframe": here.levels["timeframe"], "symbol": key.symbol}
        files = [MadeFile(REGIMES, levels, frame)]
        if fitted is not None:
            span = (window.entries[0].day, window.entries[-1].day)
            models = state_table(fitted, session=here.day, known_at_ns=start_ns, window=span)
            files.append(MadeFile(REGIME_MODELS, levels, models))
        labelled = frame.height - frame["mixture_label"].null_count()
        return Made(
            tuple(files),
            counts={
                "bars_labelled": labelled,
                "bars_without_label": frame.height - labelled,
                "states_fitted": len(files) - 1,
            },
        )


@dataclass
class _Labelling:
    """How the regimes of a session come from bars.

    Parameters
    ----------
    window, neighbours
        Sessions that a state is fitted on, none where none is, and those whose bars the labels of
        the session look at, its own with them.
    previous
        State that stands before the session.
    """

    session: date
    window: tuple[date, ...]
    neighbours: tuple[date, ...]
    previous: Standing | None
    rules: RegimeSettings
    _last: tuple[pl.DataFrame, RegimeState | None] | None = field(default=None, init=False)

    def regimes(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Return the session's regimes."""
        fitted = self.fitted(bars)
        state = (self.session, fitted) if fitted else self.previous
        return label_session(
            _of(bars, self.neighbours),
            session=self.session,
            state=state[1] if state else None,
            state_session=state[0] if state else None,
        )

    def fitted(self, bars: pl.DataFrame) -> RegimeState | None:
        """Return the state that is fitted at the session, if one is; once for the same bars."""
        past = _of(bars, self.window)
        if past.is_empty():
            return None
        if self._last is None or not self._last[0].equals(past):
            previous = self.previous[1] if self.previous else None
            self._last = past, fit_window([past], rules=self.rules, previous=previous)
        return self._last[1]


def _labelling(view: LakeView, key: Key, plan: Plan) -> _Labelling:
    """Return how the regimes of a plan come from bars."""
    here, before, earlier, window, _, rules = plan.payload
    return _Labelling(
        session=key.session,
        window=tuple(entry.day for entry in window.entries),
        neighbours=tuple(entry.day for entry in (*before, here)),
        previous=state_before(view, here, earlier, rules),
        rules=rules,
    )


def _bars(view: LakeView, plan: Plan) -> pl.DataFrame:
    """Return the bars that a plan reads, oldest first, each session once."""
    here, before, _, window, _, _ = plan.payload
    entries = {entry.day: entry for entry in (*window.entries, *before, here)}
    return bars_of(view, [entries[day] for day in sorted(entries)])


def _of(bars: pl.DataFrame, sessions: tuple[date, ...]) -> pl.DataFrame:
    """Return the bars of some sessions; a view where they stand together, as they mostly do."""
    days = bars["session"].cast(pl.Int32).to_numpy()
    wanted = np.isin(days, [(day - _FIRST_DAY).days for day in sessions])
    rows = np.flatnonzero(wanted)
    if rows.size and rows[-1] - rows[0] + 1 == rows.size:
        return bars[int(rows[0]) : int(rows[-1]) + 1]
    return bars.filter(wanted)
