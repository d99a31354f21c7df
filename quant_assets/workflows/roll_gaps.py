"""The price gaps of a root's rolls, from landed data."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date

import polars as pl

from quant_assets.bars.adjustment import GAPS, find_rolls
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.recipes.roll_history import landed_by_contract
from quant_assets.workflows.view import LakeView


def roll_gaps(view: LakeView, root: str, contracts: pl.DataFrame) -> pl.DataFrame:
    """Return the gap of each roll of a continuous series.

    It is measured on the last session before the roll on which both contracts traded: by the last
    landed price of each there, from ticks, else from the finest bars, nothing cleaned. The two may
    lie minutes apart, where the new contract hardly traded yet.

    Parameters
    ----------
    contracts
        Columns session and contract of the series, in time order.

    Returns
    -------
    DataFrame
        Columns `GAPS`, by session; prices are null where no session holds both.
    """
    sessions = landed_sessions(view, root)
    rows = [
        (
            roll,
            old,
            new,
            *_measured(view, root, (old, new), sessions[: bisect_left(sessions, roll)]),
        )
        for roll, old, new in find_rolls(contracts).rows()
    ]
    return pl.DataFrame(rows, schema=GAPS, orient="row")


def _measured(
    view: LakeView, root: str, pair: tuple[str, str], before: list[date]
) -> tuple[date | None, float | None, float | None]:
    """Return session and prices of a gap, from the last of some sessions that holds both."""
    for session, old, new in _both(view, root, pair, before):
        prices = _last_price(view, old), _last_price(view, new)
        if None not in prices:
            return session, *prices
    return None, None, None


def _both(
    view: LakeView, root: str, pair: tuple[str, str], before: list[date]
) -> Iterator[tuple[date, Entry, Entry]]:
    """Yield the sessions on which both contracts of a pair traded, the last one first."""
    for session in reversed(before):
        landed = landed_by_contract(view, root, session)
        old, new = (landed.get(contract) for contract in pair)
        if old and new and old.stats["volume"] > 0 and new.stats["volume"] > 0:
            yield session, old, new


def _last_price(view: LakeView, entry: Entry) -> float | None:
    """Return the price of the last row with a quantity, by time, then in the file's order."""
    is_ticks = entry.table == "raw_ticks"
    time, price, qty = ("ts", "price", "qty") if is_ticks else ("bar_start", "close", "volume")
    rows = view.read(entry, (time, price, qty)).filter(pl.col(qty) > 0)
    if rows.is_empty():
        return None
    last = float(rows.sort(time, maintain_order=True)[price][-1])
    return last / PRICE_SCALE if is_ticks else last
