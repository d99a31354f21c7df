"""An account: cash, positions, and which orders it can carry.

Money is counted in whole billionths of the currency and positions in whole steps of size, so that
what leaves the cash is, to the unit, what was paid for fills, fees and borrowing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from quant_assets.execution.reasons import Reason
from quant_assets.market.instruments import Instrument

NANOS = 1_000_000_000
"""Counts of money in one unit of currency."""

_BPS = Fraction(1, 10_000)
_YEAR_S = 365 * 86_400


class ShortRule(StrEnum):
    """Who lends what is sold short."""

    EASY = "easy"
    """Anyone, at a yearly rate."""
    NONE = "none"
    """Nobody: no position falls below zero."""


@dataclass
class Holding:
    """A position: steps of size (below zero: short), and the last price it was filled at."""

    instrument: Instrument
    steps: int = 0
    last_price: float = math.nan

    @property
    def qty(self) -> float:
        """Size in contracts, shares or coins."""
        return float(self.steps * Fraction(self.instrument.qty_step))

    def value(self, price: float) -> int:
        """Return what the position is worth at a price, in billionths."""
        return money(self.instrument, self.steps, price)


@dataclass
class Account:
    """Cash and positions; orders are refused with a reason and never by an error.

    Parameters
    ----------
    cash
        In billionths of the currency; `Account.opened` takes plain money.
    max_leverage
        Bound of the positions' absolute worth, in multiples of the equity.
    borrow_bps_year
        Rate of what is sold short, in 0.0001 of its worth a year of 365 days.
    """

    cash: int
    max_leverage: float = 1.0
    short: ShortRule = ShortRule.EASY
    borrow_bps_year: float = 30.0
    holdings: dict[str, Holding] = field(default_factory=dict)

    @classmethod
    def opened(cls, capital: float, *, max_leverage: float = 1.0, short: ShortRule) -> "Account":
        """Return an account that holds cash alone."""
        return cls(round(Fraction(capital) * NANOS), max_leverage=max_leverage, short=short)

    def position(self, symbol: str) -> float:
        """Return the size held; below zero is short."""
        held = self.holdings.get(symbol)
        return 0.0 if held is None else held.qty

    def equity(self, marks: Mapping[str, float] | None = None) -> float:
        """Return cash and worth of all positions at prices by symbol, else at their last fills."""
        return self._equity(marks or {}) / NANOS

    def _equity(self, marks: Mapping[str, float]) -> int:
        return self.cash + sum(held.value(_mark(held, marks)) for held in self.holdings.values())

    def refusal(
        self,
        instrument: Instrument,
        *,
        side: int,
        qty: float,
        price: float,
        marks: Mapping[str, float] | None = None,
        bid: float | None = None,
        is_short_restricted: bool = False,
    ) -> Reason | None:
        """Return why an order is refused, or None where the account can carry it.

        What makes a position smaller, and not one of the other side, is never refused for buying
        power.

        Parameters
        ----------
        side
            1 buys, -1 sells.
        price
            What it is expected to be filled at.
        marks
            Prices by symbol of what is held; missing ones are those of the last fills.
        bid, is_short_restricted
            Under rule 201 of Regulation SHO a sale below zero must be priced above the bid.
        """
        steps = steps_of(instrument, qty)
        if steps is None or steps <= 0 or side not in {1, -1}:
            return Reason.BAD_SIZE
        if not math.isfinite(price):
            return Reason.BAD_PRICE
        held = self.holdings.get(instrument.symbol, Holding(instrument))
        after = held.steps + side * steps
        if side < 0 and after < 0:
            if self.short is ShortRule.NONE:
                return Reason.NO_BORROW
            if is_short_restricted and (bid is None or price <= bid):
                return Reason.SHORT_RESTRICTED
        is_smaller = abs(after) <= abs(held.steps) and after * held.steps >= 0
        if is_smaller or self._carries(held, after, price, marks or {}):
            return None
        return Reason.BUYING_POWER

    def _carries(self, held: Holding, after: int, price: float, marks: Mapping[str, float]) -> bool:
        """Return whether the account can carry a position of some steps beside the others."""
        others = sum(
            abs(one.value(_mark(one, marks)))
            for symbol, one in self.holdings.items()
            if symbol != held.instrument.symbol
        )
        gross = others + abs(money(held.instrument, after, price))
        own = self._equity({**marks, held.instrument.symbol: price})
        return own > 0 and gross <= Fraction(self.max_leverage) * own

    def book(
        self, instrument: Instrument, *, side: int, qty: float, price: float, fees: float = 0.0
    ) -> int:
        """Book a fill and return what left the cash, in billionths: below zero it came in.

        Parameters
        ----------
        qty
            A multiple of the instrument's step; it is rounded to the nearest one.
        """
        steps = side * round(Fraction(qty) / Fraction(instrument.qty_step))
        held = self.holdings.setdefault(instrument.symbol, Holding(instrument))
        paid = money(instrument, steps, price) + round(Fraction(fees) * NANOS)
        held.steps += steps
        held.last_price = price
        self.cash -= paid
        return paid

    def pay_borrowing(self, symbol: str, *, seconds: float, price: float) -> int:
        """Pay for what is sold short over some time, and return it in billionths; 0 of longs."""
        held = self.holdings.get(symbol)
        if held is None or held.steps >= 0:
            return 0
        share = Fraction(self.borrow_bps_year) * _BPS * Fraction(seconds) / _YEAR_S
        paid = round(abs(held.value(price)) * share)
        self.cash -= paid
        return paid


def steps_of(instrument: Instrument, qty: float) -> int | None:
    """Return a size in steps, None where it is no multiple of them.

    A size within a millionth of a step is that multiple: 0.3 is three steps of 0.1.
    """
    if not math.isfinite(qty):
        return None
    steps = Fraction(qty) / Fraction(instrument.qty_step)
    near = round(steps)
    return near if abs(steps - near) <= Fraction(1, 1_000_000) else None


def money(instrument: Instrument, steps: int, price: float) -> int:
    """Return what steps of size are worth at a price, in billionths, rounded once."""
    size = steps * Fraction(instrument.qty_step) * Fraction(instrument.multiplier)
    return 0 if steps == 0 else round(size * Fraction(price) * NANOS)


def _mark(held: Holding, marks: Mapping[str, float]) -> float:
    """Return the price that a position is valued at."""
    price = marks.get(held.instrument.symbol, held.last_price)
    return held.last_price if math.isnan(price) else price
