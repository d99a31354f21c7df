"""A file's rows among those already landed: what is new, what is known, what is restated.

Bars have a key: an equal bar is a duplicate, another one restates the landed bar. Ticks and
status records have none: the rows of the file replace those landed within its span of time.
"""

from dataclasses import dataclass

import polars as pl

from quant_assets.workflows.landing.duplicates import BAR_VALUES

SEQ = "seq"


@dataclass(frozen=True)
class Merged:
    """The rows that a partition holds after a file, and how the file's rows count.

    Parameters
    ----------
    frame
        All rows of the partition, in its order.
    committed
        Rows of the file that the lake did not hold: new ones and restating ones.
    duplicates
        Rows of the file that the lake holds already; with `committed` all of them.
    restated
        Landed rows that were changed or went.
    """

    frame: pl.DataFrame
    committed: int
    duplicates: int
    restated: int


def merge_bars(landed: pl.DataFrame, bars: pl.DataFrame) -> Merged:
    """Put bars among landed ones by `bar_start`; a value that differs is the file's.

    Parameters
    ----------
    landed, bars
        Rows of one partition in the table's columns; each key once.
    """
    values = [name for name in BAR_VALUES if name in bars.columns]
    both = bars.join(landed, on="bar_start", how="inner", suffix="_landed")
    is_equal = pl.all_horizontal(
        [pl.col(name).eq_missing(pl.col(f"{name}_landed")) for name in values]
    )
    n_equal = both.filter(is_equal).height
    others = landed.join(bars, on="bar_start", how="anti")
    return Merged(
        frame=pl.concat([others, bars.select(landed.columns)]).sort("bar_start"),
        committed=bars.height - n_equal,
        duplicates=n_equal,
        restated=both.height - n_equal,
    )


def merge_events(landed: pl.DataFrame, events: pl.DataFrame) -> Merged:
    """Put events in place of the landed ones of their span, [first ts, last ts].

    Landed rows before and after the span stay. `seq` is numbered anew: rows before, the file's
    rows in the file's order, rows after.

    Parameters
    ----------
    landed, events
        Rows of one partition in the table's columns, in order of `seq`; `events` is not empty.
    """
    old, new = landed.sort(SEQ).drop(SEQ), events.drop(SEQ).select(landed.drop(SEQ).columns)

    # Whole numbers: a Python datetime would cut the nanoseconds off.
    ts, span = pl.col("ts").to_physical(), new["ts"].to_physical()
    first, last = span.min(), span.max()
    before, after = old.filter(ts < first), old.filter(ts > last)
    inside = old.filter(ts.is_between(first, last))
    kept, restated = _compare(inside, new)
    return Merged(
        frame=number(pl.concat([before, new, after])).select(landed.columns),
        committed=new.height - kept,
        duplicates=kept,
        restated=restated,
    )


def merge_streams(landed: pl.DataFrame, events: pl.DataFrame, *, stream: tuple[str, ...]) -> Merged:
    """Merge events of several streams that share a partition, each within its own span of time.

    Parameters
    ----------
    landed, events
        As for `merge_events`.
    stream
        Columns that tell streams apart, for example the contract that a definition is of.
    """
    old, new = landed.sort(SEQ).drop(SEQ), events.drop(SEQ).select(landed.drop(SEQ).columns)
    spans = new.group_by(stream).agg(
        pl.col("ts").min().alias("_first"), pl.col("ts").max().alias("_last")
    )
    placed = old.join(spans, on=stream, how="left", maintain_order="left")
    is_inside = pl.col("ts").is_between("_first", "_last").fill_null(value=False)
    inside = placed.filter(is_inside).select(old.columns)
    others = placed.filter(~is_inside).select(old.columns)
    kept, restated = _compare(
        inside.sort(stream, maintain_order=True), new.sort(stream, maintain_order=True)
    )
    rows = pl.concat([others, new]).sort(["ts", *stream], maintain_order=True)
    return Merged(
        frame=number(rows).select(landed.columns),
        committed=new.height - kept,
        duplicates=kept,
        restated=restated,
    )


def number(events: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with `seq` from 0 in their order."""
    numbers = pl.int_range(pl.len(), dtype=pl.UInt32).set_sorted()
    return events.with_columns(numbers.alias(SEQ))


def _compare(old: pl.DataFrame, new: pl.DataFrame) -> tuple[int, int]:
    """Return how many rows of `new` stand in `old`, and how many of `old` changed or went.

    Equal rows may stand several times; each is matched once. Where only the order differs, the
    places that changed count as restated.
    """
    if old.height == 0:
        return 0, 0
    if old.equals(new):
        return new.height, 0
    columns = old.columns
    counts = (
        old.group_by(columns)
        .len("n_old")
        .join(new.group_by(columns).len("n_new"), on=columns, how="inner", nulls_equal=True)
    )
    kept = int(counts.select(pl.min_horizontal("n_old", "n_new").sum()).item() or 0)
    gone = old.height - kept
    if gone == 0 and old.height == new.height:
        differs = [old[name].ne_missing(new[name]) for name in columns]
        return kept, int(pl.DataFrame(differs).select(pl.any_horizontal(pl.all()).sum()).item())
    return kept, gone
