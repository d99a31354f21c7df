"""How the active contract of a date is chosen: five modes, and when each choice can be known.

`same_day` takes the highest volume of that very day, which is known only when the day is over.
All other modes go by earlier dates alone:

- `previous_day`: the highest volume of the last date with data;
- `open_interest`: the highest open interest landed on the last date with data; where none is
  landed on it, the rule of `previous_day`;
- `calendar`: the nearest contract that does not expire within five sessions;
- `days_before_expiry`: the same with a number of sessions that the user gives.

Contracts that have expired since are passed over. A mode without anything earlier to go by starts
anew from the contracts of the day itself, which the row says as `bootstrap`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from quant_assets.market.contracts import parse_contract
from quant_assets.market.errors import InputError, parse_choice
from quant_assets.market.sessions import SessionBounds
from quant_assets.ticks.expiries import BOOTSTRAP_SESSIONS, Expiries
from quant_assets.ticks.roll_dates import Bounds


class RollMode(StrEnum):
    """How the active contract of a date is chosen."""

    SAME_DAY = "same_day"
    PREVIOUS_DAY = "previous_day"
    OPEN_INTEREST = "open_interest"
    CALENDAR = "calendar"
    DAYS_BEFORE_EXPIRY = "days_before_expiry"


class Grounds(StrEnum):
    """What a choice goes by."""

    VOLUME = "volume"
    OPEN_INTEREST = "open_interest"
    EXPIRY = "expiry"


class Moment(StrEnum):
    """When a choice can be known."""

    CLOSE_BEFORE = "close of the last date with data"
    START = "start of the date itself"
    NEXT_START = "start of the date after"


@dataclass(frozen=True)
class DayVolumes:
    """The contracts that traded on a date, highest volume first, ties by nearer expiry."""

    day: date
    volumes: tuple[tuple[str, float], ...]

    @property
    def leader(self) -> str:
        """Contract of the highest volume."""
        return self.volumes[0][0]

    @property
    def contracts(self) -> tuple[str, ...]:
        """All of them, in their rank."""
        return tuple(name for name, _ in self.volumes)

    def volume_of(self, contract: str) -> float:
        """Volume of a contract that day, 0 where it did not trade."""
        return dict(self.volumes).get(contract, 0.0)


@dataclass(frozen=True)
class Past:
    """What the choice of a date may go by.

    Parameters
    ----------
    today
        Volumes of the date itself: only `same_day` and a bootstrap row look at them.
    before
        Volumes of the last date with data, None on the first.
    seen
        Contracts that traded on any earlier date.
    interest
        Open interest by contract, as landed on the date of `before`.
    """

    today: DayVolumes
    before: DayVolumes | None
    seen: frozenset[str]
    interest: Mapping[str, float]

    @property
    def day(self) -> date:
        """Date that is chosen for."""
        return self.today.day


@dataclass(frozen=True)
class Choice:
    """A contract, what it was chosen by, and when that can be known."""

    contract: str
    grounds: Grounds
    moment: Moment
    bootstrap: bool = False

    def or_later(self, active: str | None) -> "Choice":
        """Return the choice, or the active contract where that is the later one."""
        if active is None:
            return self
        return replace(self, contract=max(active, self.contract, key=parse_contract))

    def known_at_ns(self, past: Past, bounds: Bounds) -> int:
        """Return the instant at which it can be known, ns UTC."""
        own: SessionBounds = bounds(past.day)
        if self.moment is Moment.CLOSE_BEFORE and past.before:
            return bounds(past.before.day).close_ns
        return own.start_ns if self.moment is Moment.START else own.next_start_ns


def parse_mode(text: str) -> RollMode:
    """Return the mode of that name, or raise `InputError` with those there are."""
    return parse_choice(RollMode, text, asked="roll mode", option="--mode")


def sessions_before_expiry(mode: RollMode, days: int | None) -> int:
    """Return within how many sessions of its expiry a contract is passed over.

    Parameters
    ----------
    days
        The user's number, for `days_before_expiry` alone; None is five.

    Raises
    ------
    InputError
        If a number is given that is negative, or to a mode that takes none.
    """
    if days is None:
        return BOOTSTRAP_SESSIONS
    if mode is not RollMode.DAYS_BEFORE_EXPIRY or days < 0:
        raise InputError(
            asked=f"roll mode {mode} with {days} sessions before expiry",
            found="a number below 0" if days < 0 else "a mode that takes no number",
            remedy=f"Give --days from 0 on, with --mode {RollMode.DAYS_BEFORE_EXPIRY}.",
        )
    return days


def choose(mode: RollMode, past: Past, expiries: Expiries, *, sessions: int) -> Choice:
    """Return the choice of a mode for a date.

    Parameters
    ----------
    sessions
        As `sessions_before_expiry` gives them: a contract that expires within as many is passed
        over, by the modes that go by expiry and in a bootstrap row.
    """
    chosen = _RULES[mode](past, expiries, sessions)
    if chosen is not None:
        return chosen
    started = expiries.nearest(past.today.contracts, past.day, sessions=sessions)
    return Choice(started, Grounds.EXPIRY, Moment.NEXT_START, bootstrap=True)


def _by_volume_today(past: Past, _expiries: Expiries, _sessions: int) -> Choice | None:
    """Return the leader of the day itself."""
    return Choice(past.today.leader, Grounds.VOLUME, Moment.NEXT_START)


def _by_volume_before(past: Past, expiries: Expiries, _sessions: int) -> Choice | None:
    """Return the highest volume of the last date with data among contracts still alive."""
    alive = expiries.alive(past.before.contracts, past.day) if past.before else []
    return Choice(alive[0], Grounds.VOLUME, Moment.CLOSE_BEFORE) if alive else None


def _by_open_interest(past: Past, expiries: Expiries, sessions: int) -> Choice | None:
    """Return the highest open interest among contracts that traded before and are still alive.

    Exchanges publish the figure of a session on the morning after it, and feeds repeat it, so a
    figure is taken for the date on which it landed, and counts as known when the next one starts.
    """
    held = [name for name in past.seen if past.interest.get(name, 0.0) > 0.0]
    alive = expiries.alive(held, past.day)
    if not alive:
        return _by_volume_before(past, expiries, sessions)
    highest = min(alive, key=lambda name: (-past.interest[name], parse_contract(name)))
    return Choice(highest, Grounds.OPEN_INTEREST, Moment.START)


def _by_expiry(past: Past, expiries: Expiries, sessions: int) -> Choice | None:
    """Return the nearest contract that traded before and does not expire soon."""
    alive = expiries.alive(past.seen, past.day)
    if not alive:
        return None
    nearest = expiries.nearest(alive, past.day, sessions=sessions)
    return Choice(nearest, Grounds.EXPIRY, Moment.CLOSE_BEFORE)


_Rule = Callable[[Past, Expiries, int], Choice | None]
_RULES: dict[RollMode, _Rule] = {
    RollMode.SAME_DAY: _by_volume_today,
    RollMode.PREVIOUS_DAY: _by_volume_before,
    RollMode.OPEN_INTEREST: _by_open_interest,
    RollMode.CALENDAR: _by_expiry,
    RollMode.DAYS_BEFORE_EXPIRY: _by_expiry,
}
"""Each mode's rule; None where it has nothing earlier to go by."""
