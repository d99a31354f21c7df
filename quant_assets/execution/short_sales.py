"""When short sales are restricted: rule 201 of Regulation SHO, for US equities."""

import polars as pl

_TRIGGER = 0.9
"""A trade at or below this share of the previous close begins the restriction."""


def restricted_from(trades: pl.DataFrame, *, previous_close: float) -> int | None:
    """Return the time from which short sales must be priced above the bid, None for never.

    The restriction lasts for the rest of the session and all of the next one; a session that
    begins restricted asks nobody.

    Parameters
    ----------
    trades
        ts_ns and price of one session's regular hours, in order of time.
    previous_close
        Official close of the session before, in the unit of the prices.
    """
    fallen = trades.filter(pl.col("price") <= _TRIGGER * previous_close)
    return None if fallen.is_empty() else int(fallen["ts_ns"][0])
