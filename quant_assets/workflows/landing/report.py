"""What became of one file: counts, reasons, and the partitions it touched."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

PLACES_NAMED = 20
"""Places that a reason names; of more it says how many."""


class FileStatus(StrEnum):
    """How a file ended."""

    ACCEPT = "accept"
    WARN = "warn"
    """All committed, with remarks."""
    QUARANTINE = "quarantine"
    """Something committed and something set aside."""
    REJECT = "reject"
    """Nothing committed."""


@dataclass(frozen=True)
class Reason:
    """Why a file is not simply accepted.

    `remedy` says what to do; it is for people and no part of the JSON.
    """

    rule: str
    count: int
    where: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """Rule, count and place on one line."""
        return f"{self.rule} ({self.count:,})" + (f": {self.where}" if self.where else "")

    def to_json(self) -> dict[str, Any]:
        """Return rule, count and place."""
        return {"rule": self.rule, "count": self.count, "where": self.where}


@dataclass(frozen=True, order=True)
class Touched:
    """A symbol's session that a file has rows of; `changed` where the lake is not as before."""

    symbol: str
    session: date
    changed: bool


@dataclass(frozen=True)
class FileReport:
    """The end of one file.

    Parameters
    ----------
    file
        Path as it was given.
    rows_in
        Rows as the reader counted them on its own; 0 for a file that was refused.
    first, last
        Stamps of the first and last row that is in the lake now, ISO 8601 UTC.
    touched
        Sorted; not in the JSON.
    """

    file: str
    format: str
    status: FileStatus
    rows_in: int = 0
    committed: int = 0
    quarantined: int = 0
    duplicates: int = 0
    reasons: tuple[Reason, ...] = ()
    symbols: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    touched: tuple[Touched, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as `quant ingest --json` prints it."""
        return {
            "file": self.file,
            "format": self.format,
            "status": self.status.value,
            "rows_in": self.rows_in,
            "committed": self.committed,
            "quarantined": self.quarantined,
            "duplicates": self.duplicates,
            "reasons": [reason.to_json() for reason in self.reasons],
            "symbols": list(self.symbols),
            "from": self.first,
            "to": self.last,
        }


@dataclass
class Reasons:
    """Collects reasons by rule, in the order in which the rules were first met."""

    _counts: dict[str, int] = field(default_factory=dict)
    _places: dict[str, list[str]] = field(default_factory=dict)
    _n_places: dict[str, int] = field(default_factory=dict)

    def add(self, rule: str, where: str = "", *, count: int = 1) -> None:
        """Note one place at which a rule was broken, or a remark applies."""
        self.add_all(rule, [where] if where else [], count=count)

    def add_all(self, rule: str, places: Iterable[str], *, count: int) -> None:
        """Note several places of one rule."""
        self._counts[rule] = self._counts.get(rule, 0) + count
        named = self._places.setdefault(rule, [])
        for place in places:
            if place not in named:
                self._n_places[rule] = self._n_places.get(rule, 0) + 1
                if len(named) < PLACES_NAMED:
                    named.append(place)

    def listed(self) -> tuple[Reason, ...]:
        """Return one reason a rule."""
        return tuple(Reason(rule, count, self._where(rule)) for rule, count in self._counts.items())

    def _where(self, rule: str) -> str:
        """Name the first places, and say how many more there are."""
        named = self._places[rule]
        more = self._n_places.get(rule, 0) - len(named)
        return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def status_of(*, held: int, quarantined: int, reasons: int) -> FileStatus:
    """Return how a file ended that was read to its end.

    Parameters
    ----------
    held
        Rows of the file that the lake holds now: committed ones and duplicates.
    """
    if held == 0:
        return FileStatus.REJECT
    if quarantined:
        return FileStatus.QUARANTINE
    return FileStatus.WARN if reasons else FileStatus.ACCEPT
