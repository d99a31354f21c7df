"""One row a bar: order flow and levels joined to it, and the context up to the bar's end.

Contract: a row knows its own bar, the bars of its session before it, and totals of earlier
sessions. Nothing of a later bar enters it.
"""

import polars as pl

from quant_assets.contracts.schema import (
    CONTRACT_TABLE,
    LEVEL_COLUMNS,
    ORDER_FLOW_COLUMNS,
    STRETCHES,
)
from quant_assets.contracts.totals import NOTHING_BEFORE, Before
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import SchemaError
from quant_assets.market.timeframes import Timeframe


def flatten_session(
    bars: pl.DataFrame,
    *,
    timeframe: Timeframe,
    next_start_ns: int,
    order_flow: pl.DataFrame | None = None,
    levels: pl.DataFrame | None = None,
    week: Before = NOTHING_BEFORE,
    contract: Before = NOTHING_BEFORE,
) -> pl.DataFrame:
    """Return the flat rows of one session, in the columns of `CONTRACT_TABLE`.

    Parameters
    ----------
    bars
        All bars of one session, in the columns of `BARS`.
    next_start_ns
        Start of the next session, at which a `1d` bar is known.
    order_flow
        Its footprint bars; None, or no row of a bar, leaves the bar's order flow null. A row of
        no bar is left out: bars of a vendor may know fewer of them than the trades.
    levels
        Its levels, made from the very same bars.
    week, contract
        What the sessions of the ISO week and of the contract period before this one came to.

    Returns
    -------
    DataFrame
        One row a bar, no more and no fewer. The context of `day_*`, `week_*` and `contract_*` is
        that up to the bar's end; sums run in row order. A delta is null from the first bar on
        whose own is not known.

    Raises
    ------
    SchemaError
        If a bar has two rows on one side, or levels speak of bars that are not there.
    """
    end = pl.col("bar_start").to_physical() + timeframe.ns
    if timeframe.is_daily:
        end = pl.lit(next_start_ns)
    rows = bars.sort("bar_start").with_columns(known_at=end.cast(UTC_NS))
    if levels is not None and (foreign := levels.join(rows, on="bar_start", how="anti").height):
        raise _unlike(rows, f"{foreign} rows of levels are of no bar")
    joined = _joined(rows, order_flow, ORDER_FLOW_COLUMNS)
    joined = _joined(joined, levels, LEVEL_COLUMNS)
    if joined.height != bars.height:
        raise _unlike(rows, f"{joined.height} rows of {bars.height} bars")
    befores = dict(zip(STRETCHES, (NOTHING_BEFORE, week, contract), strict=True))
    told = joined.with_columns(
        column for name, before in befores.items() for column in _running(name, before)
    )
    session = pl.lit(contract.sessions + 1, pl.UInt32).alias("contract_session")
    return CONTRACT_TABLE.check(told.with_columns(session))


def _joined(rows: pl.DataFrame, side: pl.DataFrame | None, names: tuple[str, ...]) -> pl.DataFrame:
    """Put columns of another table beside the rows of the same bars; null where it has none."""
    if side is None:
        types = CONTRACT_TABLE.empty().schema
        return rows.with_columns(pl.lit(None, types[name]).alias(name) for name in names)
    chosen = side.select("bar_start", *names)
    if chosen["bar_start"].n_unique() != chosen.height:
        raise _unlike(rows, "a bar has two rows in another table")
    return rows.join(chosen, on="bar_start", how="left", maintain_order="left")


def _running(stretch: str, before: Before) -> list[pl.Expr]:
    """Return the columns of a stretch: what came before the session, and the session so far."""
    is_unknown = pl.col("delta").is_null().cast(pl.UInt32).cum_sum() > 0
    delta = pl.lit(before.delta, pl.Float64) + pl.col("delta").cum_sum()
    opened = pl.col("open").first() if before.open is None else pl.lit(before.open)
    columns = {
        "open": opened,
        "high": pl.max_horizontal(pl.lit(before.high, pl.Float64), pl.col("high").cum_max()),
        "low": pl.min_horizontal(pl.lit(before.low, pl.Float64), pl.col("low").cum_min()),
        "volume": pl.lit(before.volume) + pl.col("volume").cum_sum(),
        "delta": pl.when(~is_unknown).then(delta),
        "bars": (pl.lit(before.bars) + pl.int_range(1, pl.len() + 1)).cast(pl.UInt32),
    }
    return [column.alias(f"{stretch}_{name}") for name, column in columns.items()]


def _unlike(rows: pl.DataFrame, found: str) -> SchemaError:
    """Say that the tables of a session do not speak of the same bars."""
    session = str(rows["session"].first())
    return SchemaError(
        asked=f"one row for each of the {rows.height} bars of {session}",
        found=found,
        remedy="Make footprint and levels of this session again; if it stays, report it.",
    )
