"""Rows set aside: what they looked like, under which rule, and where they are kept."""

from collections.abc import Sequence

import polars as pl

from quant_assets.ticks.schema import QUARANTINE
from quant_assets.workflows.landing.partition import Partition
from quant_assets.workflows.landing.spill import Spill

RAW_BYTES = 1024

_AIDS = ("place", "rule", "raw")


def quarantine_partition(partition: Partition) -> Partition:
    """Return where bad rows of a landed partition are kept; its contract does not part them."""
    levels = [("table", str(partition.table))]
    if partition.symbol:
        levels.append(("symbol", partition.symbol))
    return Partition(QUARANTINE.name, tuple(levels), partition.session)


def quarantine_rows(bad: pl.DataFrame, *, prefix: str = "") -> pl.DataFrame:
    """Return place, rule and raw of bad rows.

    Parameters
    ----------
    bad
        Rows with `place` and `rule`; where there is no `raw`, the row's values stand for it, as
        JSON of texts, so that NaN and infinities can be told apart.
    prefix
        Written before each place.
    """
    return bad.select(
        (pl.lit(prefix) + pl.col("place").cast(pl.String)).alias("place"),
        pl.col("rule").cast(pl.String),
        _cut(_raw(bad)).alias("raw"),
    )


def _raw(bad: pl.DataFrame) -> pl.Expr:
    """Return the row as it stood, or its values."""
    if "raw" in bad.columns:
        return pl.col("raw").fill_null("")
    values = [pl.col(name).cast(pl.String) for name in bad.columns if name not in _AIDS]
    return pl.struct(values).struct.json_encode()


def _cut(text: pl.Expr) -> pl.Expr:
    """Cut a text to `RAW_BYTES`, whatever bytes its characters take."""
    short, safe = text.str.slice(0, RAW_BYTES), text.str.slice(0, RAW_BYTES // 4)
    return pl.when(short.str.len_bytes() <= RAW_BYTES).then(short).otherwise(safe)


def give_homes(spill: Spill, landed: Sequence[Partition]) -> None:
    """Give rows set aside a symbol and a session where they have none of their own.

    It is the first session that the file lands rows in: of the same symbol if there is one.

    Parameters
    ----------
    landed
        Partitions that the file lands rows in, sorted; not empty.
    """
    homeless = [
        partition
        for partition in spill.partitions()
        if partition.table == QUARANTINE.name and not (partition.symbol and partition.session)
    ]
    for partition in homeless:
        own = [p for p in landed if p.symbol == partition.symbol] or list(landed)
        home = min(own, key=lambda p: (p.session or p.order, p.order))
        symbol = partition.symbol or home.symbol
        table = dict(partition.levels)["table"]
        levels = (("table", table), ("symbol", symbol))
        session = partition.session or home.session
        spill.add(Partition(QUARANTINE.name, levels, session), spill.take(partition))


def merge_quarantine(kept: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Put a file's rows among those set aside before, by file and place; its own are replaced.

    Parameters
    ----------
    kept, rows
        Rows in the table's columns; `rows` are of one file.
    """
    distinct = rows.unique(["file_sha256", "place"], keep="first", maintain_order=True)
    others = kept.filter(~pl.col("file_sha256").is_in(distinct["file_sha256"].unique().implode()))
    return pl.concat([others, distinct.select(kept.columns)])
