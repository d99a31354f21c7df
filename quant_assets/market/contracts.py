"""Futures contracts by code: `ESM24` is root ES, June, 2024."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial, total_ordering

from quant_assets.market.errors import SymbolError
from quant_assets.market.sessions import SessionCalendar

MONTH_CODES = "FGHJKMNQUVXZ"
"""January to December."""

_ROOT = r"\d[A-Z][A-Z0-9]{0,2}|[A-Z][A-Z0-9]{0,3}"
_CODE = re.compile(rf"^({_ROOT})([{MONTH_CODES}])(\d{{1,2}})$")
_FRIDAY = 4
_WEDNESDAY = 2


@total_ordering
@dataclass(frozen=True)
class Contract:
    """A futures contract; ordered by contract month, then root.

    Parameters
    ----------
    root
        Symbol of the product: `ES`.
    month
        Contract month, 1 to 12.
    year
        Contract year in full: 2024.
    """

    root: str
    month: int
    year: int

    @property
    def month_code(self) -> str:
        """Letter of the contract month: `M` is June."""
        return MONTH_CODES[self.month - 1]

    @property
    def code(self) -> str:
        """Root, month letter and two digits of the year: `ESM24`."""
        return f"{self.root}{self.month_code}{self.year % 100:02d}"

    def __lt__(self, other: "Contract") -> bool:
        return (self.year, self.month, self.root) < (other.year, other.month, other.root)

    def __str__(self) -> str:
        return self.code


def is_contract(text: str) -> bool:
    """Tell whether a text has the shape of a contract code, with one or two digits of a year."""
    return _CODE.fullmatch(text) is not None


def root_of(text: str) -> str:
    """Return the root of a contract code; one digit of a year is enough for it."""
    return _parts(text)[0]


def parse_contract(text: str, *, reference: date | None = None) -> Contract:
    """Read a contract code.

    Parameters
    ----------
    text
        Root, month letter and year: `ESM24`, or `ESH1` with a reference date. Two digits 90 to 99
        mean 1990 to 1999, all others 2000 to 2089.
    reference
        A date on which the contract was listed. A one-digit year is the first year with that
        digit whose contract month is not over on that date: `ESH1` is `ESH21` on 2020-12-28.

    Raises
    ------
    SymbolError
        If the text is no contract code, or its one-digit year stands without a reference date.
    """
    root, letter, digits = _parts(text)
    month = MONTH_CODES.index(letter) + 1
    if len(digits) == 2:
        return Contract(root, month, 1900 + int(digits) + (0 if int(digits) >= 90 else 100))
    if reference is None:
        raise SymbolError(
            asked=f"contract {text!r}",
            found="one digit of a year, which returns every ten years",
            remedy="Write the year with two digits, or give the date it was listed on.",
        )
    earliest = reference.year + (1 if month < reference.month else 0)
    return Contract(root, month, earliest + (int(digits) - earliest) % 10)


def _parts(text: str) -> tuple[str, str, str]:
    """Split a code into root, month letter and year digits."""
    match = _CODE.fullmatch(text)
    if match is None:
        raise SymbolError(
            asked=f"contract {text[:40]!r}",
            found=f"not a root, a month letter of {MONTH_CODES} and one or two digits of a year",
            remedy="Write it like ESM24.",
        )
    return match[1], match[2], match[3]


def expiry_date(contract: Contract, *, business_days: SessionCalendar | None = None) -> date:
    """Return the last trading day of a contract, by the rule of its root.

    Rules, from the exchange's rule books:

    - equity index: third Friday of the contract month;
    - metals, and any root that is not listed here: third last business day of the month;
    - crude oil: third business day (micro: fourth) before the 25th of the month before, or before
      the last business day ahead of it;
    - natural gas: third last business day of the month before; oil products: its last;
    - currencies: second business day (Canadian dollar: first) before the third Wednesday;
    - ten-year notes and bonds: eighth last business day; two- and five-year notes: the last;
    - grains: last business day before the 15th.

    Parameters
    ----------
    business_days
        Calendar whose full and half sessions are business days: XNYS comes closest, because CME
        also holds short sessions on US holidays. None: Monday to Friday, holidays unknown. Also
        used where the date lies outside the calendar.
    """
    days = _BusinessDays(business_days)
    return _RULES.get(contract.root, _third_last_of_month)(contract, days)


@dataclass(frozen=True)
class _BusinessDays:
    """Business days by a calendar, or Monday to Friday where it does not reach."""

    calendar: SessionCalendar | None

    def holds(self, d: date) -> bool:
        """Tell whether `d` is a business day."""
        if self.calendar is None or not self.calendar.first <= d <= self.calendar.last:
            return d.weekday() < 5
        return self.calendar.is_session(d)

    def before(self, d: date, count: int) -> date:
        """Return the `count`-th business day before `d`."""
        while count > 0:
            d -= timedelta(days=1)
            count -= self.holds(d)
        return d

    def at_or_before(self, d: date) -> date:
        """Return `d`, or the last business day before it."""
        return self.before(d + timedelta(days=1), 1)


_Rule = Callable[[Contract, _BusinessDays], date]


def _nth_weekday(contract: Contract, weekday: int, n: int) -> date:
    """Return the n-th such weekday of the contract month."""
    first = date(contract.year, contract.month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _month_end(contract: Contract) -> date:
    """Return the first day after the contract month."""
    days = monthrange(contract.year, contract.month)[1]
    return date(contract.year, contract.month, days) + timedelta(days=1)


def _third_friday(contract: Contract, days: _BusinessDays) -> date:
    return days.at_or_before(_nth_weekday(contract, _FRIDAY, 3))


def _third_last_of_month(contract: Contract, days: _BusinessDays) -> date:
    return days.before(_month_end(contract), 3)


def _last_of_month(contract: Contract, days: _BusinessDays) -> date:
    return days.before(_month_end(contract), 1)


def _eighth_last_of_month(contract: Contract, days: _BusinessDays) -> date:
    return days.before(_month_end(contract), 8)


def _before_the_15th(contract: Contract, days: _BusinessDays) -> date:
    return days.before(date(contract.year, contract.month, 15), 1)


def _before_third_wednesday(contract: Contract, days: _BusinessDays, *, count: int = 2) -> date:
    return days.before(_nth_weekday(contract, _WEDNESDAY, 3), count)


def _crude_oil(contract: Contract, days: _BusinessDays, *, count: int = 3) -> date:
    month_before = date(contract.year, contract.month, 1) - timedelta(days=1)
    return days.before(days.at_or_before(month_before.replace(day=25)), count)


def _third_last_of_month_before(contract: Contract, days: _BusinessDays) -> date:
    return days.before(date(contract.year, contract.month, 1), 3)


def _last_of_month_before(contract: Contract, days: _BusinessDays) -> date:
    return days.before(date(contract.year, contract.month, 1), 1)


_RULES: dict[str, _Rule] = {
    **dict.fromkeys(("ES", "NQ", "YM", "RTY", "EMD"), _third_friday),
    **dict.fromkeys(("MES", "MNQ", "MYM", "M2K"), _third_friday),
    "CL": _crude_oil,
    "MCL": partial(_crude_oil, count=4),
    "NG": _third_last_of_month_before,
    **dict.fromkeys(("RB", "HO"), _last_of_month_before),
    **dict.fromkeys(("6A", "6B", "6E", "6J", "6N", "6S", "6M"), _before_third_wednesday),
    "6C": partial(_before_third_wednesday, count=1),
    **dict.fromkeys(("ZN", "TN", "ZB", "UB"), _eighth_last_of_month),
    **dict.fromkeys(("ZF", "ZT"), _last_of_month),
    **dict.fromkeys(("ZC", "ZS", "ZW", "KE", "ZO", "ZL", "ZM"), _before_the_15th),
}
