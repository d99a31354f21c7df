"""One-second bars and trading status of a stock, from pre-market to after hours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_HOUR, NS_PER_SECOND
from quant_assets.synthetic.activity import Instants, Weights, equity_activity
from quant_assets.synthetic.momentum_day import MomentumShape, added_log_price, busier, halt_ns
from quant_assets.synthetic.seeds import stream
from quant_assets.synthetic.walk import LogPrices, WalkSpec, WalkState, first_state, walk_session

_PRE_MARKET_NS = 11 * NS_PER_HOUR // 2
_AFTER_HOURS_NS = 4 * NS_PER_HOUR
CENT = 0.01
"""Tick size of all stocks."""

# A fast day is rougher than an ordinary one, besides its shape.
_MOMENTUM_VOLATILITY = 1.3
_WICK = 0.6


@dataclass(frozen=True)
class EquitySpec:
    """A stock of a synthetic market.

    Parameters
    ----------
    symbol, calendar
        The stock, and the calendar it trades by.
    active_seconds
        Seconds of an ordinary session in which it trades.
    daily_volume
        Shares of an ordinary session.
    walk
        How the price moves.
    momentum
        Share of the sessions after which a momentum day comes, and its shape.
    """

    symbol: str
    calendar: str
    active_seconds: int
    daily_volume: float
    walk: WalkSpec
    momentum: Mapping[float, MomentumShape] = field(default_factory=dict)


@dataclass(frozen=True)
class EquityMarket:
    """What is recorded of a stock.

    Parameters
    ----------
    bars : DataFrame
        session Date; bar_start T; open, high, low, close Float64 in whole cents; volume Float64.
        A second without a trade has no row.
    status : DataFrame
        session Date; ts T; action, reason Utf8 (names of DBN); is_trading, is_quoting Bool.
    """

    bars: pl.DataFrame
    status: pl.DataFrame


@dataclass(frozen=True)
class _Day:
    """One session from pre-market to after hours, second by second."""

    session: date
    first_ns: int
    open_ns: int
    close_ns: int
    n_seconds: int
    shape: MomentumShape | None

    @property
    def ts_ns(self) -> Instants:
        """Start of each second."""
        return self.first_ns + np.arange(self.n_seconds, dtype=np.int64) * NS_PER_SECOND

    @property
    def from_open(self) -> Instants:
        """Seconds since the regular open, of each second's start."""
        return (self.ts_ns - self.open_ns) // NS_PER_SECOND

    @property
    def halt(self) -> tuple[int, int] | None:
        """When trading is paused, as ns."""
        return None if self.shape is None else halt_ns(self.shape, self.open_ns)


def simulate_equity(
    spec: EquitySpec, sessions: Sequence[SessionBounds], *, seed: int
) -> EquityMarket:
    """Simulate bars and status of a stock.

    Parameters
    ----------
    sessions
        Sessions of the stock's calendar, oldest first; at least one. Pre-market starts 5.5 hours
        before the open, after hours end 4 hours behind the close.
    """
    shapes = momentum_sessions(spec, len(sessions))
    state = first_state(spec.walk)
    bars, status = [], []
    for place, bounds in enumerate(sessions):
        day = _day(bounds, shapes.get(place))
        names = (spec.symbol, bounds.session.isoformat())
        weights = _weights(day)
        prices, state = _walk_day(stream(seed, *names, "walk"), spec, day, state, weights)
        bars.append(_day_bars(stream(seed, *names, "bars"), spec, day, weights, prices))
        status.append(_day_status(day))
    return EquityMarket(bars=pl.concat(bars), status=pl.concat(status))


def momentum_sessions(spec: EquitySpec, n_sessions: int) -> dict[int, MomentumShape]:
    """Return the places of the momentum days among the sessions, from 0."""
    return {int(at * n_sessions): shape for at, shape in spec.momentum.items()}


def _day(bounds: SessionBounds, shape: MomentumShape | None) -> _Day:
    """Return the extended hours of a session; they never leave it."""
    first_ns = max(bounds.start_ns, bounds.open_ns - _PRE_MARKET_NS)
    end_ns = min(bounds.next_start_ns, bounds.close_ns + _AFTER_HOURS_NS)
    return _Day(
        session=bounds.session,
        first_ns=first_ns,
        open_ns=bounds.open_ns,
        close_ns=bounds.close_ns,
        n_seconds=(end_ns - first_ns) // NS_PER_SECOND,
        shape=shape,
    )


def _weights(day: _Day) -> Weights:
    """Return how busy each second of a day is."""
    weights = equity_activity(day.from_open, (day.close_ns - day.open_ns) // NS_PER_SECOND)
    return weights if day.shape is None else weights * busier(day.shape, day.from_open)


def _walk_day(
    rng: np.random.Generator, spec: EquitySpec, day: _Day, state: WalkState, weights: Weights
) -> tuple[LogPrices, WalkState]:
    """Walk through a day; what a momentum day's shape leaves stays in the level."""
    if day.shape is None:
        return walk_session(rng, spec.walk, state, weights)
    prices, after = walk_session(
        rng, spec.walk, state, weights, volatility_factor=_MOMENTUM_VOLATILITY
    )
    edges = np.append(day.from_open, day.from_open[-1] + 1).astype(np.float64)
    added = added_log_price(day.shape, edges, peak=rng.uniform(*day.shape.peak))
    return prices + added, WalkState(level=after.level + added[-1], deviation=after.deviation)


def _day_bars(
    rng: np.random.Generator, spec: EquitySpec, day: _Day, weights: Weights, log_prices: LogPrices
) -> pl.DataFrame:
    """Make a bar of each second that trades."""
    factor = 1.0 if day.shape is None else day.shape.volume_factor
    wanted = spec.active_seconds * np.sqrt(factor)
    trades = rng.random(day.n_seconds) < -np.expm1(-wanted * weights / weights.sum())
    if day.halt is not None:
        trades &= (day.ts_ns < day.halt[0]) | (day.ts_ns >= day.halt[1])
    prices = np.exp(log_prices)
    ends = np.stack([prices[:-1], prices[1:]])[:, trades]
    return pl.DataFrame(
        {
            "bar_start": day.ts_ns[trades],
            **_prices(rng, ends),
            "volume": _volumes(rng, weights[trades], spec.daily_volume * factor),
        }
    ).select(
        pl.lit(day.session).alias("session"),
        pl.col("bar_start").cast(UTC_NS),
        pl.all().exclude("bar_start"),
    )


def _prices(
    rng: np.random.Generator, ends: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return open, high, low and close in whole cents; wicks of a cent or two are drawn."""
    wicks = rng.poisson(_WICK, (2, ends.shape[1]))
    cents = np.maximum(1, np.rint(ends / CENT).astype(np.int64))
    high, low = cents.max(axis=0) + wicks[0], np.maximum(1, cents.min(axis=0) - wicks[1])
    # Division by 100 gives the number nearest to the decimal; times 0.01 does not.
    return {
        "open": cents[0] / 100,
        "high": high / 100,
        "low": low / 100,
        "close": cents[1] / 100,
    }


def _volumes(rng: np.random.Generator, weights: Weights, total: float) -> npt.NDArray[np.float64]:
    """Spread a day's shares over its seconds: whole numbers of at least 1, a few of them large."""
    parts = rng.lognormal(0.0, 0.9, weights.size) * weights**0.3
    shares: Weights = np.rint(total * rng.uniform(0.9, 1.1) * parts / parts.sum())
    return np.maximum(1.0, shares)


def _day_status(day: _Day) -> pl.DataFrame:
    """Return the day's schedule, and its pause where it has one."""
    rows = [
        (day.first_ns, "PRE_OPEN", "SCHEDULED", True, True),
        (day.open_ns, "TRADING", "SCHEDULED", True, True),
        (day.close_ns, "POST_CLOSE", "SCHEDULED", True, True),
    ]
    if day.halt is not None:
        pause, resumption = day.halt
        rows += [
            (pause, "PAUSE", "LULD_PAUSE", False, True),
            (resumption, "TRADING", "LULD_PAUSE", True, True),
        ]
    columns = ("ts", "action", "reason", "is_trading", "is_quoting")
    return pl.DataFrame(sorted(rows), schema=columns, orient="row").select(
        pl.lit(day.session).alias("session"), pl.col("ts").cast(UTC_NS), pl.all().exclude("ts")
    )
