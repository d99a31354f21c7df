"""The rules of cleaning once more, slow and obvious; it shares nothing with what it proves."""

import statistics

QUOTE, WIDEST, MEDIAN = 0.05, 0.10, 0.10
TRADES, LEAST, SHIFT = 51, 5, 5
OLDEST_NS = 300 * 10**9


def verdicts(rows: list[dict], *, step: float | None = 0.1, span=None) -> list[str | None]:
    """Return for each row the rule that it breaks, or None; rows are in order of time.

    Parameters
    ----------
    rows
        ts (ns), price, qty, bid, ask, bid_qty, ask_qty; prices are numbers of quote currency.
    """
    kept: list[dict] = []
    refused: list[dict] = []
    told: list[str | None] = []
    for given in rows:
        prices = {name: fixed(given[name]) for name in ("price", "bid", "ask")}
        row = given | prices
        rule = own_rule(row, step, span)
        if rule is None and row["qty"] > 0:
            kept = [one for one in kept if row["ts"] - one["ts"] <= OLDEST_NS][-TRADES:]
            rule = context_rule(row, kept)
            if rule is None:
                kept, refused = [*kept, row], []
            else:
                if refused and not is_near(row["price"], refused[-1]["price"], QUOTE):
                    refused = []
                refused = [*refused, row]
                if len(refused) == SHIFT:
                    rule, kept, refused = None, refused, []
        told.append(rule)
    return told


def fixed(price: float | None) -> int | None:
    """Return a price as a count of 1e-9: bounds are hit exactly or not at all."""
    return None if price is None else round(price * 10**9)


def own_rule(row: dict, step: float | None, span) -> str | None:
    """Return the rule that a row breaks by itself."""
    if span and not span[0] <= row["ts"] < span[1]:
        return "other_session"
    sizes = [row["qty"], row["bid_qty"] or 0.0, row["ask_qty"] or 0.0]
    if any(size in {float("inf"), float("-inf")} or size != size for size in sizes):  # noqa: PLR0124
        return "not_finite"
    if row["price"] <= 0:
        return "non_positive_price"
    if step and row["price"] % fixed(step):
        return "off_tick_grid"
    return None


def context_rule(row: dict, kept: list[dict]) -> str | None:
    """Return the rule that a row breaks among the trades kept before it."""
    price, against, stands_for = row["price"], [], False
    bid, ask = row["bid"], row["ask"]
    if bid is not None and ask is not None and 0 < bid < ask:
        mid = (bid + ask) / 2
        if bid - QUOTE * mid <= price <= ask + QUOTE * mid:
            stands_for |= ask - bid <= WIDEST * mid
        else:
            against.append("away_from_quote")
    if len(kept) >= LEAST:
        middle = statistics.median_low([one["price"] for one in kept])
        stands_for |= is_near(price, middle, QUOTE)
        if not is_near(price, middle, MEDIAN):
            against.append("away_from_median")
    if kept:
        stands_for |= is_near(price, kept[-1]["price"], QUOTE)
    return against[0] if against and not stands_for else None


def is_near(price: float, reference: float, reach: float) -> bool:
    """Whether a price lies within a share of a reference."""
    return reference * (1 - reach) <= price <= reference * (1 + reach)


def repeated(rows: list[dict]) -> list[bool]:
    """Return for each row whether an earlier one of the same stamp holds the same values."""
    return [row in rows[:place] for place, row in enumerate(rows)]
