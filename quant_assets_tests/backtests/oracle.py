"""A slow backtest in plain Python that imports nothing from the package."""

import itertools
from dataclasses import dataclass


@dataclass
class Position:
    """What one symbol holds."""

    side: int
    entry: float
    row: int
    signal: int
    held: int = 0
    leaves: bool = False


@dataclass
class Rules:
    """What decides."""

    capital: float
    qty: float
    sl: float
    tp: float
    horizon: int
    half: dict
    fee: dict
    multiplier: dict
    on_signal: bool = False


def trade_slowly(  # noqa: PLR0912, PLR0915 -- read from top to bottom, as the rule is told
    rows: list[dict], rules: Rules
) -> tuple[list[dict], list[tuple[int, float]]]:
    """Walk through rows (dicts in order of time, then symbol) and return trades and equity.

    A row has symbol, t, o, h, l, c, wanted, segment. The signal of a row is filled at the next row
    of its symbol, if that is of the same segment and not the segment's last.
    """
    by_symbol: dict[str, list[int]] = {}
    for n, row in enumerate(rows):
        by_symbol.setdefault(row["symbol"], []).append(n)
    following, before = {}, {}
    for own in by_symbol.values():
        for a, b in itertools.pairwise(own):
            following[a], before[b] = b, a

    def ends(n: int) -> bool:
        return n not in following or rows[following[n]]["segment"] != rows[n]["segment"]

    cash, known, trades, equity = rules.capital, rules.capital, [], []

    def close(p: Position, n: int, price: float, reason: str) -> float:
        row = rows[n]
        units = rules.qty * rules.multiplier[row["symbol"]]
        fee = rules.qty * rules.fee[row["symbol"]]
        result = p.side * units * (price - p.entry)
        trades.append(
            {
                "symbol": row["symbol"],
                "side": "long" if p.side > 0 else "short",
                "signal": rows[p.signal]["t"],
                "entry": rows[p.row]["t"],
                "exit": row["t"],
                "entry_price": p.entry,
                "exit_price": price,
                "reason": reason,
                "net": result - 2 * fee,
            }
        )
        return result - fee

    held: dict[str, Position] = {}
    marks: dict[str, float] = {}
    for n, row in enumerate(rows):
        s, half, units = row["symbol"], rules.half[row["symbol"]], rules.qty
        units *= rules.multiplier[s]
        fee = rules.qty * rules.fee[s]
        prior = before.get(n)
        may = prior is not None and rows[prior]["segment"] == row["segment"] and not ends(n)
        was_flat = prior is not None and rows[prior].get("flat", True)
        if s in held and held[s].leaves:
            p = held.pop(s)
            marks.pop(s, None)
            cash += close(p, n, row["o"] - p.side * half, "signal")
            was_flat = True
        if may and was_flat and rows[prior]["wanted"] and known > 0:
            side = rows[prior]["wanted"]
            held[s] = Position(side, row["o"] + side * half, n, prior)
            cash -= fee
        if s in held:
            p = held[s]
            p.held += 1
            stop, target = p.entry * (1 - p.side * rules.sl), p.entry * (1 + p.side * rules.tp)
            at = {k: row[k] - p.side * half for k in "ohlc"}
            worst, best = (at["l"], at["h"]) if p.side > 0 else (at["h"], at["l"])
            price = reason = None
            if p.side * at["o"] <= p.side * stop:
                price, reason = at["o"], "stop"
            elif p.side * worst <= p.side * stop:
                price, reason = stop, "stop"
            elif p.side * best >= p.side * target:
                price, reason = target, "target"
            elif 0 < rules.horizon <= p.held:
                price, reason = at["c"], "time"
            elif ends(n):
                price, reason = at["c"], "close"
            if price is None:
                marks[s] = p.side * units * (at["c"] - p.entry)
            else:
                cash += close(p, n, price, reason)
                del held[s]
                marks.pop(s, None)
        row["flat"] = s not in held
        if s in held and rules.on_signal:
            held[s].leaves = row["wanted"] != held[s].side
        if n + 1 == len(rows) or rows[n + 1]["t"] != row["t"]:
            known = cash + sum(marks.values())
            equity.append((row["t"], known))
    trades.sort(key=lambda t: (t["entry"], t["symbol"]))
    return trades, equity
