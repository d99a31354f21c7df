"""Regimes walk forward: fitted on the sessions before, applied to the session and those after it.

At the first session of each week (or month, or every session) a state is fitted on the bars of
the sessions before it. It labels each bar from then on by what is known at that bar's end, until
the next state, or until it is older than the window that it was fitted on. No label knows a bar
later than its own.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from quant_assets.features.regime_fit import RegimeState, fit_state
from quant_assets.features.regime_kernels import (
    PERIOD,
    bar_ingredients,
    cholesky,
    likeliest,
    nearest,
)
from quant_assets.features.regime_schema import (
    INGREDIENT_NAMES,
    MIXTURE,
    REGIME_MODELS,
    REGIMES,
    VOLATILITY,
    covariance_name,
)
from quant_assets.indicators.arrays import FlagArray, FloatArray, IntArray
from quant_assets.indicators.columns import changes_of, nullable_columns
from quant_assets.market.columns import UTC_NS
from quant_assets.market.periods import week_of
from quant_assets.market.timeframes import Timeframe
from quant_assets.settings.model import RegimeSettings

LOOK_BACK_BARS = PERIOD
"""Bars before a session that its ingredients look at."""

_SESSIONS_A_PERIOD = {"session": 1, "week": 5, "month": 23}
"""Most sessions between two refits."""


def rules_for(rules: RegimeSettings, timeframe: Timeframe) -> RegimeSettings:
    """Return the rules of bars of some length.

    A session has one daily bar: a window is then of twice the fewest rows at least, for a window
    of months of daily bars would never hold enough.
    """
    if not timeframe.is_daily:
        return rules
    sessions = max(rules.window_sessions, 2 * rules.least_rows)
    return rules.model_copy(update={"window_sessions": sessions})


def is_refit(session: date, before: date | None, rules: RegimeSettings) -> bool:
    """Whether a state is fitted at a session, by the calendar alone.

    Parameters
    ----------
    before
        Session before it; None where it is the calendar's first.
    """
    if before is None or rules.refit == "session":
        return True
    if rules.refit == "week":
        return week_of(before) != week_of(session)
    return (before.year, before.month) != (session.year, session.month)


def standing_sessions(rules: RegimeSettings) -> int:
    """Return for how many sessions after its own a state stands, where none follows it."""
    return rules.window_sessions + _SESSIONS_A_PERIOD[rules.refit]


def ingredients_of(bars: pl.DataFrame) -> FloatArray:
    """Return log volatility, drift and log volume ratio of each bar, shape (n, 3).

    Parameters
    ----------
    bars
        Columns bar_start, close, volume and perhaps contract, in time order. The first 20 bars
        have no values, nor have the first 20 behind a missing close or of another contract.
    """
    close = bars["close"].cast(pl.Float64).to_numpy(writable=True)
    volume = bars["volume"].cast(pl.Float64).to_numpy(writable=True)
    starts = np.zeros(bars.height, dtype=np.bool_)
    if "contract" in bars.columns:
        starts = changes_of(bars["contract"])
    rows: FloatArray = bar_ingredients(close, volume, starts)
    return rows


def label_session(
    window: pl.DataFrame,
    *,
    session: date,
    state: RegimeState | None,
    state_session: date | None,
) -> pl.DataFrame:
    """Return the regimes of one session's bars.

    Parameters
    ----------
    window
        Bars of the session and the `LOOK_BACK_BARS` before it, in any order; more bars, also
        later ones, change nothing.
    session
        Session whose bars get a row each.
    state, state_session
        State that labels, and the session that it was fitted at; None leaves labels null.

    Returns
    -------
    DataFrame
        Table `regimes`.
    """
    known, own = _known(window, session)
    rows = ingredients_of(known)[own]
    mixture, volatility = _labels(rows, state)
    since = pl.Series("state_session", [state_session], dtype=pl.Date)
    return pl.DataFrame(
        [
            known["session"].filter(pl.Series(own)),
            known["bar_start"].filter(pl.Series(own)).cast(UTC_NS),
            *nullable_columns(INGREDIENT_NAMES, rows.T),
            _as_labels("mixture_label", mixture),
            _as_labels("volatility_label", volatility),
            since.new_from_index(0, rows.shape[0]),
        ]
    )


def _known(window: pl.DataFrame, session: date) -> tuple[pl.DataFrame, FlagArray]:
    """Return the bars that a session's labels look at, oldest first, and which are its own."""
    ordered = window if window["bar_start"].is_sorted() else window.sort("bar_start")
    own: FlagArray = (ordered["session"] == session).to_numpy()
    if not own.any():
        return ordered.clear(), own[:0]
    starts = _starts_of(ordered)
    known = own | (starts < starts[own.argmax()])
    count = int(np.count_nonzero(known))
    if known[:count].all():
        return ordered[:count], own[:count]
    return ordered.filter(known), own[known]


def _starts_of(bars: pl.DataFrame) -> IntArray:
    """Return the starts of bars as whole numbers."""
    starts: IntArray = bars["bar_start"].cast(pl.Int64).to_numpy()
    return starts


def walk_forward(
    bars: pl.DataFrame, *, sessions: Sequence[date], rules: RegimeSettings
) -> pl.DataFrame:
    """Return the regimes of every session of a frame of bars, as partitions would hold them.

    Parameters
    ----------
    bars
        Bars of one symbol and one timeframe, of any sessions.
    sessions
        The calendar, ascending: the sessions of the bars, and those without bars between them.

    Returns
    -------
    DataFrame
        Table `regimes`.
    """
    ordered = bars.sort("bar_start")
    by_session = {day: own for (day,), own in ordered.group_by("session", maintain_order=True)}
    starts = _starts_of(ordered)
    stands: tuple[int, RegimeState] | None = None
    parts = [REGIMES.empty()]
    for place, session in enumerate(sessions):
        if session not in by_session:
            continue
        if stands and place - stands[0] > standing_sessions(rules):
            stands = None
        if is_refit(session, sessions[place - 1] if place else None, rules):
            days = sessions[max(0, place - rules.window_sessions) : place]
            past = [by_session[day] for day in days if day in by_session]
            fitted = fit_window(past, rules=rules, previous=stands[1] if stands else None)
            stands = (place, fitted) if fitted else stands
        first = int(np.searchsorted(starts, _starts_of(by_session[session])[0]))
        parts.append(
            label_session(
                ordered[max(0, first - LOOK_BACK_BARS) : first].vstack(by_session[session]),
                session=session,
                state=stands[1] if stands else None,
                state_session=sessions[stands[0]] if stands else None,
            )
        )
    return pl.concat(parts)


def fit_window(
    past: Sequence[pl.DataFrame], *, rules: RegimeSettings, previous: RegimeState | None
) -> RegimeState | None:
    """Fit a state on the bars of the sessions of a window, oldest first, if they suffice.

    Nothing before the window is looked at: its first 20 bars are warm-up.
    """
    if not past:
        return None
    bars = pl.concat(past)
    rows = ingredients_of(bars if bars["bar_start"].is_sorted() else bars.sort("bar_start"))
    return fit_state(rows, rules=rules, previous=previous)


def state_table(
    state: RegimeState, *, session: date, known_at_ns: int, window: tuple[date, date]
) -> pl.DataFrame:
    """Return a state as table `regime_models`.

    Parameters
    ----------
    session, known_at_ns
        Session that it stands from, and that session's start.
    window
        First and last session with bars that it was fitted on.
    """
    shared = {
        "session": session,
        "n_rows": state.n_rows,
        "first_session": window[0],
        "last_session": window[1],
    }
    volatility = INGREDIENT_NAMES[0]
    clusters = zip(
        state.cluster_shares, state.cluster_centers, state.cluster_variances, strict=True
    )
    rows = [
        shared
        | {"kind": MIXTURE, "label": label, "weight": float(weight)}
        | _component(state, label)
        for label, weight in enumerate(state.weights)
    ] + [
        shared
        | {"kind": VOLATILITY, "label": label, "weight": float(share)}
        | {f"mean_{volatility}": float(center), covariance_name(volatility, volatility): float(var)}
        for label, (share, center, var) in enumerate(clusters)
    ]
    table = pl.DataFrame(rows, schema=REGIME_MODELS.empty().schema)
    return REGIME_MODELS.check(
        table.with_columns(pl.lit(known_at_ns).cast(UTC_NS).alias("known_at"))
    )


def state_of(table: pl.DataFrame) -> RegimeState:
    """Return the state that `state_table` wrote, to the bit."""
    mixture = table.filter(pl.col("kind") == MIXTURE).sort("label")
    clusters = table.filter(pl.col("kind") == VOLATILITY).sort("label")
    uses = tuple(
        place
        for place, name in enumerate(INGREDIENT_NAMES)
        if mixture[f"mean_{name}"].null_count() == 0
    )
    names = [INGREDIENT_NAMES[place] for place in uses]
    volatility = INGREDIENT_NAMES[0]
    covariances = np.array([[mixture[covariance_name(a, b)] for b in names] for a in names])
    return RegimeState(
        uses=uses,
        center=np.array([mixture[f"center_{name}"][0] for name in names]),
        scale=np.array([mixture[f"scale_{name}"][0] for name in names]),
        weights=np.array(mixture["weight"]),
        means=np.column_stack([mixture[f"mean_{name}"] for name in names]),
        covariances=np.ascontiguousarray(np.moveaxis(covariances, 2, 0)),
        cluster_shares=np.array(clusters["weight"]),
        cluster_centers=np.array(clusters[f"mean_{volatility}"]),
        cluster_variances=np.array(clusters[covariance_name(volatility, volatility)]),
        n_rows=int(table["n_rows"][0]),
    )


def _component(state: RegimeState, label: int) -> dict[str, float]:
    """Return mean, covariances and the window's standardisation as columns of one row."""
    names = [INGREDIENT_NAMES[place] for place in state.uses]
    values: dict[str, float] = {}
    for place, name in enumerate(names):
        values[f"mean_{name}"] = float(state.means[label, place])
        values[f"center_{name}"] = float(state.center[place])
        values[f"scale_{name}"] = float(state.scale[place])
        for other in range(place, len(names)):
            covariance = state.covariances[label, place, other]
            values[covariance_name(name, names[other])] = float(covariance)
    return values


def _labels(rows: FloatArray, state: RegimeState | None) -> tuple[IntArray, IntArray]:
    """Return labels by mixture and by volatility, -1 where there is none."""
    if state is None:
        none = np.full(rows.shape[0], -1, dtype=np.int64)
        return none, none
    lowers = np.stack([cholesky(one) for one in state.covariances])
    mixed = np.ascontiguousarray(rows[:, list(state.uses)])
    # What was matched or stacked may lie in another order, for which a kernel is compiled anew.
    means, weights = np.ascontiguousarray(state.means), np.ascontiguousarray(state.weights)
    volatility = np.ascontiguousarray(rows[:, 0])
    return likeliest(mixed, weights, means, lowers), nearest(volatility, state.cluster_centers)


def _as_labels(name: str, labels: IntArray) -> pl.Series:
    """Return labels as small whole numbers, null for -1."""
    values = np.where(labels >= 0, labels, np.nan)
    return nullable_columns([name], values[np.newaxis])[0].cast(pl.Int8)
