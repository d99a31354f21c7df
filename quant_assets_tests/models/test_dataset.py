"""Training sets of a session: weights by uniqueness, one row a bar, whole sessions set aside."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.errors import TrainingError
from quant_assets.models.dataset import build_training_set, label_weights, split_final
from quant_assets.models.schema import training_set_table
from quant_assets_tests.models.label_bars import DAY, bars_of, label, sides_of


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
def test_weights_equal_a_slow_count_of_concurrent_labels(bars, random):
    """The weight is the mean over a label's bars of one over the labels that share the bar.

    Bars without a label hold their place; rows come in any order.
    """
    labels = [(i, span) for i, (span, has_label) in enumerate(bars) if has_label]
    random.shuffle(labels)
    count: dict[int, int] = {}
    for i, span in labels:
        for bar in range(i + 1, i + span + 1):
            count[bar] = count.get(bar, 0) + 1
    slow = [
        sum(1 / count[bar] for bar in range(i + 1, i + span + 1)) / span if span else 1.0
        for i, span in labels
    ]
    frame = pl.DataFrame(
        labels, schema={"entry_bar": pl.UInt32, "label_bars": pl.UInt32}, orient="row"
    )
    assert label_weights(frame).tolist() == pytest.approx(slow, abs=1e-12)


def test_labels_of_a_first_rule_are_weighed_where_they_stand():
    """Two trades two bars apart share one bar of three, though no row lies between them."""
    bars = bars_of([100.0] * 12)
    made = label(
        bars, "meta(crossing, 0.1, 0.1, 3)", side=sides_of(bars, [1, 0, -1, 0, 0, 0, 0, 0, 1])
    )
    assert made["entry_bar"].to_list() == [0, 2, 8]
    # The first spans bars 1 to 3, the second 3 to 5, the third 9 to 11.
    assert label_weights(made).tolist() == pytest.approx([2.5 / 3, 2.5 / 3, 1.0])


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
