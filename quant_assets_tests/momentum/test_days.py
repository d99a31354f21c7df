"""Scanning a session into its row of the index."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import NS_PER_MINUTE, NS_PER_SECOND, Timeframe
from quant_assets.momentum.days import scan_day, volume_ratio
from quant_assets.momentum.rules import DEFAULT_RULES
from quant_assets.momentum.schema import MOMENTUM_DAYS

SESSION = date(2024, 2, 9)
OPEN_NS = int(datetime(2024, 2, 9, 14, 30, tzinfo=UTC).timestamp()) * NS_PER_SECOND
CLOSE_NS = OPEN_NS + 390 * NS_PER_MINUTE
HOURS = OPEN_NS, CLOSE_NS
USUAL = [100_000.0] * 20

# A kernel compiles at its first call.
unhurried = settings(deadline=None, max_examples=40)


def day_bars(
    *,
    total: float = 0.3,
    noise: float = 5e-5,
    seconds: int = 60,
    seed: int = 0,
    volume: float = 1000.0,
    price: float = 10.0,
) -> pl.DataFrame:
    """Return a regular session that climbs by `total` (a logarithm) with some noise."""
    rng = np.random.default_rng(seed)
    n = 390 * 60
    path = np.linspace(0.0, total, n) + np.cumsum(rng.normal(0.0, noise, n))
    close = price * np.exp(path.reshape(-1, seconds))
    n_bars = close.shape[0]
    starts = OPEN_NS + np.arange(n_bars) * seconds * NS_PER_SECOND
    return pl.DataFrame(
        {
            "session": [SESSION] * n_bars,
            "bar_start": pl.Series(starts).cast(UTC_NS),
            "open": close[:, 0],
            "high": close.max(axis=1),
            "low": close.min(axis=1),
            "close": close[:, -1],
            "volume": np.full(n_bars, volume * seconds / 60),
        }
    )


def scan(bars: pl.DataFrame, *, timeframe: str = "1m", **changes) -> dict:
    """Scan a day with the usual volumes before it."""
    given = {"previous_volumes": USUAL, "halts": 0, "landed_paths": [], "regular_hours": HOURS}
    return scan_day(bars, timeframe=Timeframe.parse(timeframe), **(given | changes)).row(
        0, named=True
    )


def with_value(bars: pl.DataFrame, at: int, **values: float) -> pl.DataFrame:
    """Return bars with some values of one row set."""
    return bars.with_columns(
        pl.when(pl.int_range(pl.len()) == at).then(value).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def test_the_row_meets_the_tables_contract():
    """Prices are the first open, the extremes and the last close; the volume is the sum."""
    bars = day_bars()
    found = scan_day(
        bars.sample(fraction=1.0, shuffle=True, seed=1),
        timeframe=Timeframe.parse("1m"),
        previous_volumes=USUAL,
        halts=2,
        landed_paths=["b.parquet", "a.parquet"],
    )
    assert MOMENTUM_DAYS.check(found).equals(found)
    row = found.row(0, named=True)
    assert row["session"] == SESSION
    assert (row["open"], row["close"]) == (bars["open"][0], bars["close"][-1])
    assert (row["high"], row["low"]) == (bars["high"].max(), bars["low"].min())
    assert row["volume"] == 390_000.0
    assert row["range_pct"] == pytest.approx(100 * (row["high"] - row["low"]) / row["open"])
    assert row["volume_ratio"] == pytest.approx(3.9)
    assert (row["halts"], row["landed_paths"]) == (2, ["a.parquet", "b.parquet"])


def test_a_clear_loud_large_day_is_prime():
    """It loses that by quiet volume, a small range, unknown volume or coarse bars."""
    bars = day_bars()
    assert scan(bars)["day_class"] == "prime"
    assert scan(bars)["quality"] > 0.8
    assert scan(day_bars(volume=100.0))["day_class"] != "prime"
    assert scan(day_bars(total=0.15))["day_class"] == "secondary"
    assert scan(bars, previous_volumes=USUAL[:4])["day_class"] == "secondary"
    assert scan(day_bars(seconds=300), timeframe="5m")["day_class"] == "secondary"


def test_a_quiet_day_is_ordinary_and_a_halted_gap_a_risk():
    """The jump may lie at the open or at the resumption."""
    quiet = day_bars(total=0.0, noise=1e-5, volume=100.0)
    assert scan(quiet)["day_class"] == "ordinary"
    assert scan(quiet, halts=1)["day_class"] == "ordinary"
    assert scan(quiet, halts=1, previous_close=10.3)["day_class"] == "risk"
    later = pl.col("bar_start") >= quiet["bar_start"][200]
    jumped = quiet.with_columns(
        pl.when(later).then(pl.col(name) * 1.021).otherwise(pl.col(name)).alias(name)
        for name in ("open", "high", "low", "close")
    )
    assert scan(jumped)["day_class"] == "ordinary"
    assert scan(jumped, halts=1)["day_class"] == "risk"


def test_below_five_sessions_the_usual_volume_is_unknown():
    """Else it is the mean of the last twenty."""
    assert volume_ratio(8.0, [2.0] * 4, rules=DEFAULT_RULES) is None
    assert volume_ratio(8.0, [2.0] * 5, rules=DEFAULT_RULES) == 4.0
    assert volume_ratio(8.0, [1e9, *[2.0] * 20], rules=DEFAULT_RULES) == 4.0
    assert volume_ratio(8.0, [0.0] * 20, rules=DEFAULT_RULES) is None


def test_a_bad_print_stays_in_the_table_and_out_of_the_score():
    """A high that no other price confirms moves the range, not the quality."""
    bars = day_bars(total=0.0, noise=1e-5)
    spiked = with_value(bars, 100, high=20.0)
    clean, found = scan(bars), scan(spiked)
    assert found["high"] == 20.0
    assert found["range_pct"] > 99.0
    assert found["day_class"] == clean["day_class"] == "ordinary"
    assert found["quality"] == pytest.approx(clean["quality"], abs=0.01)


def test_a_suspect_long_bar_hides_the_quality():
    """More than twice what its body and the close before explain; twice is not."""
    day = day_bars(seconds=390 * 60)
    top = day["close"][0]
    assert scan(with_value(day, 0, high=2.0 * top), timeframe="1d")["quality"] is not None
    suspect = with_value(day, 0, high=2.01 * top)
    assert scan(suspect, timeframe="1d")["quality"] is None
    assert scan(suspect, timeframe="1d", previous_close=3.0 * top)["quality"] is not None
    assert scan(with_value(day, 0, low=0.5), timeframe="1d")["quality"] is None


@pytest.mark.parametrize("total", [0.02, 0.1, 0.3])
def test_resolution_hardly_moves_the_quality(total):
    """Seconds and minutes of one day score within 0.05."""
    scores = [
        scan(day_bars(total=total, seconds=seconds, seed=5), timeframe=name)["quality"]
        for seconds, name in ((1, "1s"), (60, "1m"))
    ]
    assert abs(scores[0] - scores[1]) < 0.05


@unhurried
@given(
    total=st.floats(-0.5, 0.5),
    noise=st.floats(1e-6, 1e-3),
    volume=st.floats(1.0, 1e4),
    halts=st.integers(0, 20),
)
def test_quality_is_a_share_and_scaling_units_leaves_it_alone(total, noise, volume, halts):
    """Prices in cents and volumes in lots make the same day."""
    bars = day_bars(total=total, noise=noise, volume=volume, seconds=60)
    prices = ["open", "high", "low", "close"]
    scaled = bars.with_columns(pl.col(prices) * 128.0, pl.col("volume") * 0.25)
    one = scan(bars, halts=halts)
    other = scan(scaled, halts=halts, previous_volumes=[0.25 * usual for usual in USUAL])
    assert 0.0 <= one["quality"] <= 1.0
    assert other["quality"] == pytest.approx(one["quality"])
    assert other["day_class"] == one["day_class"]


def test_moves_at_the_open_score_more_than_at_midday():
    """Without regular hours the time of day is unknown and counts one half."""
    flat = day_bars(total=0.0, noise=1e-9)

    def moved_at(minute: int, *, hours: tuple[int, int] = HOURS) -> float:
        later = pl.int_range(pl.len()) >= minute
        jump = [
            pl.when(later).then(pl.col(name) * 1.05).otherwise(pl.col(name)).alias(name)
            for name in ("open", "high", "low", "close")
        ]
        return scan(flat.with_columns(jump), regular_hours=hours)["quality"]

    opening, midday, power_hour = moved_at(10), moved_at(180), moved_at(380)
    assert midday < power_hour < opening
    assert opening - midday == pytest.approx(0.15 * 0.5, abs=1e-3)

    later_open = OPEN_NS + 60 * NS_PER_MINUTE, CLOSE_NS
    before_open, first_hour = (moved_at(at, hours=later_open) for at in (10, 70))
    assert first_hour - before_open == pytest.approx(0.15 * 0.7, abs=1e-3)


def test_the_spread_counts_where_quotes_are_known():
    """Crossed quotes are passed over, even where they are most."""
    bars = day_bars()
    half = pl.col("close") * 1e-4

    def quoted(width: float) -> float:
        bid, ask = pl.col("close") - width * half, pl.col("close") + width * half
        is_crossed = pl.int_range(pl.len()) < 250
        crossed = pl.when(is_crossed).then(99.0).otherwise(bid)
        return scan(bars.with_columns(bid_close=crossed, ask_close=ask))["quality"]

    assert quoted(1.0) - quoted(25.0) == pytest.approx(0.10)
    assert quoted(1.0) == pytest.approx(scan(bars)["quality"] + 0.05)


@pytest.mark.parametrize("price", [0.0, -14.0])
def test_a_day_that_opens_at_or_below_zero_has_no_range(price):
    """Oil, April 2020: a share of such a price means nothing, and is no error."""
    prices = ("open", "high", "low", "close")
    found = scan(day_bars().with_columns(pl.lit(price).alias(name) for name in prices))
    assert (found["range_pct"], found["day_class"]) == (0.0, "ordinary")


def test_bars_of_no_session_or_of_two_are_refused():
    """A row stands for one session."""
    bars = day_bars()
    with pytest.raises(InputError, match="0 bars of 0 sessions"):
        scan(bars[:0])
    other = bars.with_columns(session=pl.lit(date(2024, 2, 12)))
    with pytest.raises(InputError, match="780 bars of 2 sessions"):
        scan(pl.concat([bars, other]))
