"""Features on what is joined to bars: levels, footprint, calendar, reference and regimes."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from quant_assets.features.catalog import BarArrays, Catalog, Family, feature
from quant_assets.features.inputs import JOINED_INPUTS, REFERENCE_CONTRACT, joined
from quant_assets.features.schema import features_table
from quant_assets.features.standard import standard_catalog
from quant_assets.features.stream import FeatureStream
from quant_assets.features.window import compute_features
from quant_assets.levels.schema import LEVEL_NAMES
from quant_assets_tests.features.markets import MINUTE, joined_bars, random_bars, session_of

TODAY = session_of(0)


def computed(
    columns: dict[str, list[float | None]], names: list[str], *, session: date = TODAY
) -> pl.DataFrame:
    """Return features of bars that have the given columns beside their own."""
    n = len(next(iter(columns.values())))
    bars = random_bars(1, n, seed=1).with_columns(
        pl.Series(name, values, dtype=pl.Float64) for name, values in columns.items()
    )
    return compute_features(bars, session=session, timeframe=MINUTE, names=names)


def test_a_level_stands_its_distance_in_true_ranges_away():
    """Above zero where the close is higher; null without level, range, or a moving market."""
    found = computed(
        {
            "close": [105.0, 95.0, 100.0, 100.0, 100.0],
            "level_week_vwap": [100.0, 100.0, None, 99.0, 99.0],
            "level_atr": [2.0, 2.5, 2.0, None, 0.0],
        },
        ["week_vwap_distance_atr"],
    )
    assert found["week_vwap_distance_atr"].to_list() == [2.5, -2.0, None, None, None]


def test_each_level_feature_reads_the_level_of_its_name():
    """No column is taken for another."""
    features = [one for one in standard_catalog().features if one.family is Family.LEVELS]
    assert len(features) >= 12
    for one in features:
        level = one.name.removesuffix("_distance_atr")
        assert level in LEVEL_NAMES
        found = computed({"close": [12.0], f"level_{level}": [7.0], "level_atr": [2.0]}, [one.name])
        assert found[one.name].to_list() == [2.5]


def test_the_footprint_leans_to_a_side():
    """Imbalances as a share, stacked ones as a count, and the close over the POC."""
    found = computed(
        {
            "close": [102.0, 100.0, 100.0],
            "footprint_imbalance_buy": [3.0, 0.0, None],
            "footprint_imbalance_sell": [1.0, 0.0, 2.0],
            "footprint_stacked_buy": [2.0, 0.0, None],
            "footprint_stacked_sell": [0.0, 1.0, 1.0],
            "footprint_poc": [100.0, 125.0, None],
        },
        ["footprint_imbalance", "stacked_imbalance", "poc_distance"],
    )
    assert found["footprint_imbalance"].to_list() == [0.5, 0.0, None]
    assert found["stacked_imbalance"].to_list() == [2.0, -1.0, None]
    assert found["poc_distance"].to_list() == [102.0 / 100.0 - 1.0, 100.0 / 125.0 - 1.0, None]


def test_the_phase_runs_from_open_to_close_and_is_null_outside():
    """Negative minutes are before the open; a bar that ends at the close has phase 1."""
    found = computed(
        {
            "minutes_since_open": [-5.0, 0.0, 1.0, 195.0, 390.0, 391.0, None],
            "minutes_to_close": [395.0, 390.0, 389.0, 195.0, 0.0, -1.0, None],
            "session_minutes": [390.0] * 6 + [None],
            "days_to_expiry": [9.0, 8.0, 7.0, 6.0, 5.0, None, 0.0],
        },
        ["session_phase", "minutes_to_close", "days_to_expiry"],
    )
    assert found["session_phase"].to_list() == [None, None, 1 / 390, 0.5, 1.0, None, None]
    assert found["minutes_to_close"].to_list() == [395.0, 390.0, 389.0, 195.0, 0.0, -1.0, None]
    assert found["days_to_expiry"].to_list() == [9.0, 8.0, 7.0, 6.0, 5.0, None, 0.0]


def test_a_return_relative_to_the_reference_is_the_difference_of_both():
    """Over the same 20 bars; warm-up is null."""
    close = [100.0] * 20 + [110.0, 110.0]
    reference = [50.0] * 20 + [51.0, None]
    found = computed(
        {"close": close, "reference_close": reference},
        ["reference_return_20", "relative_return_20"],
    )
    assert found["reference_return_20"].to_list() == [None] * 20 + [pytest.approx(0.02), None]
    assert found["relative_return_20"].to_list() == [None] * 20 + [pytest.approx(0.08), None]


def test_what_compares_starts_anew_where_the_reference_rolls():
    """Its new contract stands elsewhere: no return over the roll; what is not compared goes on."""
    names = ["roc_10", "reference_return_20", "relative_return_20", "reference_correlation_50"]
    n, roll = 140, 60
    bars = joined_bars(1, n, seed=4).with_columns(
        reference_close=pl.Series(100.0 + np.sin(np.arange(n)) + 50.0 * (np.arange(n) >= roll))
    )
    contract = pl.Series(["ESZ23"] * roll + ["ESH24"] * (n - roll))
    rolling = bars.with_columns(contract.alias(REFERENCE_CONTRACT))
    found = compute_features(rolling, session=TODAY, timeframe=MINUTE, names=names)
    for name, period in (("roc_10", None), *((name, int(name[-2:])) for name in names[1:])):
        before = range(period or 10)
        anew = range(roll, roll + period) if period else ()
        nulls = found[name].is_null().arg_true().to_list()
        assert nulls == [*before, *anew], name
    assert found["reference_return_20"].abs().max() < 0.05
    stream = FeatureStream(timeframe=MINUTE, names=names)
    told = pl.concat(stream.push(rolling[at : at + 7]) for at in range(0, n, 7))
    assert told.equals(found)


def test_regimes_are_small_whole_numbers():
    """What is no such number is no label."""
    labels = [0.0, 2.0, -1.0, None, 1.5, 300.0, 127.0]
    found = computed({"mixture_label": labels}, ["regime_mixture"])
    assert found["regime_mixture"].dtype == pl.Int8
    assert found["regime_mixture"].to_list() == [0, 2, -1, None, None, None, 127]
    stored = features_table(["regime_mixture", "roc_1"]).empty().schema
    assert (stored["regime_mixture"], stored["roc_1"]) == (pl.Int8, pl.Float64)


def test_a_symbol_without_any_of_it_has_nulls_in_its_place():
    """Bars alone, joined to nothing, have all columns; what reads bars alone is not touched."""
    bars = random_bars(2, 60, seed=3)
    found = compute_features(joined(bars, {}), session=session_of(1), timeframe=MINUTE)
    for one in standard_catalog().features:
        if set(one.inputs) & set(JOINED_INPUTS):
            assert found[one.name].null_count() == 60, one.name
    names = ["roc_10", "delta_ratio", "minute_of_day_sin"]
    alone = compute_features(bars, session=session_of(1), timeframe=MINUTE, names=names)
    assert alone.equals(found.select(alone.columns))


def test_what_no_chosen_feature_reads_may_be_missing():
    """Bars need the columns of the features that are asked for, no others."""
    bars = joined_bars(1, 30, seed=3)
    names = ["session_poc_distance_atr"]
    kept = bars.select("session", "bar_start", "close", "level_session_poc", "level_atr")
    found = compute_features(kept, session=TODAY, timeframe=MINUTE, names=names)
    assert found.equals(compute_features(bars, session=TODAY, timeframe=MINUTE, names=names))


def test_the_trend_of_delta_stays_within_its_session():
    """No bar of the day before counts: 19 bars of warm-up in each session."""
    found = compute_features(
        random_bars(2, 60, seed=3),
        session=session_of(1),
        timeframe=MINUTE,
        names=["delta_divergence_20"],
    )["delta_divergence_20"]
    assert found.is_null().to_list() == [True] * 19 + [False] * 41
    assert found.abs().max() <= 2.0


def test_features_of_one_stretch_share_an_indicator():
    """It is computed once for two that read the same bars, and anew for another window."""
    calls = []

    def doubled(close: np.ndarray, *, factor: float) -> np.ndarray:
        calls.append(len(close))
        return factor * close

    def declared(name: str, look_back: int):
        @feature(
            name=name, family=Family.CUSTOM, unit="1", inputs=("close",),
            look_back=look_back, source="test",
        )  # fmt: skip
        def show(bars: BarArrays) -> np.ndarray:
            """Twice the close."""
            return bars.shared(doubled, "close", factor=2.0)

        return show

    bars = random_bars(2, 10, seed=1)
    catalog = Catalog((declared("a", 5), declared("b", 5), declared("c", 6)))
    found = compute_features(bars, session=session_of(1), timeframe=MINUTE, catalog=catalog)
    assert calls == [15, 16]
    for name in "abc":
        assert found[name].equals((2.0 * bars["close"][10:]).alias(name))


@pytest.mark.parametrize("name", ["macd_line", "macd_signal", "bollinger_width_20"])
def test_what_is_shared_has_the_bits_of_what_is_computed_alone(name):
    """Whoever asked first."""
    bars = joined_bars(6, 60, seed=8)
    session = session_of(5)
    together = compute_features(bars, session=session, timeframe=MINUTE)
    alone = compute_features(bars, session=session, timeframe=MINUTE, names=[name])
    assert alone[name].to_numpy().tobytes() == together[name].to_numpy().tobytes()
