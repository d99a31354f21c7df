"""Labels of every kind: against a slow reading of the rule, and rule by rule."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import TrainingError
from quant_assets.market.timeframes import Timeframe, crosses_sessions
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.labels import refuse_long_horizon
from quant_assets_tests.models.label_bars import BAR, OPEN_NS, bars_of, label, sides_of


def slow_labels(high, low, close, *, n_entries, sl, tp, horizon):
    """Return label, decided bar and return by reading the rule out loud."""
    made = []
    for i in range(n_entries):
        last = min(i + horizon, len(close) - 1)
        result = (0, last, close[last] / close[i] - 1.0)
        for k in range(i + 1, last + 1):
            if low[k] <= close[i] * (1.0 - sl):
                result = (-1, k, -sl)
                break
            if high[k] >= close[i] * (1.0 + tp):
                result = (1, k, tp)
                break
        made.append(result)
    return made


@settings(deadline=None)  # the first call compiles
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 40), own=st.integers(1, 40), h=st.integers(1, 9)
)
def test_labels_equal_a_slow_reading_of_the_rule(seed, n, own, h):
    """Label, end, return, bars and finality of every entry are the slow loop's."""
    rng = np.random.default_rng(seed)
    own = min(own, n)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
    high, low = close * (1 + rng.random(n) * 0.02), close * (1 - rng.random(n) * 0.02)
    bars = bars_of(close.tolist(), high=high.tolist(), low=low.tolist(), n_session=own)
    made = label(bars, f"tb(0.03, 0.04, {h})")
    slow = slow_labels(high, low, close, n_entries=own, sl=0.03, tp=0.04, horizon=h)
    assert made["label"].to_list() == [row[0] for row in slow]
    ends = made["label_end"].to_physical().to_list()
    assert ends == [OPEN_NS + (row[1] + 1) * BAR.ns for row in slow]
    assert made["label_return"].to_list() == pytest.approx([row[2] for row in slow], abs=1e-12)
    assert made["label_bars"].to_list() == [row[1] - i for i, row in enumerate(slow)]
    final = [row[0] != 0 or i + h <= n - 1 for i, row in enumerate(slow)]
    assert made["final"].to_list() == final


def test_the_end_is_the_end_of_the_deciding_bar():
    """A target met in the second bar ends when that bar ends, not when it starts."""
    made = label(bars_of([100, 105, 111, 100, 100]))
    assert made.row(0, named=True)["label"] == 1
    assert made["label_end"].to_physical()[0] == OPEN_NS + 3 * BAR.ns


def test_a_bar_that_meets_both_barriers_counts_as_a_stop():
    """Bars hide the order of prices, so the worse is taken."""
    made = label(bars_of([100, 100], high=[100, 120], low=[100, 80]))
    assert made["label"][0] == -1


def test_a_horizon_cut_by_missing_data_is_not_final():
    """Where the data ends first, the label may still change; the last bar spans nothing."""
    made = label(bars_of([100, 101, 102, 103, 104]))
    assert made["final"].to_list() == [True, True, False, False, False]
    assert made["label_bars"].to_list() == [3, 3, 2, 1, 0]


def test_equities_are_cut_at_their_close_and_final():
    """Nothing after the close is looked at; bars with nothing to follow have no row."""
    bars = bars_of([100, 101, 102, 103, 120, 120], n_session=5)
    made = label(bars, cross_session=False, close_ns=OPEN_NS + 4 * BAR.ns)
    assert made.height == 3
    assert made["label"].to_list() == [0, 0, 0]
    assert made["label_bars"].to_list() == [3, 2, 1]
    assert made["final"].all()
    # Across sessions the jump after the close is met.
    assert label(bars)["label"].to_list()[:4] == [0, 1, 1, 1]


def test_without_an_official_close_the_session_ends_with_its_last_bar():
    """The session's own rows bound the label."""
    made = label(bars_of([100, 101, 150], n_session=2), cross_session=False)
    assert made["label_bars"].to_list() == [1]


def test_a_change_of_contract_ends_a_label():
    """The gap between two contracts is no return of either, and nothing is missing."""
    bars = bars_of([100, 101, 150, 150, 150], contract=["A", "A", "B", "B", "B"])
    made = label(bars)
    assert made["label"].to_list() == [0, 0, 0, 0, 0]
    assert made["label_return"][0] == pytest.approx(0.01)
    assert made["final"].to_list() == [True, True, False, False, False]


def test_a_session_without_bars_has_no_labels():
    """No rows, but the columns."""
    made = label(bars_of([100, 101], n_session=0))
    assert made.height == 0
    assert made.columns == [
        "bar_start",
        "label",
        "label_end",
        "label_return",
        "label_bars",
        "final",
        "side",
        "entry_bar",
    ]


def test_bars_out_of_order_are_refused():
    """Labels of bars that run backwards would know the future."""
    with pytest.raises(TrainingError, match="rising time order"):
        label(bars_of([100, 101, 102]).reverse())


def test_daily_bars_cross_sessions_and_equities_else_do_not():
    """A session of one bar would leave nothing to label."""
    assert crosses_sessions("equity", Timeframe.parse("1d"))
    assert not crosses_sessions("equity", BAR)
    assert crosses_sessions("future", BAR)


def slow_trades(market, contract, *, own, close_after, rule, side):
    """Return each labelled bar of a session by reading the rules out loud.

    `market` holds highs, lows and closes; `close_after` is the number of bars that the session's
    end leaves to look at, None where labels cross sessions; `rule` is a kind and its numbers.
    """
    high, low, close = market
    kind, sl, tp, threshold, horizon = rule
    rows = []
    for i in range(own if close_after is None else max(min(own, close_after) - 1, 0)):
        reach, cut = i, False
        for k in range(i + 1, len(close)):
            if close_after is not None and k >= close_after:
                cut = True
                break
            if contract[k] != contract[i]:
                cut = True
                break
            reach = k
        cut = cut or close_after is not None
        last = min(i + horizon, reach)
        known = i + horizon <= reach or cut
        gain = close[last] / close[i] - 1.0
        if kind == "return":
            if last > i or not cut:
                rows.append((i, 1 if gain > threshold else -1, last, gain, known, 1))
            continue
        way = side[i] if kind == "meta" else 1
        if not way:
            continue
        result = (0, last, way * gain, known)
        for k in range(i + 1, last + 1):
            stopped = low[k] <= close[i] * (1.0 - sl)
            met = high[k] >= close[i] * (1.0 + tp)
            if way == -1:
                stopped = high[k] >= close[i] * (1.0 + sl)
                met = low[k] <= close[i] * (1.0 - tp)
            if stopped:
                result = (-1, k, -sl, True)
                break
            if met:
                result = (1, k, tp, True)
                break
        rows.append((i, *result, way))
    return rows


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 40),
    own=st.integers(1, 40),
    horizon=st.integers(1, 9),
    kind=st.sampled_from(["tb", "return", "meta"]),
    threshold=st.sampled_from([0.0, -0.01, 0.02]),
    roll=st.integers(0, 45),
    close_after=st.none() | st.integers(0, 45),
)
def test_every_kind_equals_a_slow_reading_of_its_rule(
    seed, n, own, horizon, kind, threshold, roll, close_after
):
    """Rows, label, end, return, finality and side, across rolls, closes and missing sides."""
    rng = np.random.default_rng(seed)
    own = min(own, n)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
    high, low = close * (1 + rng.random(n) * 0.02), close * (1 - rng.random(n) * 0.02)
    contract = ["A" if k < roll else "B" for k in range(n)]
    side = rng.choice([-1, 0, 1], size=own).tolist()
    bars = bars_of(
        close.tolist(), high=high.tolist(), low=low.tolist(), n_session=own, contract=contract
    )
    text = {
        "tb": f"tb(0.03, 0.04, {horizon})",
        "meta": f"meta(crossing, 0.03, 0.04, {horizon})",
        "return": f"return({horizon}, {threshold})",
    }[kind]
    told = sides_of(bars, [way or None for way in side]).sample(fraction=1.0, shuffle=True, seed=1)
    made = label(
        bars,
        text,
        cross_session=close_after is None,
        close_ns=None if close_after is None else OPEN_NS + close_after * BAR.ns,
        side=told.filter(pl.col("side").is_not_null()) if seed % 2 else told,
    )
    slow = slow_trades(
        (high, low, close),
        contract,
        own=own,
        close_after=None if close_after is None else min(close_after, own),
        rule=(kind, 0.03, 0.04, threshold, horizon),
        side=side,
    )
    found = made.with_columns(
        end_idx=(made["label_end"].to_physical() - OPEN_NS) // BAR.ns - 1
    ).select("entry_bar", "label", "end_idx", "label_return", "final", "side")
    assert found.drop("label_return").rows() == [(*row[:3], *row[4:]) for row in slow]
    assert found["label_return"].to_list() == pytest.approx([row[3] for row in slow], abs=1e-12)
    assert made["label_bars"].to_list() == [row[2] - row[0] for row in slow]
    assert made["bar_start"].to_physical().to_list() == [OPEN_NS + row[0] * BAR.ns for row in slow]


def test_a_return_must_pass_its_threshold():
    """Equal is not above; the return itself is told whatever the label."""
    bars = bars_of([100, 101, 100, 102, 102])
    made = label(bars, "return(1)")
    assert made["label"].to_list()[:4] == [1, -1, 1, -1]
    assert made["label_return"].to_list()[:4] == pytest.approx([0.01, -1 / 101, 0.02, 0.0])
    assert label(bars, "return(1, 0.015)")["label"].to_list()[:4] == [-1, -1, 1, -1]
    assert label(bars, "return(1, -0.5)")["label"].to_list()[:4] == [1, 1, 1, 1]


def test_a_return_without_a_bar_has_no_row_once_that_is_final():
    """The last bar of a contract has none; where the data ended, the row is still to come."""
    made = label(bars_of([100, 101, 150, 150], contract=["A", "A", "B", "B"]), "return(1)")
    assert made["entry_bar"].to_list() == [0, 2, 3]
    assert made["final"].to_list() == [True, True, False]


def test_a_short_meets_its_target_below_and_its_stop_above():
    """The same path is a long's stop and a short's target; a bar that meets both is a stop."""
    bars = bars_of(
        [100, 89, 100, 100, 100], high=[100, 89, 100, 111, 100], low=[100, 89, 100, 89, 9]
    )
    made = label(bars, "meta(crossing, 0.1, 0.1, 1)", side=sides_of(bars, [-1, None, -1, 0, 1]))
    assert made["entry_bar"].to_list() == [0, 2, 4]
    assert made["label"].to_list() == [1, -1, 0]
    assert made["label_return"].to_list() == [0.1, -0.1, 0.0]
    assert made["side"].to_list() == [-1, -1, 1]


def test_a_short_that_times_out_earns_what_the_price_lost():
    """The return is in the trade's direction."""
    bars = bars_of([100, 99, 98])
    made = label(bars, "meta(crossing, 0.1, 0.1, 2)", side=sides_of(bars, [-1]))
    assert made["label_return"].to_list() == pytest.approx([0.02])


@pytest.mark.parametrize(
    ("side", "found"),
    [
        pytest.param(None, "no sides", id="none_given"),
        pytest.param([2, 0], "a side that is none", id="no_side"),
        pytest.param([0.5, 0.0], "sides of type Float64", id="not_whole"),
    ],
)
def test_a_meta_label_needs_the_sides_of_its_first_rule(side, found):
    """They are asked for by the rule's name."""
    bars = bars_of([100, 101])
    told = None if side is None else bars.select("bar_start", side=pl.Series(side))
    with pytest.raises(TrainingError, match=f"a meta-label on crossing.*{found}"):
        label(bars, "meta(crossing, 0.1, 0.1, 2)", side=told)


def test_a_bar_with_two_sides_is_refused():
    """A join must neither lose nor double rows."""
    bars = bars_of([100, 101])
    told = pl.concat([sides_of(bars, [1, 1])] * 2)
    with pytest.raises(TrainingError, match="a bar with two sides"):
        label(bars, "meta(crossing, 0.1, 0.1, 2)", side=told)


def test_a_horizon_longer_than_the_data_is_refused_with_both_numbers():
    """The first entry has one bar fewer ahead than there are bars."""
    spec = LabelSpec.model_validate("return(24)")
    refuse_long_horizon(25, spec, symbol="GC")
    with pytest.raises(TrainingError, match="a label over 24 bars: 24 bars of GC in all"):
        refuse_long_horizon(24, spec, symbol="GC")
