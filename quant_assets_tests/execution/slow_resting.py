"""How limit orders at rest are filled, told slowly: all events in one list, queues as numbers."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trade:
    """One trade; the aggressor is 1, -1 or 0 for unknown."""

    at: int
    price: int
    qty: float
    aggressor: int


@dataclass
class Limit:
    """One order at rest, and what became of it."""

    arrival: int
    side: int
    qty: float
    limit: int
    end: int
    left: float = 0.0
    front: float = math.inf
    seen: float = 0.0
    traded: float = 0.0
    reason: str = "expired"
    fills: list = field(default_factory=list)


def see(order, quote, rule):
    """Move an order's place in the queue by a quote."""
    touch, size = (quote.bid, quote.bid_qty) if order.side > 0 else (quote.ask, quote.ask_qty)
    if size <= 0 or order.side * (order.limit - touch) < 0:
        return
    shown = size if order.limit == touch else 0.0
    cancelled = order.seen - order.traded - shown
    front = order.front
    if rule == "probabilistic" and cancelled > 0 and front < math.inf:
        back = max(order.seen - order.traded - front, 0.0)
        total = back**3 + front**3
        chance = back**3 / total if total else 1.0
        front -= (1 - chance) * cancelled
        front += min(back - chance * cancelled, 0.0)
    order.front = max(min(front, shown), 0.0)
    order.seen, order.traded = shown, 0.0


def filled_by(order, trade, used, rule):
    """Return what a trade fills of an order."""
    beyond = order.side * (order.limit - trade.price)
    if beyond < 0 or trade.qty <= 0 or (beyond == 0 and trade.aggressor == order.side):
        return 0.0
    order.reason = "liquidity"
    if rule == "whole":
        return order.left
    if beyond > 0:
        order.front = 0.0
    free = trade.qty - order.front - used
    order.front = max(order.front - trade.qty, 0.0)
    order.traded += trade.qty
    return max(min(order.left, free), 0.0)


def rest(trades, quotes, orders, stops, rule):
    """Work resting orders, given in order of arrival, through all events."""
    events = [(trade.at, 0, place, trade) for place, trade in enumerate(trades)]
    events += [(quote.at, 1, place, quote) for place, quote in enumerate(quotes)]
    events += [(order.arrival, 2, place, order) for place, order in enumerate(orders)]
    working, sound = [], None
    for at, kind, place, event in sorted(events, key=lambda each: each[:3]):
        halt = next((why for start, end, why in stops if start <= at < end), None)
        if kind == 2:
            if halt and halt != "session_closed":
                event.reason = halt
                continue
            event.left = event.qty
            event.front = math.inf if rule in {"risk_averse", "probabilistic"} else 0.0
            if sound:
                see(event, sound, rule)
            working.append(event)
            working.sort(key=lambda order: (-order.side, -order.side * order.limit))
        elif halt:
            continue
        elif kind == 1 and not (event.bid > event.ask and event.bid_qty > 0 and event.ask_qty > 0):
            sound = event
            for order in working:
                see(order, event, rule)
        elif kind == 0:
            working = [order for order in working if at <= order.end]
            used = 0.0
            for order in working:
                qty = filled_by(order, event, used, rule)
                if qty > 0:
                    used, order.left = used + qty, order.left - qty
                    order.fills.append((place, qty))
            for order in working:
                order.reason = order.reason if order.left > 0 else "filled"
            working = [order for order in working if order.left > 0]
