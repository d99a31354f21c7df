"""Footprints the slow and obvious way: one trade after the other, dictionaries of prices.

It imports nothing of the package; sessions are days of UTC. A trade is (ts_ns, session_day, price,
qty, side), prices in 1e-9; sums run in the order of the trades, so they have the kernel's bits.
"""

from dataclasses import dataclass, field

NS_PER_DAY = 86_400_000_000_000


@dataclass
class OracleBar:
    """One bar and its trades."""

    session: int
    start: int
    end: int | None
    trades: list = field(default_factory=list)


def footprint(trades, *, kind, size, bucket, **rules):
    """Return the bars of trades as dictionaries, in order."""
    bars = []
    previous_start = None
    for trade in trades:
        ts, session, _, qty, _ = trade
        if qty <= 0:
            continue
        current = bars[-1] if bars else None
        if current is None or _is_over(current, trade, kind, size):
            if kind == "time":
                start = ts // size * size
                end = start + size
            elif kind == "daily":
                start, end = session * NS_PER_DAY, None
            else:
                start = ts if previous_start is None else max(ts, previous_start + 1)
                end = None
            previous_start = start
            current = OracleBar(session, start, end)
            bars.append(current)
        current.trades.append(trade)
    for place, bar in enumerate(bars if kind != "time" else []):
        following = bars[place + 1] if place + 1 < len(bars) else None
        bar.end = (bar.session + 1) * NS_PER_DAY
        if _is_complete(bar, kind, size):
            bar.end = bar.trades[-1][0]
        elif kind == "range" and following is not None and following.session == bar.session:
            bar.end = following.trades[0][0]
        bar.end = max(bar.end, bar.start)
    return _described(bars, bucket, **rules)


def _is_complete(bar, kind, size):
    """Tell whether a bar's own last trade ended it."""
    if kind == "vol":
        total = 0.0
        for one in bar.trades:
            total += one[3]
        return total >= size
    return kind == "tick" and len(bar.trades) >= size


def _is_over(bar, trade, kind, size):
    """Tell whether a trade begins another bar."""
    ts, session, price, _, _ = trade
    if session != bar.session:
        return True
    if kind == "time":
        return ts >= bar.end
    if kind in {"vol", "tick"}:
        return _is_complete(bar, kind, size)
    if kind == "range":
        prices = [one[2] for one in bar.trades] + [price]
        return max(prices) - min(prices) > size
    return False


def _described(bars, bucket, *, ratio=3.0, least=1.0, stack=3, share=0.7, absorbs=3.0):
    """Return what each bar shows."""
    described = []
    cum_delta, session = 0.0, None
    for bar in bars:
        if bar.session != session:
            cum_delta, session = 0.0, bar.session
        cells = {}
        volume = bid = ask = unknown = low_delta = high_delta = 0.0
        for _, _, price, qty, side in bar.trades:
            cell = cells.setdefault(price // bucket, [0.0, 0.0, 0.0, 0])
            cell[{"sell": 0, "buy": 1, "unknown": 2}[side]] += qty
            cell[3] += 1
            volume += qty
            bid += qty if side == "sell" else 0.0
            ask += qty if side == "buy" else 0.0
            unknown += qty if side == "unknown" else 0.0
            low_delta, high_delta = min(low_delta, ask - bid), max(high_delta, ask - bid)
        cum_delta += ask - bid
        prices = [one[2] for one in bar.trades]
        rows = sorted(cells)
        of_row = {key: cells[key][1] + cells[key][0] + cells[key][2] for key in rows}
        poc, val, vah = value_area([of_row[key] for key in rows], share)
        buys, sells = imbalances(cells, ratio, least)
        top, bottom = cells[rows[-1]], cells[rows[0]]
        mean = sum(of_row[key] for key in rows) / len(rows)
        middle = (max(prices) + min(prices)) / 2
        described.append(
            {
                "session": bar.session,
                "start": bar.start,
                "end": bar.end,
                "open": prices[0],
                "high": max(prices),
                "low": min(prices),
                "close": prices[-1],
                "volume": volume,
                "bid_volume": bid,
                "ask_volume": ask,
                "unknown_volume": unknown,
                "trades": len(prices),
                "delta": ask - bid,
                "cum_delta": cum_delta,
                "min_delta": low_delta,
                "max_delta": high_delta,
                "poc": rows[poc],
                "vah": rows[vah],
                "val": rows[val],
                "imbalance_buy": len(buys),
                "imbalance_sell": len(sells),
                "stacked_buy": stacks(buys, stack),
                "stacked_sell": stacks(sells, stack),
                "unfinished_high": top[0] > 0 and top[1] > 0,
                "unfinished_low": bottom[0] > 0 and bottom[1] > 0,
                "absorption": (
                    (of_row[rows[-1]] >= absorbs * mean and prices[-1] < middle)
                    or (of_row[rows[0]] >= absorbs * mean and prices[-1] > middle)
                ),
                "cells": {key: tuple(cells[key]) for key in rows},
            }
        )
    return described


def value_area(volumes, share):
    """Return the places of point of control, lowest and highest row of the value area."""
    poc = volumes.index(max(volumes))
    low = high = poc
    held = volumes[poc]
    while held < share * sum(volumes) and (low > 0 or high < len(volumes) - 1):
        above, below = volumes[high + 1 : high + 3], volumes[max(0, low - 2) : low]
        goes_up = above and (not below or sum(above) >= sum(below))
        if goes_up:
            held, high = held + sum(above), high + len(above)
        else:
            held, low = held + sum(below), low - len(below)
    return poc, low, high


def imbalances(cells, ratio, least):
    """Return the keys of buy imbalances and of sell imbalances, ascending."""
    lowest, highest = min(cells), max(cells)
    nothing = (0.0, 0.0, 0.0, 0)
    buys = [
        key
        for key in sorted(cells)
        if key > lowest
        and cells[key][1] >= least
        and cells[key][1] >= ratio * cells.get(key - 1, nothing)[0]
    ]
    sells = [
        key
        for key in sorted(cells)
        if key < highest
        and cells[key][0] >= least
        and cells[key][0] >= ratio * cells.get(key + 1, nothing)[1]
    ]
    return buys, sells


def stacks(keys, least):
    """Return how many runs of adjacent keys have a length of at least `least`."""
    runs, length, before = 0, 0, None
    for key in keys:
        length = length + 1 if before is not None and key == before + 1 else 1
        runs += length == least
        before = key
    return runs
