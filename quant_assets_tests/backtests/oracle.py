"""A slow backtest in plain Python that imports nothing from the package."""

import itertools
import math
import statistics
from dataclasses import dataclass, field

INF = math.inf


@dataclass
class Rules:
    """What decides; money, ratios and nanoseconds."""

    capital: float = 100_000.0
    qty: float = 1.0
    sl: float = INF
    tp: float = INF
    horizon: int = 0
    on_signal: bool = False
    half: float = 0.0
    fee: float = 0.0
    multiplier: float = 1.0
    step: float = 1.0
    leverage: float = 10.0
    way_ns: int = 0
    is_full: bool = False
    participation: float = 0.1
    impact: float = 1.0
    blind: float = 0.0001
    counts_size: bool = True
    risk: str = "fixed"
    amount: float = 0.0
    cap: float = 1.0
    sessions: int = 20
    year: float = 252.0


@dataclass
class Held:
    """A position, or an order for one."""

    side: int
    signal: int
    qty: float = 0.0
    entry: float = 0.0
    row: int = -1
    entry_ns: int = 0
    bars: int = 0
    out: list = field(default_factory=list)
    leaving: str = ""
    late: float = 0.0
    slip: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def left(self) -> float:
        """Return what is still held."""
        return self.qty - sum(qty for qty, _ in self.out)


@dataclass
class Order:
    """What was asked for at the close of a row."""

    side: int
    leaves: bool
    signal: int
    arrives: int
    qty: float = 0.0


class SlowBacktest:
    """Walks through rows, dicts in order of time, then symbol.

    A row has symbol, session, contract, segment, start, end (ns), o, h, l, c, v, wanted, chance,
    halted (a reason, or None) and finer, a list of (start, o, h, l, c).
    """

    def __init__(self, rows: list[dict], rules: Rules, days: dict[str, list[tuple]]) -> None:
        """Take the rows and, by symbol, each session's (session, contract, close, volume)."""
        self.rows, self.rules = rows, rules
        self.cash, self.known = rules.capital, rules.capital
        self.held: dict[str, Held] = {}
        self.orders: dict[str, Order] = {}
        self.marks: dict[str, float] = {}
        self.trades: list[dict] = []
        self.equity: list[tuple[int, float]] = []
        self.unfilled: dict[str, int] = {}
        self.days = days
        self.taken = 0.0
        own: dict[str, list[int]] = {}
        for n, row in enumerate(rows):
            own.setdefault(row["symbol"], []).append(n)
        self.next = {a: b for line in own.values() for a, b in itertools.pairwise(line)}
        self.prior = {b: a for a, b in self.next.items()}

    def refuse(self, reason: str) -> None:
        """Count an order that was not filled."""
        self.unfilled[reason] = self.unfilled.get(reason, 0) + 1

    def ends(self, n: int, key: str) -> bool:
        """Return whether a stretch ends with the row."""
        return n not in self.next or self.rows[self.next[n]][key] != self.rows[n][key]

    def run(self) -> "SlowBacktest":
        """Walk through all rows."""
        fresh: list[int] = []
        for n, row in enumerate(self.rows):
            s = row["symbol"]
            self.taken = 0.0
            if row["halted"]:
                self.freeze(n, row, s)
            else:
                self.meet(n, row, s)
            self.marks.pop(s, None)
            if s in self.held:
                p = self.held[s]
                at = row["c"] - p.side * self.rules.half
                self.marks[s] = p.side * p.left * self.rules.multiplier * (at - p.entry)
            if self.decide(n, row, s):
                fresh.append(n)
            if n + 1 == len(self.rows) or self.rows[n + 1]["start"] != row["start"]:
                self.known = self.cash + sum(self.marks.values())
                self.equity.append((row["start"], self.known))
                for m in fresh:
                    self.size(self.rows[m], self.rows[m]["symbol"])
                fresh = []
        self.trades.sort(key=lambda t: (self.rows[t["row"]]["start"], t["symbol"]))
        return self

    def decide(self, n: int, row: dict, s: str) -> bool:
        """Make the order of a row's close; return whether there is a new one."""
        if s in self.orders:
            return False
        p = self.held.get(s)
        arrives = row["end"] + self.rules.way_ns
        if p is None and row["wanted"]:
            self.orders[s] = Order(row["wanted"], leaves=False, signal=n, arrives=arrives)
        elif p and self.rules.on_signal and not p.leaving and row["wanted"] != p.side:
            self.orders[s] = Order(row["wanted"], leaves=True, signal=n, arrives=arrives)
        return s in self.orders

    def size(self, row: dict, s: str) -> None:
        """Give a new order its size, or take it back."""
        order, rules = self.orders[s], self.rules
        if not order.side:
            return
        value, reason = row["c"] * rules.multiplier, ""
        qty = self.wanted_qty(row, value)
        if self.known <= 0:
            reason = "buying_power"
        elif rules.risk != "fixed" and qty < rules.step:
            reason = "bad_size"
        elif qty * value > rules.leverage * self.known:
            reason = "buying_power"
        order.qty = qty
        if reason:
            self.refuse(reason)
            order.side = 0
            if not order.leaves:
                del self.orders[s]

    def wanted_qty(self, row: dict, value: float) -> float:
        """Return the size that the risk asks for."""
        rules = self.rules
        if rules.risk == "fixed":
            return rules.qty
        if rules.risk == "risk_per_trade":
            qty = self.known * rules.amount / (value * rules.sl)
        elif rules.risk == "kelly":
            p = row["chance"]
            if p is None:
                return 0.0
            share = min(rules.amount * (p / rules.sl - (1 - p) / rules.tp), rules.cap)
            qty = self.known * share / value
        else:
            returns = self.returns_before(row)
            if len(returns) < rules.sessions:
                return 0.0
            sigma = statistics.stdev(returns[-rules.sessions :]) * math.sqrt(rules.year)
            qty = self.known * rules.amount / (sigma * value)
        return math.floor(qty / rules.step + 1e-9) * rules.step

    def returns_before(self, row: dict) -> list[float]:
        """Return daily log returns of earlier sessions, none over a change of contract."""
        earlier = [day for day in self.days[row["symbol"]] if day[0] < row["session"]]
        pairs = itertools.pairwise(earlier)
        return [math.log(b[2] / a[2]) for a, b in pairs if a[1] == b[1]]

    def slip(self, row: dict, price: float, before: float, qty: float) -> float:
        """Return how much worse a price is for the size."""
        rules = self.rules
        if not rules.is_full:
            return 0.0
        returns = self.returns_before(row)[-20:]
        volumes = [day[3] for day in self.days[row["symbol"]] if day[0] < row["session"]][-20:]
        sigma = statistics.stdev(returns) if len(returns) > 1 else 0.0
        volume = statistics.mean(volumes) if volumes else 0.0
        if not (rules.counts_size and sigma > 0 and volume > 0):
            return price * rules.blind
        # The mean of Y sigma sqrt(q / V) over the units, by its integral.
        whole = (before + qty) ** 1.5 - before**1.5
        mean = 2 / 3 * whole / qty * rules.impact * sigma / math.sqrt(volume)
        return price * min(mean, 1.0)

    def most(self, row: dict) -> float:
        """Return what the bar still takes."""
        if not (self.rules.is_full and self.rules.counts_size):
            return INF
        left = self.rules.participation * row["v"] - self.taken
        return max(math.floor(left / self.rules.step + 1e-9) * self.rules.step, 0.0)

    def freeze(self, n: int, row: dict, s: str) -> None:
        """Let a halt pass."""
        order = self.orders.get(s)
        if order and order.arrives < row["end"]:
            for _ in range(bool(order.side) + order.leaves):
                self.refuse(row["halted"])
            del self.orders[s]
        p = self.held.get(s)
        if p:
            p.bars += 1
            if self.ends(n, "segment") and not p.leaving:
                p.leaving = "halt"
            if self.ends(n, "contract"):
                self.leave(n, row, p.leaving, row["c"] - p.side * self.rules.half, INF, row["end"])

    def meet(self, n: int, row: dict, s: str) -> None:
        """Let order and position meet a bar."""
        half, finer = self.rules.half, row["finer"]
        bars = finer
        mid = finer[0][1] if finer else row["o"]
        if s in self.held and self.held[s].leaving:
            p = self.held[s]
            touch = row["o"] - p.side * half
            self.leave(n, row, p.leaving, touch, self.most(row), row["start"])
        order = self.orders.get(s)
        if order and order.arrives < row["end"]:
            del self.orders[s]
            before = [bar for bar in finer if bar[0] < order.arrives]
            bars = [bar for bar in finer if bar[0] >= order.arrives]
            if order.leaves and s in self.held and not self.held[s].leaving:
                self.follow(n, row, order, before, bars)
            if order.side:
                mid, at_ns = self.arrival(row, order, order.side, bars)
                self.enter(n, row, order, mid, at_ns)
            elif s in self.held:
                bars = finer
        if s in self.held and not self.held[s].leaving:
            self.hold(n, row, self.held[s], bars, mid)
        if s in self.held and self.ends(n, "contract"):
            p = self.held[s]
            self.leave(n, row, p.leaving, row["c"] - p.side * half, INF, row["end"])

    def arrival(self, row: dict, order: Order, side: int, later: list) -> tuple[float, int]:
        """Return the mid and the instant that an order meets."""
        if order.arrives <= row["start"]:
            return row["o"], row["start"]
        if later:
            return later[0][1], later[0][0]
        share = (order.arrives - row["start"]) / (row["end"] - row["start"])
        line = row["o"] + (row["c"] - row["o"]) * share
        worse = max if side > 0 else min
        return worse(line, row["o"]), order.arrives

    def follow(self, n: int, row: dict, order: Order, before: list, later: list) -> None:
        """Leave because the signal is gone."""
        p = self.held[row["symbol"]]
        met = self.levels(p, before, before[0][1]) if before else None
        if met:
            self.leave(n, row, met[0], met[1], self.most(row), row["end"])
            return
        mid, at_ns = self.arrival(row, order, -p.side, later)
        late = p.side * (row["o"] - mid)
        touch = mid - p.side * self.rules.half
        self.leave(n, row, "signal", touch, self.most(row), at_ns, late=late)

    def enter(self, n: int, row: dict, order: Order, mid: float, at_ns: int) -> None:
        """Open a position."""
        s, rules, side = row["symbol"], self.rules, order.side
        prior = self.prior.get(n)
        same = prior is not None and self.rows[prior]["segment"] == row["segment"]
        if not same or self.ends(n, "segment"):
            self.refuse("session_closed")
            return
        qty = min(order.qty, 0.0 if s in self.held else self.most(row))
        if qty < order.qty:
            self.refuse("liquidity")
        if qty <= 0:
            return
        slip = self.slip(row, mid, self.taken, qty)
        p = Held(side, order.signal, qty, mid + side * (rules.half + slip), n, at_ns)
        p.late, p.slip = side * (mid - row["o"]) * qty, slip * qty
        self.held[s] = p
        self.taken += qty
        self.cash -= qty * rules.fee

    def levels(self, p: Held, bars: list, first_open: float) -> tuple[str, float] | None:
        """Return why and where a position leaves in bars (start, o, h, l, c)."""
        half, side = self.rules.half, p.side
        stop, target = p.entry * (1 - side * self.rules.sl), p.entry * (1 + side * self.rules.tp)
        for place, (_, o, high, low, _c) in enumerate(bars):
            opens = (o if place else first_open) - side * half
            worst, best = (low, high) if side > 0 else (high, low)
            worst, best = worst - side * half, best - side * half
            if side * opens <= side * stop or side * worst <= side * stop:
                price = opens if side * opens <= side * stop else stop
                self.widen(p, price)
                return "stop", price
            if side * best >= side * target:
                p.low = min(p.low, side * (worst - p.entry))
                self.widen(p, target)
                return "target", target
            self.widen(p, worst)
            self.widen(p, best)
        return None

    def widen(self, p: Held, price: float) -> None:
        """Widen the excursions by a price."""
        result = p.side * (price - p.entry)
        p.low, p.high = min(p.low, result), max(p.high, result)

    def hold(self, n: int, row: dict, p: Held, bars: list, mid: float) -> None:
        """Hold until something ends it."""
        p.bars += 1
        whole = [(row["start"], row["o"], row["h"], row["l"], row["c"])]
        met = self.levels(p, bars if row["finer"] else whole, mid)
        is_over = 0 < self.rules.horizon <= p.bars
        if met is None and (is_over or self.ends(n, "segment")):
            met = ("time" if is_over else "close", row["c"] - p.side * self.rules.half)
        if met:
            self.leave(n, row, met[0], met[1], self.most(row), row["end"])

    def leave(self, n, row, reason, touch, most, at_ns, *, late=0.0) -> None:
        """Leave as much as the bar takes."""
        s = row["symbol"]
        p, rules = self.held[s], self.rules
        part = min(p.left, most)
        if part < p.left and not p.leaving:
            self.refuse("liquidity")
        is_limit = reason == "target" and not p.leaving
        p.leaving = reason
        if part <= 0:
            return
        slip = 0.0 if is_limit else self.slip(row, touch, p.qty - p.left, part)
        price = touch - p.side * slip
        self.widen(p, price)
        p.late += late * part
        p.slip += slip * part
        self.taken += part
        units = part * rules.multiplier
        self.cash += p.side * units * (price - p.entry) - part * rules.fee
        p.out.append((part, price))
        if abs(p.left) < 1e-9:
            del self.held[s]
            self.write(n, p, at_ns)

    def write(self, n: int, p: Held, at_ns: int) -> None:
        """Write the trade."""
        rules, m = self.rules, self.rules.multiplier
        price = sum(qty * price for qty, price in p.out) / p.qty
        at_fills = p.side * p.qty * m * (price - p.entry)
        spread = 2 * rules.half * p.qty * m
        self.trades.append(
            {
                "symbol": self.rows[n]["symbol"],
                "side": "long" if p.side > 0 else "short",
                "row": p.row,
                "signal_ts": self.rows[p.signal]["start"],
                "entry_ts": p.entry_ns,
                "exit_ts": at_ns,
                "exit_reason": p.leaving,
                "qty": p.qty,
                "entry_price": p.entry,
                "exit_price": price,
                "gross": at_fills + spread + (p.late + p.slip) * m,
                "spread_cost": spread,
                "fees": 2 * p.qty * rules.fee,
                "latency_cost": p.late * m,
                "slippage": p.slip * m,
                "net": at_fills - 2 * p.qty * rules.fee,
                "mae": p.low * p.qty * m,
                "mfe": p.high * p.qty * m,
            }
        )
