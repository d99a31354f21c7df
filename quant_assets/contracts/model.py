"""Contract, week, day, bar and footprint as values; totals are the last bar's running context."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import le
from typing import Self

from quant_assets.market.errors import InputError
from quant_assets.market.periods import week_of


@dataclass(frozen=True, slots=True)
class FootprintRow:
    """What traded in a bar at one price; the price is the lower edge of the bucket."""

    price: float
    bid_volume: float
    ask_volume: float
    unknown_volume: float
    delta: float
    trades: int


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices and quantities of a bar."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int | None
    buy_volume: float | None
    sell_volume: float | None
    vwap: float | None
    bid_close: float | None
    ask_close: float | None


@dataclass(frozen=True, slots=True)
class OrderFlow:
    """What a bar's footprint shows."""

    unknown_volume: float
    delta: float
    cum_delta: float
    min_delta: float
    max_delta: float
    poc: float
    vah: float
    val: float
    imbalance_buy: int
    imbalance_sell: int
    stacked_buy: int
    stacked_sell: int
    unfinished_high: bool
    unfinished_low: bool
    absorption: bool


@dataclass(frozen=True, slots=True)
class Level:
    """A level at a bar's end, and how far the close stands above it; null where not known."""

    price: float | None
    dist_ticks: float | None
    dist_atr: float | None


UNKNOWN_LEVEL = Level(None, None, None)
"""A level that is not known yet."""


@dataclass(frozen=True, slots=True)
class Running:
    """A stretch so far: `delta` is None where it is not known of each bar."""

    open: float
    high: float
    low: float
    volume: float
    delta: float | None
    bars: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with all that is known at its end.

    Parameters
    ----------
    start_ns, known_at_ns
        Start and end of the bar, ns since the epoch, UTC.
    order_flow
        None where the session was made from bars alone.
    levels
        Each name of `LEVEL_NAMES` with its level.
    day, week, contract
        The session, the ISO week and the contract period up to the bar's end.
    footprint
        By price, ascending; empty where no trade is known.
    """

    start_ns: int
    known_at_ns: int
    prices: Prices
    order_flow: OrderFlow | None
    atr: float | None
    levels: Mapping[str, Level]
    day: Running
    week: Running
    contract: Running
    footprint: tuple[FootprintRow, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A session that has bars; `contract_session` counts it in its contract period, from 1."""

    session: date
    contract_session: int
    bars: tuple[Bar, ...]

    @property
    def totals(self) -> Running:
        """What the session came to."""
        return self.bars[-1].day


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO week of sessions, ascending."""

    year: int
    week: int
    days: tuple[Day, ...]

    @property
    def totals(self) -> Running:
        """What the week came to, in this contract."""
        return self.days[-1].bars[-1].week


@dataclass(frozen=True, slots=True)
class ContractHead:
    """What a contract period is.

    Parameters
    ----------
    name
        `GCZ13`, or `EURUSD-2014Q2` of a symbol that has no contracts.
    contract
        Active contract; None of a symbol that has none.
    bucket
        Width of the footprints' rows, as text; None where there is no footprint.
    """

    symbol: str
    name: str
    contract: str | None
    timeframe: str
    bucket: str | None


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract period: its weeks, their days, their bars, and each bar's footprint."""

    head: ContractHead
    weeks: tuple[Week, ...]

    @classmethod
    def of(cls, head: ContractHead, days: Iterable[Day]) -> Self:
        """Put days into their weeks; raises `InputError` where they do not ascend."""
        weeks = groupby(in_order(days), key=lambda day: week_of(day.session))
        return cls(head, tuple(Week(*key, tuple(found)) for key, found in weeks))

    @property
    def symbol(self) -> str:
        """Symbol that the period belongs to."""
        return self.head.symbol

    @property
    def name(self) -> str:
        """Name of the period."""
        return self.head.name

    @property
    def timeframe(self) -> str:
        """Name of the bar length."""
        return self.head.timeframe

    @property
    def bucket(self) -> str | None:
        """Width of the footprints' rows, as text."""
        return self.head.bucket

    @property
    def days(self) -> Iterator[Day]:
        """Every day, ascending."""
        return (day for week in self.weeks for day in week.days)

    @property
    def totals(self) -> Running | None:
        """What the period came to; None where it has no day."""
        return self.weeks[-1].days[-1].bars[-1].contract if self.weeks else None


def in_order(days: Iterable[Day]) -> Iterator[Day]:
    """Pass days on, one at a time.

    Raises
    ------
    InputError
        At the first day that does not lie behind the one before it, or has no bar, or whose bars
        do not ascend.
    """
    last: date | None = None
    for day in days:
        check_behind(day.session, [bar.start_ns for bar in day.bars], last=last)
        last = day.session
        yield day


def check_behind(session: date, starts: Sequence[int], *, last: date | None) -> None:
    """Hold that a session with bars of these starts lies behind another: raises as `in_order`."""
    if last is not None and session <= last:
        raise _disordered(session, f"it does not lie behind {last}")
    if not starts:
        raise _disordered(session, "it has no bar")
    if any(map(le, starts[1:], starts)):
        raise _disordered(session, "its bars do not ascend")


def _disordered(session: date, found: str) -> InputError:
    """Say what is wrong with a day."""
    return InputError(
        asked=f"session {session} of a contract",
        found=found,
        remedy="Give each session once, ascending, with its bars ascending.",
    )
