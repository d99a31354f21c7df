"""The roll map: which contract of a root is read on a date, by landed volume, no cleaning.

`same_day` takes the contract of the highest volume of that very day, which is known only when the
day is over. `previous_day` takes the leader of the last session with data. By default the active
contract never goes back to an earlier expiry; the raw leader of each day stays beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.contracts import expiry_date, parse_contract
from quant_assets.market.errors import InputError
from quant_assets.market.sessions import SessionBounds
from quant_assets.ticks.schema import ROLL_MAP

BOOTSTRAP_DAYS = 7
"""Calendar days of five sessions: a first contract that expires sooner is passed over."""

IST_OFFSET_NS = (5 * 60 + 30) * 60_000_000_000
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
    bounds: Callable[[date], SessionBounds],
    raw_leader: bool = False,
) -> pl.DataFrame:
    """Return the roll map of one root.

    Parameters
    ----------
    volumes
        Columns contract, date and volume: the landed volume of each contract on each date, in
        any order. Contracts without volume never lead.
    mode
        `same_day` or `previous_day`.
    bounds
        Gives the session of a date: its close, and the start of the next one.
    raw_leader
        Let the active contract go back to an earlier expiry.

    Returns
    -------
    DataFrame
        Table `roll_map`, one row a date on which any contract traded; each row depends only on
        volumes of its own date and earlier ones.
    """
    chosen = parse_mode(mode)
    rows: list[dict[str, object]] = []
    active: str | None = None
    before: _Ranked | None = None
    for today in _ranked(volumes):
        candidate, bootstrap = _candidate(chosen, today, before)
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
    traded = (
        volumes.filter(pl.col("volume") > 0)
        .group_by("date", "contract")
        .agg(pl.col("volume").sum())
    )
    by_day: dict[date, list[tuple[str, float]]] = {}
    for day, contract, volume in traded.select("date", "contract", "volume").iter_rows():
        by_day.setdefault(day, []).append((contract, volume))
    return [
        _Ranked(day, tuple(sorted(found, key=lambda one: (-one[1], parse_contract(one[0])))))
        for day, found in sorted(by_day.items())
    ]


def _candidate(mode: RollMode, today: _Ranked, before: _Ranked | None) -> tuple[str, bool]:
    """Return the contract that the mode names for a date, and whether it had nothing to go by."""
    if mode is RollMode.SAME_DAY:
        return today.leader, False
    if before is not None:
        return before.leader, False
    return _nearest(today), True


def _nearest(today: _Ranked) -> str:
    """Return the nearest contract that does not expire within five sessions."""
    contracts = sorted((name for name, _ in today.volumes), key=parse_contract)
    limit = today.day + timedelta(days=BOOTSTRAP_DAYS)
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
    bounds: Callable[[date], SessionBounds],
) -> int:
    """Return when the choice can be known, as ns: never before the volumes it rests on."""
    if mode is RollMode.SAME_DAY:
        return bounds(today.day).next_start_ns
    if before is not None:
        return bounds(before.day).close_ns
    return bounds(today.day).start_ns


def dates_of(
    ts: pl.Series, basis: DateBasis, *, assign: Callable[[pl.Series], Sequence[date] | pl.Series]
) -> pl.Series:
    """Return the date of each stamp by a basis.

    Parameters
    ----------
    ts
        Instants, UTC nanoseconds.
    assign
        Gives the session of each stamp; asked only for the basis `session`.
    """
    if basis is DateBasis.SESSION:
        return pl.Series("date", assign(ts), dtype=pl.Date)
    shift = IST_OFFSET_NS if basis is DateBasis.IST else 0
    return (ts.dt.epoch("ns") + shift).cast(UTC_NS).dt.date().alias("date")
