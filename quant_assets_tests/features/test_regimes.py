"""Regimes walk forward: planted ones are found, labels stay, and none knows the future."""

from collections.abc import Callable
from datetime import date
from functools import partial

import numpy as np
import polars as pl
import pytest

from quant_assets.features import regimes
from quant_assets.features.integrity import Leak, find_leaks
from quant_assets.features.regime_fit import RegimeState, fit_state, order_of, relabelled
from quant_assets.features.regimes import (
    LOOK_BACK_BARS,
    fit_window,
    ingredients_of,
    is_refit,
    label_session,
    rules_for,
    standing_sessions,
    walk_forward,
)
from quant_assets.market.timeframes import Timeframe
from quant_assets.settings.model import RegimeSettings
from quant_assets_tests.features.markets import cuts_of, random_bars, session_of, with_breaks
from quant_assets_tests.features.regime_markets import SETTLED, calendar, planted

Compute = Callable[[pl.DataFrame], pl.DataFrame]

RULES = RegimeSettings(refit="session", window_sessions=6, least_rows=100)


def adjusted_rand(one: pl.Series, other: pl.Series) -> float:
    """Return how far two labellings agree: 1 wholly, 0 by chance."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(one, other))


def labelled(bars: pl.DataFrame, n_sessions: int, rules: RegimeSettings) -> pl.DataFrame:
    """Return the walk's labels beside the planted ones, where both are settled."""
    found = walk_forward(bars, sessions=calendar(n_sessions), rules=rules)
    truth = bars.select("bar_start", "planted", SETTLED.alias("settled"))
    rows = found.join(truth, on="bar_start", how="left", maintain_order="left")
    return rows.filter("settled").drop_nulls("mixture_label")


@pytest.fixture(scope="module")
def planted_walk() -> pl.DataFrame:
    """Thirty sessions of three regimes, refitted every week."""
    rules = RULES.model_copy(update={"refit": "week", "window_sessions": 15})
    return labelled(planted(30, 120, seed=3), 30, rules)


@pytest.mark.parametrize("label", ["mixture_label", "volatility_label"])
def test_planted_regimes_are_found(planted_walk, label):
    """Out of sample, and under their own numbers: 0 is the calmest."""
    assert planted_walk["state_session"].n_unique() >= 4
    assert planted_walk.height > 1000
    assert adjusted_rand(planted_walk["planted"], planted_walk[label]) > 0.9
    assert (planted_walk["planted"] == planted_walk[label]).mean() > 0.95


@pytest.mark.parametrize("matched", [True, False])
def test_2_stays_the_same_regime_though_each_fit_numbers_anew(monkeypatch, matched):
    """Each raw fit is shuffled; matched to the last one labels stay, unmatched they do not."""
    rng = np.random.default_rng(4)

    def shuffled(rows, *, rules, previous=None) -> RegimeState | None:
        state = fit_state(rows, rules=rules)
        if state is None or previous is None:
            return state
        mixed = relabelled(state, rng.permutation(3))
        return relabelled(mixed, order_of(mixed, previous)) if matched else mixed

    monkeypatch.setattr(regimes, "fit_state", shuffled)
    # The first state is to have seen all three: before, there is no 2 to stay the same.
    rules = RULES.model_copy(update={"window_sessions": 10, "least_rows": 700})
    rows = labelled(planted(18, 120, seed=5), 18, rules)
    assert rows["state_session"].n_unique() > 10
    agree = [
        (own["planted"] == own["mixture_label"]).mean() > 0.9
        for _, own in rows.group_by("state_session")
    ]
    assert all(agree) == matched


def test_regimes_may_trade_places_and_keep_their_numbers():
    """The calm one becomes the loud one step by step: it is followed, not sorted anew."""
    rng = np.random.default_rng(6)
    state = None
    for step in range(11):
        centers = np.array([[-9.0 + 0.3 * step, 1.5, 0.0], [-7.0, -1.5, 0.0]])
        which = rng.integers(0, 2, 400)
        rows = centers[which] + rng.normal(0.0, 0.2, (400, 3))
        two = RULES.model_copy(update={"mixture_components": 2})
        state = fit_state(rows, rules=two, previous=state)
        assert state.means[0, 1] > 1.0
    assert state.means[0, 0] > state.means[1, 0]


@pytest.mark.parametrize(
    ("refit", "expected"),
    [
        pytest.param("session", {1, 2, 5, 8, 9, 31}, id="session"),
        pytest.param("week", {1, 8, 31}, id="week"),
        pytest.param("month", {1}, id="month"),
    ],
)
def test_a_state_is_due_at_the_first_session_of_a_period(refit, expected):
    """By the calendar: after a holiday's Monday it is Tuesday; the calendar's first is one too."""
    january = [date(2024, 1, day) for day in (1, 2, 5, 8, 9, 31)]
    rules = RULES.model_copy(update={"refit": refit})
    befores = [None, *january[:-1]]
    due = {
        day.day
        for day, before in zip(january, befores, strict=True)
        if is_refit(day, before, rules)
    }
    assert due == expected
    assert is_refit(date(2024, 2, 1), date(2024, 1, 31), rules) == (refit != "week")


def test_daily_bars_have_states_by_the_default_settings():
    """A window of months would never hold enough rows; that of other bars is as it is set."""
    defaults = RegimeSettings()
    daily = rules_for(defaults, Timeframe.parse("1d"))
    assert rules_for(defaults, Timeframe.parse("1h")) == defaults
    bars = random_bars(240, 1, seed=13)
    found = walk_forward(bars, sessions=calendar(240), rules=daily)
    labelled = found.filter(pl.col("mixture_label").is_not_null())
    assert 220 <= found["bar_start"].index_of(labelled["bar_start"][0]) <= 227


def test_a_state_stands_until_it_is_older_than_its_window():
    """After a long hole labels are null until there are bars for a new state."""
    bars = random_bars(16, 40, seed=7)
    days = calendar(16)
    reach = standing_sessions(RULES)
    assert reach == 7
    for hole in (reach - 1, reach):
        kept = bars.filter(~pl.col("session").is_in(days[8 : 8 + hole]))
        found = walk_forward(kept, sessions=days, rules=RULES)
        after = found.filter(pl.col("session") == days[8 + hole])
        stands = hole < reach
        assert (after["state_session"].null_count() == 0) == stands
        if stands:
            assert after["state_session"].unique().to_list() == [days[7]]


def test_a_frame_of_sessions_is_labelled_as_its_sessions_one_by_one():
    """Each on its own window of 20 bars before it, by a state fitted on its own window."""
    bars = with_breaks(random_bars(12, 70, seed=8), seed=9)
    days = calendar(12)
    found = walk_forward(bars, sessions=days, rules=RULES)
    assert found["bar_start"].to_list() == bars["bar_start"].to_list()
    state, since = None, None
    for place, day in enumerate(days):
        past = [bars.filter(pl.col("session") == one) for one in days[max(0, place - 6) : place]]
        fitted = fit_window(past, rules=RULES, previous=state)
        state, since = (fitted, day) if fitted else (state, since)
        own = bars.filter(pl.col("session") == day)
        before = bars.filter(pl.col("bar_start") < own["bar_start"][0]).tail(LOOK_BACK_BARS)
        one = label_session(pl.concat([own, before]), session=day, state=state, state_session=since)
        assert one.equals(found.filter(pl.col("session") == day))
    assert found.filter(pl.col("session") == days[-1])["mixture_label"].null_count() < 70


def test_after_a_roll_and_a_missing_bar_labels_start_anew():
    """Twenty bars without ingredients, and no label without one."""
    bars = with_breaks(random_bars(12, 70, seed=8), seed=9)
    found = walk_forward(bars, sessions=calendar(12), rules=RULES)
    rolled = bars["contract"].ne_missing(bars["contract"].shift(1)).arg_true().to_list()[1:]
    assert len(rolled) == 2
    for place in rolled:
        assert found["log_volatility"][place : place + 20].null_count() == 20
    no_label = found.filter(pl.col("log_volatility").is_null())
    assert no_label["mixture_label"].null_count() == no_label.height
    assert no_label["volatility_label"].null_count() == no_label.height


def test_a_symbol_without_volume_has_regimes_too():
    """By volatility and drift alone; where volume comes back later states know it again."""
    bars = planted(16, 100, seed=10).with_columns(
        volume=pl.when(pl.col("session") < session_of(8)).then(0.0).otherwise(pl.col("volume"))
    )
    rows = labelled(bars, 16, RULES)
    for first, last in ((2, 7), (12, 16)):
        own = rows.filter(pl.col("session").is_between(session_of(first), session_of(last)))
        assert (own["planted"] == own["mixture_label"]).mean() > 0.8


CUTS_A_SESSION = 40
LAW_SESSIONS = 4, 5, 6, 7, 8
LAW_RULES = RULES.model_copy(update={"window_sessions": 3, "least_rows": 60})


@pytest.fixture(scope="module")
def law_market() -> pl.DataFrame:
    """Ten sessions with missing bars and two rolls."""
    return with_breaks(random_bars(10, 61, seed=11), seed=12).select(
        "session", "bar_start", "contract", "close", "volume"
    )


def leaks_of(bars: pl.DataFrame, compute: Compute, *, cuts_a_session: int) -> list[Leak]:
    """Hold a labelling against the law: cuts in each session, with a session and a state after."""
    found: list[Leak] = []
    for number in LAW_SESSIONS:
        known = bars.filter(pl.col("session") <= session_of(number + 1))
        cuts = cuts_of(bars, session=session_of(number), count=cuts_a_session, seed=number)
        found += find_leaks(compute, known, cuts, seed=number)
    return found


def remembering(fit: Callable[..., RegimeState | None]) -> Callable[..., RegimeState | None]:
    """Return a fit that does the same once: most cuts leave most windows as they were."""
    known: dict[tuple[bytes, bytes], RegimeState | None] = {}

    def remembered(rows, *, rules, previous=None):
        name = rows.tobytes(), previous.means.tobytes() if previous else b""
        if name not in known:
            known[name] = fit(rows, rules=rules, previous=previous)
        return known[name]

    return remembered


def test_no_regime_knows_the_future(law_market, monkeypatch):
    """Fit, match and application as one: 200 cuts, rows removed and scrambled."""
    assert CUTS_A_SESSION * len(LAW_SESSIONS) == 200
    monkeypatch.setattr(regimes, "fit_state", remembering(fit_state))
    walk = partial(walk_forward, sessions=calendar(10), rules=LAW_RULES)
    states = walk(law_market).group_by("session").agg(pl.col("state_session").first())
    assert states.filter(pl.col("session") == pl.col("state_session")).height >= 7
    assert leaks_of(law_market, walk, cuts_a_session=CUTS_A_SESSION) == []


def fitted_on_its_own_session(bars: pl.DataFrame) -> pl.DataFrame:
    """Return a leaky twin: a session's state has seen the session itself."""
    days = bars["session"].unique().sort().to_list()
    windows = {day: days[max(0, place - 2) : place + 1] for place, day in enumerate(days)}
    states = {
        day: fit_state(
            ingredients_of(bars.filter(pl.col("session").is_in(window))), rules=LAW_RULES
        )
        for day, window in windows.items()
    }
    return _labelled_by(bars, states)


def fitted_on_all(bars: pl.DataFrame) -> pl.DataFrame:
    """Return a leaky twin: one state of the whole frame labels all of it."""
    state = fit_state(ingredients_of(bars), rules=LAW_RULES)
    return _labelled_by(bars, dict.fromkeys(bars["session"].unique().sort(), state))


def _labelled_by(bars: pl.DataFrame, states: dict[date, RegimeState | None]) -> pl.DataFrame:
    return pl.concat(
        label_session(bars, session=day, state=state, state_session=day if state else None)
        for day, state in states.items()
    )


@pytest.mark.parametrize("twin", [fitted_on_its_own_session, fitted_on_all])
def test_a_state_that_has_seen_what_it_labels_is_caught(law_market, twin):
    """The same guard, by a few cuts, sees both labels of a leaky twin."""
    found = leaks_of(law_market, twin, cuts_a_session=1)
    assert {leak.feature for leak in found} >= {"mixture_label", "volatility_label"}
