"""The demo's market as a whole."""

import numpy as np
import polars as pl
import pytest

from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.instruments import InstrumentBook
from quant_assets.storage.package_data import load_instruments
from quant_assets.synthetic.equities import CENT
from quant_assets.synthetic.forex import simulate_pair
from quant_assets.synthetic.futures import simulate_future
from quant_assets.synthetic.market import DEMO_MARKET
from quant_assets_tests.synthetic.sessions import SESSIONS


def _given_back(log_prices, span):
    """Return the correlation of the distance to the recent mean with the move that follows."""
    mean = pl.Series(log_prices).ewm_mean(half_life=span).to_numpy()
    distance, move = (log_prices - mean)[:-span], log_prices[span:] - log_prices[:-span]
    return float(np.corrcoef(distance, move)[0, 1])


def test_futures_have_the_tick_sizes_of_the_instrument_list():
    """A tick of the simulation is a tick of the market's own vocabulary."""
    book = load_instruments()
    for spec in DEMO_MARKET.futures:
        instrument = book.instrument(spec.root)
        assert spec.tick_units / PRICE_SCALE == instrument.tick_size
        assert spec.calendar == instrument.calendar


def test_no_list_of_instruments_knows_the_stocks():
    """Stocks are invented, so the market brings their entries itself."""
    assert not load_instruments().instrument("QSYN").known
    raw = {"instruments": DEMO_MARKET.invented_instruments}
    book = InstrumentBook.from_mappings(raw)
    for spec in DEMO_MARKET.equities:
        instrument = book.instrument(spec.symbol)
        assert instrument.known
        assert (instrument.calendar, instrument.tick_size) == ("XNYS", CENT)


@pytest.mark.parametrize("spec", DEMO_MARKET.pairs, ids=lambda spec: spec.symbol)
def test_pairs_give_back_a_little_of_each_move(spec):
    """The edge is there on average over seeds, and it is weak."""
    edges = [
        _given_back(simulate_pair(spec, SESSIONS["FX"], seed=seed)["close"].log().to_numpy(), 8)
        for seed in range(24)
    ]
    assert -0.16 < np.mean(edges) < -0.03


@pytest.mark.parametrize("spec", DEMO_MARKET.futures, ids=lambda spec: spec.root)
def test_futures_give_back_a_little_of_each_move(spec):
    """The same on one-minute mid prices, within sessions of the busiest contract."""
    edges = []
    for seed in range(8):
        trades = max(simulate_future(spec, SESSIONS[spec.calendar], seed=seed).values(), key=len)
        minutes = trades.group_by_dynamic("ts", every="1m").agg(
            (pl.col("bid").last() + pl.col("ask").last()) / 2e9
        )
        edges.append(_given_back(minutes["bid"].log().to_numpy(), 30))
    assert -0.16 < np.mean(edges) < -0.02
