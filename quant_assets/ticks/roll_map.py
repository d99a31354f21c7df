"""The roll map: which contract of a root is read on a date, by landed volume, no cleaning.

`same_day` takes the contract of the highest volume of that very day, which is known only when the
day is over. `previous_day` takes the leader of the last date with data; one that has expired since
is passed over. By default the active contract never goes back to an earlier expiry; the raw leader
of each day stays beside it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.contracts import expiry_date, parse_contract
from quant_assets.market.errors import InputError
from quant_assets.market.sessions import SessionBounds, SessionCalendar
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE
from quant_assets.ticks.kernels import sum_in_order
from quant_assets.ticks.schema import ROLL_MAP

BOOTSTRAP_SESSIONS = 5
"""A first contract that expires within as many sessions is passed over."""

_BOOTSTRAP_DAYS = timedelta(days=7)
"""Calendar days of five sessions, where no calendar is at hand."""

IST_OFFSET_NS = (5 * 60 + 30) * NS_PER_MINUTE
"""India Standard Time is UTC+5:30 all year."""


class RollMode(StrEnum):
    """How the active contract of a date is chosen."""

    SAME_DAY = "same_day"
    PREVIOUS_DAY = "previous_day"


class DateBasis(StrEnum):
    """What a date of the map is: the exchange's session, or a calendar day of a zone."""

    SESSION = "session"
    UTC = "utc"
    IST = "ist"


Bounds = Callable[[date], SessionBounds]
Assign = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.datetime64]]
SessionsAfter = Callable[[date, int], Sequence[date]]


@dataclass(frozen=True)
class _Ranked:
    """The contracts of one date, highest volume first, ties by nearer expiry."""

    day: date
    volumes: tuple[tuple[str, float], ...]

    @property
    def leader(self) -> str:
        """Contract of the highest volume."""
        return self.volumes[0][0]

    def volume_of(self, contract: str) -> float:
        """Volume of a contract that day, 0 where it did not trade."""
        return dict(self.volumes).get(contract, 0.0)


@dataclass(frozen=True)
class _Expiries:
    """When contracts expire, and which of them a map may start with."""

    sessions_after: SessionsAfter | None
    business_days: SessionCalendar | None

    def of(self, contract: str) -> date:
        """Return the last trading day of a contract."""
        return expiry_date(parse_contract(contract), business_days=self.business_days)

    def nearest(self, today: _Ranked) -> str:
        """Return the nearest contract that does not expire within five sessions."""
        contracts = sorted((name for name, _ in today.volumes), key=parse_contract)
        limit = self._limit(today.day)
        return next((name for name in contracts if self.of(name) > limit), contracts[-1])

    def _limit(self, d: date) -> date:
        """Return the fifth session after a date, or a week later where no calendar reaches."""
        following = self.sessions_after(d, BOOTSTRAP_SESSIONS) if self.sessions_after else ()
        return following[-1] if len(following) == BOOTSTRAP_SESSIONS else d + _BOOTSTRAP_DAYS


_EPOCH = date(1970, 1, 1)


def parse_date_basis(text: str) -> DateBasis:
    """Return the basis of that name, or raise `InputError` with those there are."""
    try:
        return DateBasis(text)
    except ValueError as error:
        raise InputError(
            asked=f"date basis {text!r}",
            found=f"the bases are {', '.join(DateBasis)}",
            remedy="Choose one of them with --date-basis.",
        ) from error


def parse_mode(text: str) -> RollMode:
    """Return the mode of that name, or raise `InputError` with those there are."""
    try:
        return RollMode(text)
    except ValueError as error:
        raise InputError(
            asked=f"roll mode {text!r}",
            found=f"the modes are {', '.join(RollMode)}",
            remedy="Choose one of them with --mode.",
        ) from error


def build_roll_map(
    volumes: pl.DataFrame,
    *,
    mode: str,
    bounds: Bounds,
    raw_leader: bool = False,
    sessions_after: SessionsAfter | None = None,
    business_days: SessionCalendar | None = None,
) -> pl.DataFrame:
    """Return the roll map of one root.

    The first row of `previous_day` has nothing to go by: it takes the nearest contract among those
    that trade that day and do not expire within five sessions, and says `bootstrap`. So does a
    later row where every contract of the last date with data has expired since.

    Parameters
    ----------
    volumes
        Columns contract, date and volume: the landed volume of each contract on each date, in
        any order; rows of one contract and date are added up. Without volume no contract leads,
        and a date on which none trades has no row.
    mode
        `same_day` or `previous_day`.
    bounds
        Gives the session of a date: its close, and the start of the next one. See `date_bounds`
        for the bases that are no sessions.
    raw_leader
        Let the active contract go back to an earlier expiry.
    sessions_after
        Gives up to n sessions after a date, as `SessionCalendar.next` does. None, or where it
        gives fewer: the five sessions are taken as seven calendar days.
    business_days
        Calendar by which contracts expire, see `expiry_date`. None: Monday to Friday.

    Returns
    -------
    DataFrame
        Table `roll_map`, one row a date on which any contract traded; each row depends only on
        volumes of its own date and earlier ones. `known_at` is the start of the next session in
        `same_day` and in a bootstrap row, which both rest on the day itself; else the close of
        the session used.

    Raises
    ------
    InputError
        If the mode is none of `RollMode`.
    SymbolError
        If a contract's code cannot be read.
    """
    chosen = parse_mode(mode)
    rows: list[dict[str, object]] = []
    expiries = _Expiries(sessions_after, business_days)
    active: str | None = None
    before: _Ranked | None = None
    for today in _ranked(volumes):
        candidate, bootstrap = _candidate(chosen, today, before, expiries)
        if active is not None and not raw_leader:
            candidate = max(active, candidate, key=parse_contract)
        rows.append(_row(today, candidate, active, bootstrap=bootstrap))
        rests_on = before if before and chosen is RollMode.PREVIOUS_DAY and not bootstrap else None
        rows[-1]["known_at"] = _known_at(today, rests_on, bounds)
        active, before = candidate, today
    schema = {c: t for c, t in ROLL_MAP.empty().schema.items() if c != "known_at"}
    frame = pl.DataFrame(rows, schema=schema | {"known_at": pl.Int64})
    return ROLL_MAP.check(frame.with_columns(pl.col("known_at").cast(UTC_NS)))


def _ranked(volumes: pl.DataFrame) -> list[_Ranked]:
    """Return the dates with volume, ascending, each with its contracts ranked."""
    parts: dict[date, dict[str, list[float]]] = {}
    for day, contract, volume in volumes.select("date", "contract", "volume").iter_rows():
        if volume > 0:
            parts.setdefault(day, {}).setdefault(contract, []).append(volume)
    # Summed exactly: a running sum of part units would depend on the rows' order.
    totals = {
        day: {contract: math.fsum(part) for contract, part in of_day.items()}
        for day, of_day in parts.items()
    }
    return [
        _Ranked(
            day, tuple(sorted(found.items(), key=lambda one: (-one[1], parse_contract(one[0]))))
        )
        for day, found in sorted(totals.items())
    ]


def _candidate(
    mode: RollMode, today: _Ranked, before: _Ranked | None, expiries: _Expiries
) -> tuple[str, bool]:
    """Return the contract that the mode names for a date, and whether it had nothing to go by."""
    if mode is RollMode.SAME_DAY:
        return today.leader, False
    ranked = before.volumes if before else ()
    alive = next((name for name, _ in ranked if expiries.of(name) >= today.day), None)
    return (alive, False) if alive else (expiries.nearest(today), True)


def _row(
    today: _Ranked, contract: str, active: str | None, *, bootstrap: bool
) -> dict[str, object]:
    """Return a row of the map without `known_at`."""
    second = today.volumes[1] if len(today.volumes) > 1 else (None, 0.0)
    return {
        "date": today.day,
        "contract": contract,
        "leader": today.leader,
        "volume": today.volume_of(contract),
        "leader_volume": today.volumes[0][1],
        "runner_up": second[0],
        "runner_up_volume": second[1],
        "rolled": active is not None and contract != active,
        "bootstrap": bootstrap,
    }


def _known_at(today: _Ranked, rests_on: _Ranked | None, bounds: Bounds) -> int:
    """Return when a choice can be known, as ns; without an earlier date it rests on the day."""
    return bounds(rests_on.day).close_ns if rests_on else bounds(today.day).next_start_ns


def date_bounds(basis: DateBasis, *, bounds: Bounds) -> Bounds:
    """Return what gives the bounds of a basis' dates: of a zone's day, its two midnights.

    Parameters
    ----------
    bounds
        Gives the bounds of a session; asked only for the basis `session`.
    """
    if basis is DateBasis.SESSION:
        return bounds
    offset_ns = _offset_ns(basis)

    def of_day(d: date) -> SessionBounds:
        start = (d - _EPOCH).days * NS_PER_DAY - offset_ns
        return SessionBounds(d, start, start, start + NS_PER_DAY, start + NS_PER_DAY)

    return of_day


def session_volumes(
    rows: pl.DataFrame, *, basis: DateBasis, assign: Assign, time: str = "ts", volume: str = "qty"
) -> pl.DataFrame:
    """Return the volume of each contract on each date, summed in row order.

    Parameters
    ----------
    rows
        Landed trades or bars of one root: column contract, an instant and a quantity.
    basis
        What a date is.
    assign
        Gives the session of each stamp; asked only for the basis `session`.
    time, volume
        Names of the instant's and the quantity's column: `bar_start` and `volume` for bars.

    Returns
    -------
    DataFrame
        Columns contract, date and volume, by date and contract. No row is left out: contracts
        that traded nothing stand there with 0.
    """
    keys = rows.select("contract", date=dates_of(rows[time], basis, assign=assign))
    groups = keys.unique().sort("date", "contract").with_row_index("group")
    place = keys.join(groups, on=["contract", "date"], how="left", maintain_order="left")["group"]
    totals = sum_in_order(
        np.ascontiguousarray(rows[volume].cast(pl.Float64).to_numpy()),
        place.cast(pl.Int64).to_numpy(),
        groups.height,
    )
    return groups.select("contract", "date", volume=pl.Series(totals))


def _offset_ns(basis: DateBasis) -> int:
    """Return how far a zone's clock is ahead of UTC."""
    return IST_OFFSET_NS if basis is DateBasis.IST else 0


def dates_of(ts: pl.Series, basis: DateBasis, *, assign: Assign) -> pl.Series:
    """Return the date of each stamp by a basis.

    Parameters
    ----------
    ts
        Instants, UTC nanoseconds.
    assign
        Gives the session of each stamp (ns, UTC), as `SessionCalendar.assign` does; asked only for
        the basis `session`.
    """
    stamps = ts.dt.epoch("ns")
    if basis is DateBasis.SESSION:
        days = assign(np.ascontiguousarray(stamps.to_numpy()))
        return pl.Series("date", days.astype("datetime64[D]"), dtype=pl.Date)
    return (stamps + _offset_ns(basis)).cast(UTC_NS).dt.date().alias("date")
