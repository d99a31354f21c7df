"""Bars of currency pairs."""

import polars as pl
import pytest

from quant_assets.market.timeframes import NS_PER_MINUTE
from quant_assets.storage.package_data import load_calendars
from quant_assets.synthetic.forex import simulate_pair
from quant_assets.synthetic.market import DEMO_MARKET
from quant_assets_tests.synthetic.sessions import SESSIONS

QUARTER_NS = 15 * NS_PER_MINUTE


@pytest.fixture(scope="module", params=DEMO_MARKET.pairs, ids=lambda spec: spec.symbol)
def bars(request):
    """Bars of one pair of the demo."""
    return simulate_pair(request.param, SESSIONS["FX"], seed=7)


def test_there_is_one_bar_for_each_quarter_of_an_hour_that_is_open(bars):
    """From each open to each close, without a hole; stamps at the left."""
    expected = [
        stamp
        for bounds in SESSIONS["FX"]
        for stamp in range(bounds.open_ns, bounds.close_ns, QUARTER_NS)
    ]
    assert bars["bar_start"].cast(pl.Int64).to_list() == expected


def test_no_bar_lies_outside_the_hours(bars):
    """Nothing trades from Friday 17:00 to Sunday 17:00 New York."""
    stamps = bars["bar_start"].cast(pl.Int64).to_numpy()
    assert not load_calendars()["FX"].outside_hours(stamps).any()


def test_high_and_low_hold_open_and_close(bars):
    """And a bar has a range, a volume and five decimals."""
    assert (bars["high"] >= bars.select(pl.max_horizontal("open", "close")).to_series()).all()
    assert (bars["low"] <= bars.select(pl.min_horizontal("open", "close")).to_series()).all()
    assert (bars["high"] > bars["low"]).all()
    assert ((bars["volume"] >= 1) & (bars["volume"] % 1 == 0)).all()
    for column in ("open", "high", "low", "close"):
        assert bars[column].equals(bars[column].round(5))


def test_a_bar_opens_where_the_one_before_closed_within_a_session(bars):
    """Quotes go on without a gap while the market is open."""
    day = bars.filter(pl.col("bar_start").dt.date() == SESSIONS["FX"][2].session)
    assert day["open"][1:].equals(day["close"][:-1], null_equal=True)


def test_the_pairs_do_not_move_as_one():
    """Each pair has a stream of its own."""
    first, second = (
        simulate_pair(spec, SESSIONS["FX"], seed=7)["close"].log().diff().drop_nulls()
        for spec in DEMO_MARKET.pairs
    )
    assert abs(pl.DataFrame({"a": first, "b": second}).corr()["a"][1]) < 0.15
