"""How orders take from quotes, told slowly: one event after the other, prices in dictionaries."""

import math
from dataclasses import dataclass, field
from statistics import median

MS = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Quote:
    """One quote; prices in ticks."""

    at: int
    bid: int
    ask: int
    bid_qty: float
    ask_qty: float


@dataclass
class Order:
    """One order, and what became of it."""

    arrival: int
    side: int
    qty: float
    limit: float | None = None
    ttl: int = 5 * SECOND
    left: float = 0.0
    cap: float | None = None
    reason: str = "no_quote"
    expiry: int = 0
    halt: tuple | None = None
    tried: int = -1
    fills: list = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """The documented defaults."""

    levels: int = 5
    collar: float = 0.01
    max_age: int = 30 * SECOND
    impact: float = 0.0
    """Y sigma / sqrt(V)."""
    tau: float = 300 * SECOND
    stays: float = 0.3
    step: float = 1.0


@dataclass
class Side:
    """What is remembered of one side: size by price, and own impact as roots of size."""

    taken: dict = field(default_factory=dict)
    size: float = 0.0
    kept: float = 0.0
    fading: float = 0.0
    at: int = 0

    def see(self, side: int, touch: int, size: float) -> None:
        """Forget what was taken at prices that are gone, or by others besides."""
        if touch in self.taken:
            self.taken[touch] = min(self.taken[touch], size)
        self.taken = {
            price: qty for price, qty in self.taken.items() if 0 <= side * (price - touch) < 64
        }
        self.size = size


def area(offset: float, scale: float, start: float, end: float) -> float:
    """Return the integral of max(offset, scale sqrt(u)) from start to end."""
    crossing = (offset / scale) ** 2 if scale > 0 else math.inf
    flat = min(max(crossing, start), end)
    root = (2 / 3) * scale * (end**1.5 - flat**1.5)
    return offset * (flat - start) + root


def fault(quote: Quote, side: int) -> str | None:
    """Return why a quote fills nothing."""
    shown, other = (quote.ask_qty, quote.bid_qty)[::side]
    if shown <= 0:
        return "empty_quote"
    if other > 0 and quote.bid > quote.ask:
        return "crossed_quote"
    return "locked_quote" if other > 0 and quote.bid == quote.ask else None


def level_size(quotes: list[Quote], at: int, side: int) -> float:
    """Return the median size of a side's touch in the 60 seconds up to a time."""
    sizes = [q.ask_qty if side > 0 else q.bid_qty for q in quotes if at - 60 * SECOND < q.at <= at]
    return median([size for size in sizes if size > 0])


class Market:
    """Quotes, halts, and what own fills leave behind."""

    def __init__(self, quotes: list[Quote], halts: list[tuple], rules: Rules) -> None:
        self.quotes, self.halts, self.rules = quotes, halts, rules
        self.sides = {1: Side(), -1: Side()}

    def halted(self, at: int) -> str | None:
        """Return why nothing fills at a time."""
        return next((why for start, end, why in self.halts if start <= at < end), None)

    def attempt(self, order: Order, quote: Quote, at: int) -> None:
        """Let an order take from a quote."""
        order.tried = at
        why = fault(quote, order.side)
        if why:
            order.reason = order.reason if order.cap is not None else why
            return
        touch = quote.ask if order.side > 0 else quote.bid
        if order.cap is None:
            bounds = [touch + order.side * abs(touch) * self.rules.collar]
            bounds += [] if order.limit is None else [order.limit]
            order.cap = min(bounds) if order.side > 0 else max(bounds)
        memory = self.sides[order.side]
        memory.see(order.side, touch, quote.ask_qty if order.side > 0 else quote.bid_qty)
        order.reason = self.take(order, quote, touch, at)

    def take(self, order: Order, quote: Quote, touch: int, at: int) -> str:
        """Walk the levels; return why something is left, or that nothing is."""
        memory, rules = self.sides[order.side], self.rules
        fading = memory.fading * math.exp(-(at - memory.at) / rules.tau)
        root = memory.kept + fading
        scale, room = rules.impact * abs(touch), order.side * (order.cap - touch)
        done, paid, capped, last = 0.0, 0.0, room < 0, 0.0
        for level in range(rules.levels):
            capped = capped or level > room
            if capped or order.left <= 0:
                break
            price = touch + order.side * level
            size = memory.size if level == 0 else level_size(self.quotes, quote.at, order.side)
            part = min(order.left, size - memory.taken.get(price, 0.0))
            if scale > 0 and root**2 + done + part > (room / scale) ** 2:
                part, capped = (room / scale) ** 2 - root**2 - done, True
            if part < order.left:
                part = math.floor(part / rules.step) * rules.step
            if part <= 0:
                continue
            paid += area(level, scale, root**2 + done, root**2 + done + part)
            last = max(level, scale * math.sqrt(root**2 + done + part))
            done, order.left = done + part, order.left - part
            memory.taken[price] = memory.taken.get(price, 0.0) + part
        if done > 0:
            gain = math.sqrt(root**2 + done) - root
            memory.kept += rules.stays * gain
            memory.fading, memory.at = fading + (1 - rules.stays) * gain, at
            order.fills.append(
                (at, done, touch + order.side * paid / done, touch + order.side * last)
            )
        if order.left == 0:
            return "filled"
        if not capped:
            return "liquidity"
        return "expired" if order.cap == order.limit else "collar"

    def arrive(self, order: Order, last: Quote | None) -> bool:
        """Let an order arrive; return whether it works on."""
        order.left, at = order.qty, order.arrival
        order.tried = order.expiry = at
        if self.halted(at):
            order.reason = self.halted(at)
            return False
        order.expiry += order.ttl
        for start, end, why in self.halts:
            if at < start < order.expiry:
                order.expiry += end - start
                order.halt = (end, why)
        resumed = max((end for _, end, _ in self.halts if end <= at), default=-math.inf)
        if last is not None and (at - last.at > self.rules.max_age or last.at < resumed):
            order.reason = "stale_quote"
        elif last is not None:
            self.attempt(order, last, at)
        return order.left > 0 and order.expiry > at

    def run(self, orders: list[Order]) -> list[Order]:
        """Work orders, given in order of arrival, through all quotes."""
        events = [(quote.at, 0, place, quote) for place, quote in enumerate(self.quotes)]
        events += [(order.arrival, 1, place, order) for place, order in enumerate(orders)]
        working: list[Order] = []
        last = None
        for at, kind, _, event in sorted(events, key=lambda each: each[:3]):
            if kind == 1:
                working += [event] if self.arrive(event, last) else []
                continue
            last = event
            if self.halted(at):
                continue
            for side, memory in self.sides.items():
                if memory.taken and not fault(event, side):
                    seen = (event.ask, event.ask_qty) if side > 0 else (event.bid, event.bid_qty)
                    memory.see(side, *seen)
            working = [order for order in working if at <= order.expiry]
            for order in working:
                self.attempt(order, event, at)
            working = [order for order in working if order.left > 0]
        for order in orders:
            if order.left > 0 and order.halt and order.tried < order.halt[0]:
                order.reason = order.halt[1]
        return orders
