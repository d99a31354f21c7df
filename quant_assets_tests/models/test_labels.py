"""Triple-barrier labels: against a slow reading of the rule, and rule by rule."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import TrainingError
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.dataset import build_training_set, label_weights, split_final
from quant_assets.models.labels import crosses_sessions, dataset_name, label_session
from quant_assets.models.schema import training_set_table

BAR = Timeframe.parse("15m")
DAY = date(2024, 3, 4)
OPEN_NS = int(datetime(2024, 3, 4, 14, 30, tzinfo=UTC).timestamp()) * 10**9


def bars_of(
    closes: list[float],
    *,
    high: list[float] | None = None,
    low: list[float] | None = None,
    n_session: int | None = None,
    contract: list[str] | None = None,
) -> pl.DataFrame:
    """Return bars from closes; by default a bar is flat, and all belong to one session."""
    n = len(closes)
    own = n if n_session is None else n_session
    frame = pl.DataFrame(
        {
            "session": [DAY] * own + [DAY + timedelta(days=1)] * (n - own),
            "bar_start": pl.Series(OPEN_NS + np.arange(n) * BAR.ns).cast(UTC_NS),
            "high": np.array(high or closes, dtype=float),
            "low": np.array(low or closes, dtype=float),
            "close": np.array(closes, dtype=float),
        }
    )
    return frame if contract is None else frame.with_columns(contract=pl.Series(contract))


def label(bars: pl.DataFrame, **changes: object) -> pl.DataFrame:
    """Label with 10 % barriers and three bars, crossing sessions."""
    rules: dict = {
        "session": DAY,
        "timeframe": BAR,
        "sl": 0.1,
        "tp": 0.1,
        "horizon_bars": 3,
        "cross_session": True,
        "close_ns": None,
    }
    return label_session(bars, **(rules | changes))


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
    made = label(bars, sl=0.03, tp=0.04, horizon_bars=h)
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


@pytest.mark.parametrize(
    ("sl", "tp", "name"),
    [(0.004, 0.008, "tb_0.004_0.008_24"), (0.00001, 0.10, "tb_0.00001_0.1_24")],
)
def test_a_label_has_one_name(sl, tp, name):
    """Names have neither exponents nor trailing zeros."""
    assert dataset_name(sl=sl, tp=tp, horizon_bars=24) == name


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60))
def test_weights_equal_a_slow_count_of_concurrent_labels(spans):
    """The weight is the mean over a label's bars of one over the labels that share the bar."""
    count: dict[int, int] = {}
    for i, span in enumerate(spans):
        for bar in range(i + 1, i + span + 1):
            count[bar] = count.get(bar, 0) + 1
    slow = [
        sum(1 / count[bar] for bar in range(i + 1, i + span + 1)) / span if span else 1.0
        for i, span in enumerate(spans)
    ]
    frame = pl.DataFrame({"bar_start": range(len(spans)), "label_bars": spans})
    assert label_weights(frame).tolist() == pytest.approx(slow, abs=1e-12)
    turned = frame.reverse()
    assert label_weights(turned).tolist() == label_weights(frame).tolist()[::-1]


def features_of(bars: pl.DataFrame) -> pl.DataFrame:
    """Return two features a bar, the first null in warm-up."""
    start = bars.select("session", "bar_start")
    return start.with_columns(
        rsi=pl.Series([None] + [1.5] * (bars.height - 1), dtype=pl.Float64), adx=2.0
    )


def test_a_training_set_holds_each_bar_with_features_and_label_once():
    """Columns are the table's, and a bar without a label is left out."""
    bars = bars_of([100, 101, 102, 103, 104])
    labels = label(bars, cross_session=False)
    made = build_training_set(features_of(bars), labels)
    table = training_set_table(["rsi", "adx"])
    assert made.columns == list(table.schema.column_names())
    assert made.height == labels.height == 4
    assert made["weight"].to_list() == label_weights(labels).tolist()
    assert made["rsi"].null_count() == 1


def test_a_feature_with_a_name_of_the_table_is_refused():
    """A feature called `label` would be the answer itself."""
    with pytest.raises(TrainingError, match="weight"):
        training_set_table(["rsi", "weight"])


def test_a_bar_with_two_rows_is_refused():
    """A join must neither lose nor double rows."""
    bars = bars_of([100, 101, 102])
    with pytest.raises(TrainingError, match="more than one row"):
        build_training_set(pl.concat([features_of(bars)] * 2), label(bars))


def test_sessions_that_are_not_final_are_set_aside_whole():
    """The rows of such a session that are decided go too: keeping them would bend the shares."""
    rows = pl.DataFrame(
        {
            "symbol": ["A", "A", "B", "A"],
            "session": [DAY, DAY, DAY, DAY + timedelta(days=1)],
            "final": [True, False, True, True],
        }
    )
    kept, dropped = split_final(rows)
    assert kept.rows() == [("B", DAY, True), ("A", DAY + timedelta(days=1), True)]
    assert dropped == ["A 2024-03-04"]
