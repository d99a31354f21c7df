"""When the contracts of a root expire, and which is the nearest that does not expire soon."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from quant_assets.market.contracts import expiry_date, parse_contract
from quant_assets.market.sessions import SessionCalendar

BOOTSTRAP_SESSIONS = 5
"""A contract that expires within as many sessions is passed over, where no setting says else."""

_DAYS_OF_A_WEEK, _SESSIONS_OF_A_WEEK = 7, 5

SessionsAfter = Callable[[date, int], Sequence[date]]
"""Gives up to n sessions after a date."""


class Expiries:
    """The expiry of each contract by its code, and distances to it in sessions.

    Parameters
    ----------
    sessions_after
        Gives up to n sessions after a date, as `SessionCalendar.next` does. None, or where it
        gives fewer: five sessions are taken as seven calendar days.
    business_days
        Calendar by which contracts expire, see `expiry_date`. None: Monday to Friday.
    """

    def __init__(
        self, sessions_after: SessionsAfter | None, business_days: SessionCalendar | None
    ) -> None:
        self._sessions_after = sessions_after
        self._business_days = business_days
        self._known: dict[str, date] = {}

    def of(self, contract: str) -> date:
        """Return the last trading day of a contract."""
        if contract not in self._known:
            parsed = parse_contract(contract)
            self._known[contract] = expiry_date(parsed, business_days=self._business_days)
        return self._known[contract]

    def alive(self, contracts: Iterable[str], on: date) -> list[str]:
        """Return those that have not expired before a date, in their order."""
        return [contract for contract in contracts if self.of(contract) >= on]

    def nearest(self, contracts: Iterable[str], on: date, *, sessions: int) -> str:
        """Return the nearest that does not expire within some sessions, else the furthest.

        Parameters
        ----------
        contracts
            At least one.
        sessions
            With 0 a contract is passed over on its last day; with 1 also on the one before.
        """
        ascending = sorted(contracts, key=parse_contract)
        limit = self._limit(on, sessions)
        return next((name for name in ascending if self.of(name) > limit), ascending[-1])

    def _limit(self, on: date, sessions: int) -> date:
        """Return the n-th session after a date, or as many days where no calendar reaches."""
        if sessions == 0:
            return on
        following = self._sessions_after(on, sessions) if self._sessions_after else ()
        if len(following) == sessions:
            return following[-1]
        return on + timedelta(days=-(-sessions * _DAYS_OF_A_WEEK // _SESSIONS_OF_A_WEEK))
