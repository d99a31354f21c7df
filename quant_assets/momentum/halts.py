"""Trading halts, read from the venue's status records."""

import polars as pl

from quant_assets.market.columns import UTC_NS

HALTING_ACTIONS = frozenset({"HALT", "PAUSE", "SUSPEND"})
"""Status actions that stop trading; a LULD pause is a PAUSE."""

RESUMING_ACTION = "TRADING"


def halt_spans(status: pl.DataFrame) -> pl.DataFrame:
    """Return one row a halt: `start`, and `end` or null where trading never resumed.

    A halt lasts from the first halting action until the next TRADING; what comes between (quoting,
    price indications, a further halt) belongs to it. A TRADING without a halt before it, such as
    the morning's, is none.

    Parameters
    ----------
    status
        Rows of `raw_status` of one symbol and session: `ts`, `action`, and `seq` where present.
    """
    order = [name for name in ("ts", "seq") if name in status.columns]
    rows = status.sort(order, maintain_order=True).select("ts", pl.col("action").cast(pl.String))
    spans: list[tuple[object, object]] = []
    start: object = None
    for ts, action in zip(rows["ts"], rows["action"], strict=True):
        if action in HALTING_ACTIONS and start is None:
            start = ts
        elif action == RESUMING_ACTION and start is not None:
            spans.append((start, ts))
            start = None
    if start is not None:
        spans.append((start, None))
    return pl.DataFrame(spans, schema={"start": UTC_NS, "end": UTC_NS}, orient="row")


def count_halts(status: pl.DataFrame) -> int:
    """Return how many times trading was halted, also where it never resumed."""
    return halt_spans(status).height
