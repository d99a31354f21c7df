"""What earlier sessions of a week or a contract add up to: from their totals, not their bars."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class SessionTotals:
    """What a whole session came to.

    Parameters
    ----------
    delta
        Ask less bid volume; None where the session's aggressors are not known.
    bars
        How many bars it has; at least one.
    """

    open: float
    high: float
    low: float
    volume: float
    delta: float | None
    bars: int


@dataclass(frozen=True)
class Before:
    """What the sessions of a stretch before this one came to; none of them at first.

    `delta` is None from the first session on whose own is not known.
    """

    sessions: int = 0
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float = 0.0
    delta: float | None = 0.0
    bars: int = 0

    @classmethod
    def of(cls, sessions: Iterable[SessionTotals]) -> Self:
        """Add up sessions, oldest first."""
        total = cls()
        for one in sessions:
            total = total.plus(one)
        return total

    def plus(self, one: SessionTotals) -> Self:
        """Return the stretch with one more session behind it."""
        is_known = self.delta is not None and one.delta is not None
        return replace(
            self,
            sessions=self.sessions + 1,
            open=one.open if self.open is None else self.open,
            high=one.high if self.high is None else max(self.high, one.high),
            low=one.low if self.low is None else min(self.low, one.low),
            volume=self.volume + one.volume,
            delta=(self.delta or 0.0) + (one.delta or 0.0) if is_known else None,
            bars=self.bars + one.bars,
        )


NOTHING_BEFORE = Before()
"""The first session of a stretch."""
