"""Declaring features, collecting them, asking for them."""

import importlib.util
import inspect
import textwrap
from dataclasses import replace
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from quant_assets.features import catalog as catalog_module
from quant_assets.features.catalog import BarArrays, Catalog, Family, feature, features_of
from quant_assets.features.schema import FEATURES, features_table
from quant_assets.features.standard import standard_catalog
from quant_assets.features.window import compute_features, required_look_back_bars
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe
from quant_assets_tests.features.markets import MINUTE, joined_bars, random_bars, session_of


def declared(name: str, *, look_back: int = 0, recursive_period: int = 0):
    """Declare a feature that doubles the close."""

    @feature(
        name=name,
        family=Family.CUSTOM,
        unit="ratio",
        inputs=("close",),
        look_back=look_back,
        recursive_period=recursive_period,
        parameters={"factor": 2.0},
        source="test",
    )
    def double(bars, *, factor):
        """Twice the close.

        More words.
        """
        return factor * bars["close"]

    return double


def test_the_package_offers_every_family_and_says_all_about_each_feature():
    """At least sixty features; none without unit, source and one sentence of meaning."""
    catalog = standard_catalog()
    assert len(catalog.names) >= 60
    assert {one.family for one in catalog.features} == set(Family) - {Family.CUSTOM}
    for one in catalog.features:
        assert one.unit, one.name
        assert one.source, one.name
        assert one.meaning.endswith("."), one.name
    assert catalog.describe(MINUTE).height == len(catalog.names)


@pytest.mark.parametrize("name", ["ema_distance_20", "macd_histogram", "adx_14", "rsi_14"])
def test_a_recursive_feature_declares_eight_periods(name):
    """Its window is long enough for the start to be forgotten."""
    [one] = standard_catalog().select([name])
    periods = [value for key, value in one.parameters.items() if key != "fast"]
    assert one.look_back_bars(MINUTE) >= 8 * sum(periods)


def test_a_recursive_feature_with_a_short_look_back_is_refused():
    """The error says how much it needs."""
    assert declared("long_enough", look_back=80, recursive_period=10).look_back == 80
    with pytest.raises(InputError, match="it needs 80 at least"):
        declared("too_short", look_back=79, recursive_period=10)
    with pytest.raises(InputError, match="needs 0 at least"):
        declared("negative", look_back=-1)


def declare(**changed):
    """Declare a feature with some of its facts changed."""
    facts = {
        "name": "mine",
        "family": Family.CUSTOM,
        "unit": "1",
        "inputs": ("close",),
        "look_back": 0,
        "source": "test",
    }
    return feature(**{**facts, **changed})(lambda bars: bars["close"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"inputs": ("clse",)}, "input 'clse'.*Did you mean close"),
        ({"inputs": ("close", "level_sesion_poc")}, "Did you mean level_session_poc"),
        ({"inputs": ("contract",)}, "with the input 'contract'"),
        ({"inputs": ("zzzz",)}, "Use open, high"),
        ({"look_back": 1.5}, "a look-back of 1.5 bars.*as a whole number"),
        ({"look_back": True}, "a look-back of True bars"),
        ({"look_back": None}, "a look-back of None bars"),
        ({"look_back": lambda _: -3}, "a look-back of -3 bars"),
        ({"look_back": lambda timeframe: 60 / timeframe.minutes}, "a look-back of 60.0 bars"),
        ({"look_back": 799, "multiple": 10, "recursive_period": 10}, "it needs 800 at least"),
        ({"multiple": 0}, "on bars 0 times as long"),
        ({"multiple": 2.0}, "on bars 2.0 times as long"),
        ({"multiple": 4, "nulls": "pass"}, "with nulls='pass'"),
        ({"nulls": "skip"}, "with nulls='skip'"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changed, message):
    """At the decorator, not in the midst of a night's work."""
    with pytest.raises(InputError, match=f"(?s){message}"):
        declare(**changed)


def test_a_look_back_that_fails_on_another_timeframe_is_refused_there():
    """It is asked for a minute when declared, and for the timeframe when used."""
    one = declare(look_back=lambda timeframe: 60 if timeframe == MINUTE else -1)
    with pytest.raises(InputError, match="a look-back of -1 bars"):
        one.look_back_bars(Timeframe.parse("5m"))


def test_the_file_of_a_user_works_as_the_module_says(tmp_path):
    """The example of the catalogue's own docstring, in a file of its own."""
    example = inspect.getdoc(catalog_module).split("from modules:")[1].split("catalog =")[0]
    body = textwrap.dedent(example).replace(
        "return ...",
        'return bars["close"] / sliding_window_view(padded(bars, period), period).max(1)',
    )
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "from numpy.lib.stride_tricks import sliding_window_view\n"
        "from quant_assets.features.catalog import BarArrays, Family, feature\n"
        "from quant_assets.indicators.arrays import FloatArray\n"
        "def padded(bars, period):\n"
        "    return np.concatenate([np.full(period - 1, np.nan), bars['high']])\n" + body
    )
    spec = importlib.util.spec_from_file_location("mine", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bars = joined_bars(2, 40, seed=2)
    found = compute_features(
        bars,
        session=session_of(1),
        timeframe=MINUTE,
        catalog=standard_catalog().extended(*features_of(module)),
    )
    expected = bars["close"] / bars["high"].rolling_max(10)
    assert found.columns[2:] == [*standard_catalog().names, "close_to_high_10"]
    assert found["close_to_high_10"].equals(expected[40:].alias("close_to_high_10"))


@pytest.mark.parametrize("name", ["", "Close", "1st", "a-b", "session", "bar_start", "x" * 64])
def test_a_name_that_is_no_free_column_is_refused(name):
    """Names become columns of a table and of views."""
    with pytest.raises(InputError, match="declare a feature named"):
        declared(name)


def test_declaring_a_feature_changes_no_catalogue():
    """A catalogue grows by making a new one."""
    before = standard_catalog().names
    mine = declared("double_close")
    assert standard_catalog().names == before
    assert standard_catalog().extended(mine).names == (*before, "double_close")
    assert standard_catalog().names == before


def test_a_users_module_gives_its_features_in_its_own_order():
    """One decorated function in a file of one's own is enough."""
    module = ModuleType("mine")
    module.first, module.number, module.second = declared("b"), 3, declared("a")
    assert [one.name for one in features_of(module)] == ["b", "a"]
    bars = random_bars(1, 5, seed=0)
    found = compute_features(
        bars, session=session_of(0), timeframe=MINUTE, catalog=Catalog(features_of(module))
    )
    assert found.columns == ["session", "bar_start", "b", "a"]
    assert found["a"].equals((2.0 * bars["close"]).alias("a"))
    assert features_of(module)[0].meaning == "Twice the close."


def test_two_features_of_one_name_are_refused():
    """The error names them."""
    with pytest.raises(InputError, match="rsi_14 stands in it more than once"):
        standard_catalog().extended(declared("rsi_14"))


def test_an_unknown_feature_is_refused_with_the_nearest_name():
    """A slip of the pen is answered by the name that was meant."""
    with pytest.raises(InputError, match="Did you mean rsi_14"):
        required_look_back_bars(["rsi14"], MINUTE)


def test_the_longest_look_back_counts():
    """One feature asks for its own, all ask for the longest."""
    assert required_look_back_bars(["roc_10"], MINUTE) == 10
    assert required_look_back_bars(["roc_10", "rsi_14"], MINUTE) == 112
    assert required_look_back_bars(None, MINUTE) == 12 * (8 * 14 + 1)
    assert required_look_back_bars([], MINUTE) == 0


def test_a_look_back_may_follow_the_timeframe():
    """An hour is sixty bars of a minute and four of fifteen."""
    one = feature(
        name="last_hour",
        family=Family.CUSTOM,
        unit="price",
        inputs=("close",),
        look_back=lambda timeframe: Timeframe.parse("1h").ns // timeframe.ns,
        source="test",
    )(lambda bars: bars["close"])
    catalog = Catalog((one,))
    assert required_look_back_bars(None, MINUTE, catalog=catalog) == 60
    assert required_look_back_bars(None, Timeframe.parse("15m"), catalog=catalog) == 4


def test_a_function_that_returns_another_length_is_refused():
    """Else its values would stand at other bars than their own."""
    one = feature(
        name="short", family=Family.CUSTOM, unit="1", inputs=("close",), look_back=0, source="test"
    )(lambda bars: bars["close"][1:])
    with pytest.raises(InputError, match=r"returned an array of shape \(4,\)"):
        compute_features(
            random_bars(1, 5, seed=0),
            session=session_of(0),
            timeframe=MINUTE,
            catalog=Catalog((one,)),
        )


THEFTS = {
    "a_column": lambda bars: np.multiply(bars["close"], 2.0, out=bars["close"]),
    "the_starts": lambda bars: np.add(bars.bar_start_ns, 1, out=bars.bar_start_ns),
    "the_numbers": lambda bars: np.add(bars.bar_of_session, 1, out=bars.bar_of_session),
    "what_is_shared": lambda bars: bars.shared(np.negative, "close").fill(0.0),
    "one_of_what_is_shared": lambda bars: bars.shared(np.modf, "close")[1].fill(0.0),
}


@pytest.mark.parametrize("multiple", [1, 2])
@pytest.mark.parametrize("steal", THEFTS.values(), ids=THEFTS)
def test_a_feature_cannot_change_the_bars_of_the_next(steal, multiple):
    """The arrays it is handed are read-only, its own bars' and longer ones'."""
    one = replace(declare(multiple=multiple), compute=steal)
    bars, session = random_bars(1, 8, seed=0), session_of(0)
    with pytest.raises(InputError, match="read-only"):
        compute_features(bars, session=session, timeframe=MINUTE, catalog=Catalog((one,)))


def test_what_a_feature_raises_is_told_with_its_name():
    """Of a hundred columns one must know which to mend."""

    def fail(bars: BarArrays) -> np.ndarray:
        raise KeyError("hihg")

    one = replace(declare(), compute=fail)
    with pytest.raises(InputError, match=r"feature 'mine' on 8 bars: .* raised KeyError: 'hihg'"):
        compute_features(
            random_bars(1, 8, seed=0),
            session=session_of(0),
            timeframe=MINUTE,
            catalog=Catalog((one,)),
        )


def test_the_tables_columns_follow_the_catalogue_whatever_the_order_of_names():
    """The same set of features is always the same table."""
    one = features_table(["rsi_14", "slope_20"]).schema.column_names()
    other = features_table(["slope_20", "rsi_14"]).schema.column_names()
    assert one == other == ["session", "bar_start", "slope_20", "rsi_14"]


def test_what_is_computed_meets_the_tables_contract():
    """Types, order and key are those of the schema; warm-up may be null, nothing is NaN."""
    found = compute_features(joined_bars(2, 40, seed=1), session=session_of(1), timeframe=MINUTE)
    assert FEATURES.check(found).equals(found)
    assert found.schema == FEATURES.empty().schema
    assert not any(found.select(pl.selectors.float().is_nan().any()).row(0))
