"""The look-ahead law for every feature, and for each a leaky twin that must be caught."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.features.catalog import BarArrays, Catalog, Feature
from quant_assets.features.integrity import Leak, find_leaks
from quant_assets.features.standard import standard_catalog
from quant_assets.features.window import compute_features
from quant_assets.market.columns import UTC_NS
from quant_assets_tests.features.markets import (
    MINUTE,
    cuts_of,
    joined_bars,
    session_of,
    with_breaks,
    with_joined,
)

N_BARS, CUTS_A_SESSION = 61, 50
SESSIONS = 4, 5, 7, 8


def leaky(one: Feature) -> Feature:
    """Return the feature's twin that shows each value one bar early."""

    def early(bars: BarArrays, **parameters: float) -> np.ndarray:
        return np.append(one.compute(bars, **parameters)[1:], np.nan)

    return replace(one, compute=early)


def leaks_of(bars: pl.DataFrame, catalog: Catalog, sessions: list[date]) -> list[Leak]:
    """Hold the catalogue against the law, session by session."""
    found: list[Leak] = []
    for number, session in enumerate(sessions):
        compute: Callable[[pl.DataFrame], pl.DataFrame] = partial(
            compute_features, session=session, timeframe=MINUTE, catalog=catalog
        )
        known = bars.filter(pl.col("session") <= session)
        cuts = cuts_of(bars, session=session, count=CUTS_A_SESSION, seed=number)
        found += find_leaks(compute, known, cuts, seed=number)
    return found


@pytest.fixture(scope="module")
def random_market() -> pl.DataFrame:
    """Nine sessions of an hour with null rows and three contracts."""
    return with_breaks(joined_bars(9, N_BARS, seed=21), seed=22)


def real_market(shared_data: Path) -> pl.DataFrame:
    """Return EURUSD minutes, cut into sessions of an hour; every third volume is a seller's."""
    names = ["day", "minute", "open", "high", "low", "close", "volume"]
    raw = pl.read_csv(
        shared_data / "ohlcv" / "EURUSD1.csv",
        has_header=False,
        new_columns=names,
        n_rows=9 * N_BARS,
        schema_overrides=dict.fromkeys(names[2:], pl.Float64),
    )
    stamp = pl.concat_str("day", "minute").str.to_datetime("%Y.%m.%d%H:%M")
    sells = pl.col("volume") / 3.0
    bars = raw.select(
        stamp.dt.replace_time_zone("UTC").cast(UTC_NS).alias("bar_start"),
        *names[2:],
        contract=pl.lit(None, pl.String),
        buy_volume=pl.col("volume") - sells,
        sell_volume=sells,
        vwap=pl.lit(None, pl.Float64),
        session=pl.Series([session_of(at // N_BARS) for at in range(raw.height)]),
    )
    return with_breaks(with_joined(bars, seed=24), seed=23)


def test_no_feature_of_random_bars_knows_the_future(random_market):
    """Two hundred cuts over four sessions, rows removed and scrambled."""
    sessions = [session_of(at) for at in SESSIONS]
    assert leaks_of(random_market, standard_catalog(), sessions) == []


def test_every_leaky_twin_on_random_bars_is_caught(random_market):
    """The same guard sees a value that is one bar early, for each feature."""
    twins = Catalog(tuple(leaky(one) for one in standard_catalog().features))
    found = leaks_of(random_market, twins, [session_of(at) for at in SESSIONS])
    assert {leak.feature for leak in found} == set(twins.names)


@pytest.mark.shared
def test_no_feature_of_real_bars_knows_the_future(shared_data):
    """EURUSD minutes, two hundred cuts."""
    sessions = [session_of(at) for at in SESSIONS]
    assert leaks_of(real_market(shared_data), standard_catalog(), sessions) == []


@pytest.mark.shared
def test_every_leaky_twin_on_real_bars_is_caught(shared_data):
    """EURUSD minutes, two hundred cuts."""
    twins = Catalog(tuple(leaky(one) for one in standard_catalog().features))
    found = leaks_of(real_market(shared_data), twins, [session_of(at) for at in SESSIONS])
    assert {leak.feature for leak in found} == set(twins.names)


def test_the_markets_have_what_restarts_an_indicator(random_market):
    """Null rows and contract changes lie inside the sessions that are cut."""
    judged = random_market.filter(pl.col("session").is_in([session_of(at) for at in SESSIONS]))
    assert judged["close"].null_count() >= 2
    by_session = judged.group_by("session").agg(pl.col("contract").n_unique())
    assert by_session["contract"].max() == 2
