"""Trades of a futures root: three contracts, a book, and a volume that moves to the next expiry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.contracts import MONTH_CODES, Contract, expiry_date
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_HOUR, NS_PER_SECOND
from quant_assets.synthetic.activity import Weights, draw_stamps, future_activity
from quant_assets.synthetic.kernels import decaying_sums
from quant_assets.synthetic.seeds import stream
from quant_assets.synthetic.walk import LogPrices, WalkSpec, first_state, walk_session

N_CONTRACTS = 3

# The last contract hardly trades; of the rest, neither of the first two ever has less than this.
_FAR_SHARE = 0.02
_LEAST_SHARE = 0.05
_ROLL_STEEPNESS = 1.2

# A buyer is followed by a buyer: orders are cut to pieces.
_RUN = 0.72
_IMPACT_TICKS = 0.12
_IMPACT_DECAY = 0.9


@dataclass(frozen=True)
class FutureSpec:
    """A futures root of a synthetic market.

    Parameters
    ----------
    root, calendar
        Symbol of the product, and the calendar it trades by.
    tick_units
        Tick size in 1e-9 of the quote currency.
    month_codes
        Contract months that are listed, by letter.
    carry
        What a contract costs above the one before it, as a fraction.
    roll_at
        Share of the sessions after which the second contract leads in volume.
    ticks_per_session
        Trades of a session, all contracts together.
    mean_qty
        Mean size of a trade in contracts.
    final_hours
        How long before the close an expiring contract trades last on its last day.
    walk
        How the price of the first contract moves.
    """

    root: str
    calendar: str
    tick_units: int
    month_codes: str
    carry: float
    roll_at: float
    ticks_per_session: int
    mean_qty: float
    final_hours: float
    walk: WalkSpec


def listed_contracts(spec: FutureSpec, last_session: date) -> list[Contract]:
    """Return the three nearest contracts that still trade on the last session, nearest first."""
    listed = (
        Contract(spec.root, MONTH_CODES.index(letter) + 1, year)
        for year in range(last_session.year, last_session.year + 3)
        for letter in spec.month_codes
    )
    living = [contract for contract in listed if expiry_date(contract) >= last_session]
    return living[:N_CONTRACTS]


def volume_shares(spec: FutureSpec, n_sessions: int) -> npt.NDArray[np.float64]:
    """Return each contract's share of the volume by session.

    Returns
    -------
    float64 array of shape (n_sessions, 3)
        Rows sum to 1. The second contract leads from session `round(roll_at * n_sessions)` on,
        at least from the second session.
    """
    roll = max(1, round(spec.roll_at * n_sessions))
    distance = np.arange(n_sessions) - (roll - 0.5)
    moved = 1 / (1 + np.exp(-_ROLL_STEEPNESS * distance))
    second = (1 - _FAR_SHARE) * (_LEAST_SHARE + (1 - 2 * _LEAST_SHARE) * moved)
    far = np.full(n_sessions, _FAR_SHARE)
    return np.stack([1 - second - far, second, far], axis=1)


def simulate_future(
    spec: FutureSpec, sessions: Sequence[SessionBounds], *, seed: int
) -> dict[str, pl.DataFrame]:
    """Simulate the trades of a root.

    Parameters
    ----------
    sessions
        Sessions of the root's calendar, oldest first; at least one.

    Returns
    -------
    dict of str to DataFrame
        Contract code to its trades in order: ts T; price, bid, ask Int64 of 1e-9; qty, bid_qty,
        ask_qty Float64 (whole numbers). Stamps lie in `[open, close)` of their session. Always
        bid < ask, and a trade is at one of the two.
    """
    contracts = listed_contracts(spec, sessions[-1].session)
    shares = volume_shares(spec, len(sessions))
    trades: dict[str, list[pl.DataFrame]] = {contract.code: [] for contract in contracts}
    state = first_state(spec.walk)
    for bounds, row in zip(sessions, shares, strict=True):
        names = (spec.root, bounds.session.isoformat())
        weights = future_activity((bounds.close_ns - bounds.open_ns) // NS_PER_SECOND)
        prices, state = walk_session(stream(seed, *names, "walk"), spec.walk, state, weights)
        for rank, contract in enumerate(contracts):
            rng = stream(seed, *names, contract.code)
            count = round(spec.ticks_per_session * row[rank] * rng.uniform(0.96, 1.04))
            until = weights[: _last_second(spec, contract, bounds)]
            dearer = prices + rank * np.log1p(spec.carry)
            trades[contract.code].append(
                _session_trades(rng, spec, bounds, until, dearer, rank=rank, count=count)
            )
    return {code: pl.concat(parts) for code, parts in trades.items()}


def _last_second(spec: FutureSpec, contract: Contract, bounds: SessionBounds) -> int:
    """Return how many seconds after the open a contract still trades."""
    close_ns = bounds.close_ns
    if expiry_date(contract) == bounds.session:
        close_ns -= round(spec.final_hours * NS_PER_HOUR)
    return max(1, (close_ns - bounds.open_ns) // NS_PER_SECOND)


def _session_trades(
    rng: np.random.Generator,
    spec: FutureSpec,
    bounds: SessionBounds,
    weights: Weights,
    log_prices: LogPrices,
    *,
    rank: int,
    count: int,
) -> pl.DataFrame:
    """Draw one contract's trades of one session around its price."""
    ts_ns = draw_stamps(rng, weights, open_ns=bounds.open_ns, count=count)
    buys = _aggressor_runs(rng, count)
    seconds = (ts_ns - bounds.open_ns) / NS_PER_SECOND
    fair = np.interp(seconds, np.arange(log_prices.size), np.exp(log_prices))
    bid = np.floor(fair * 1e9 / spec.tick_units + _pushed_ticks(buys)).astype(np.int64)
    ask = bid + 1 + _extra_ticks(rng, count, rank=rank)
    return pl.DataFrame(
        {
            "ts": ts_ns,
            "price": np.where(buys, ask, bid) * spec.tick_units,
            "bid": bid * spec.tick_units,
            "ask": ask * spec.tick_units,
            "qty": _sizes(rng, count, spec.mean_qty),
            "bid_qty": _sizes(rng, count, 12.0),
            "ask_qty": _sizes(rng, count, 12.0),
        }
    ).with_columns(pl.col("ts").cast(UTC_NS))


def _aggressor_runs(rng: np.random.Generator, count: int) -> npt.NDArray[np.bool_]:
    """Return which trades a buyer began; a trade repeats the side before it more often than not."""
    switches = rng.random(count) >= _RUN
    buys: npt.NDArray[np.bool_] = (np.cumsum(switches) + rng.integers(2)) % 2 == 1
    return buys


def _pushed_ticks(buys: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return by how many ticks the trades before each one have moved the book; it moves back."""
    after = decaying_sums(_IMPACT_TICKS * (2.0 * buys - 1), _IMPACT_DECAY, 0.0)
    return np.concatenate([[0.0], after])[:-1]


def _extra_ticks(rng: np.random.Generator, count: int, *, rank: int) -> npt.NDArray[np.int64]:
    """Return by how many ticks the spread is wider than one: more for later contracts."""
    return rng.poisson((0.04, 0.12, 0.9)[rank], count)


def _sizes(rng: np.random.Generator, count: int, mean: float) -> npt.NDArray[np.float64]:
    """Return whole sizes of at least 1, most of them small."""
    return rng.geometric(1 / mean, count).astype(np.float64)
