"""The roll map: which contract of a root is read on a date, by landed volume, no cleaning.

`same_day` takes the contract of the highest volume of that very day, which is known only when the
day is over. `previous_day` takes the leader of the last date with data; one that has expired since
is passed over. By default the active contract never goes back to an earlier expiry; the raw leader
of each day stays beside it.
"""

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
from quant_assets.market.sessions import SessionBounds
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


Bounds = Callable[[date], SessionBounds]
Assign = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.datetime64]]
SessionsAfter = Callable[[date, int], Sequence[date]]

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
) -> pl.DataFrame:
    """Return the roll map of one root.

    The first row of `previous_day` has nothing to go by: it takes the nearest contract among those
    that trade that day and do not expire within five sessions, and says `bootstrap`.

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
        Gives up to n sessions after a date, as `SessionCalendar.next` does. None: the five
        sessions are taken as seven calendar days.

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
    active: str | None = None
    before: _Ranked | None = None
    for today in _ranked(volumes):
        candidate, bootstrap = _candidate(chosen, today, before, sessions_after)
        if active is not None and not raw_leader:
            candidate = max(active, candidate, key=parse_contract)
        rows.append(_row(today, candidate, active, bootstrap=bootstrap))
        rows[-1]["known_at"] = _known_at(chosen, today, before, bounds)
        active, before = candidate, today
    schema = {c: t for c, t in ROLL_MAP.empty().schema.items() if c != "known_at"}
    frame = pl.DataFrame(rows, schema=schema | {"known_at": pl.Int64})
    return ROLL_MAP.check(frame.with_columns(pl.col("known_at").cast(UTC_NS)))


def _ranked(volumes: pl.DataFrame) -> list[_Ranked]:
    """Return the dates with volume, ascending, each with its contracts ranked."""
    totals: dict[date, dict[str, float]] = {}
    for day, contract, volume in volumes.select("date", "contract", "volume").iter_rows():
        if volume > 0:
            of_day = totals.setdefault(day, {})
            of_day[contract] = of_day.get(contract, 0.0) + volume
    return [
        _Ranked(
            day, tuple(sorted(found.items(), key=lambda one: (-one[1], parse_contract(one[0]))))
        )
        for day, found in sorted(totals.items())
    ]


def _candidate(
    mode: RollMode, today: _Ranked, before: _Ranked | None, sessions_after: SessionsAfter | None
) -> tuple[str, bool]:
    """Return the contract that the mode names for a date, and whether it had nothing to go by."""
    if mode is RollMode.SAME_DAY:
        return today.leader, False
    if before is None:
        return _nearest(today, sessions_after), True
    alive = (name for name, _ in before.volumes if expiry_date(parse_contract(name)) >= today.day)
    return next(alive, None) or _nearest(today, sessions_after), False


def _nearest(today: _Ranked, sessions_after: SessionsAfter | None) -> str:
    """Return the nearest contract that does not expire within five sessions."""
    contracts = sorted((name for name, _ in today.volumes), key=parse_contract)
    following = sessions_after(today.day, BOOTSTRAP_SESSIONS) if sessions_after else ()
    limit = following[-1] if following else today.day + _BOOTSTRAP_DAYS
    later = (name for name in contracts if expiry_date(parse_contract(name)) > limit)
    return next(later, contracts[-1])


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


def _known_at(
    mode: RollMode,
    today: _Ranked,
    before: _Ranked | None,
    bounds: Bounds,
) -> int:
    """Return when the choice can be known, as ns: never before the volumes it rests on."""
    if mode is RollMode.SAME_DAY or before is None:
        return bounds(today.day).next_start_ns
    return bounds(before.day).close_ns


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
