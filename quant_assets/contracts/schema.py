"""The flat table: one row a bar, with its order flow, its levels and the context up to its end."""

import dataframely as dy
import polars as pl

from quant_assets.bars.footprint_schema import FOOTPRINT, FOOTPRINT_BARS
from quant_assets.bars.schema import BARS
from quant_assets.levels.schema import LEVELS
from quant_assets.market.columns import day, instant, real, word
from quant_assets.market.tables import Table

KEYS = ("session", "bar_start", "known_at", "contract")
"""What a row is, and when it is known; the rest is what is known of it."""

STRETCHES = ("day", "week", "contract")
"""What the context is counted from: the session, the ISO week, the contract period."""

PRICE_COLUMNS = tuple(name for name in BARS.schema.column_names() if name not in KEYS)
"""Columns of bars."""

_IN_BARS = frozenset({"bar_end", "bid_volume", "ask_volume", *PRICE_COLUMNS, *KEYS})
"""Columns of footprint bars that bars have too, by this name or as buy and sell volume."""

ORDER_FLOW_COLUMNS = tuple(
    name for name in FOOTPRINT_BARS.schema.column_names() if name not in _IN_BARS
)
"""Columns of order flow; null together where a session was made from bars alone."""

LEVEL_COLUMNS = tuple(name for name in LEVELS.schema.column_names() if name not in KEYS)
"""Columns of levels."""

LEVEL_ENDS = ("", "_dist_ticks", "_dist_atr")
"""What a level's columns end in, in the order of `Level`."""

RUNNING_FIELDS = ("open", "high", "low", "volume", "delta", "bars")
"""What is told of a stretch so far."""

FOOTPRINT_COLUMNS = tuple(
    name for name in FOOTPRINT.schema.column_names() if name not in {"session", "bar_start"}
)
"""Columns of a bar's footprint, one row a price."""


def level_columns(name: str) -> tuple[str, ...]:
    """Return the columns of a level, in the order of `Level`."""
    return tuple(f"{name}{end}" for end in LEVEL_ENDS)


def running_columns(stretch: str) -> tuple[str, ...]:
    """Return the columns of a stretch so far, in the order of `Running`."""
    return tuple(f"{stretch}_{name}" for name in RUNNING_FIELDS)


def _nullable(column: dy.Column) -> dy.Column:
    """Return a column's twin that may be null and is no key."""
    told = column.metadata or {}
    if isinstance(column, dy.Float64):
        return real(told["meaning"], unit=told["unit"], nullable=True)
    return type(column)(nullable=True, metadata=told)


def _count(meaning: str) -> dy.UInt32:
    """Declare a count."""
    return dy.UInt32(nullable=False, metadata={"unit": "count", "meaning": meaning})


def _running(stretch: str) -> dict[str, dy.Column]:
    """Return the columns of a stretch so far, this bar included."""
    told = f"of the {stretch} so far"
    return {
        f"{stretch}_open": real(f"first price {told}", unit="price"),
        f"{stretch}_high": real(f"highest price {told}", unit="price"),
        f"{stretch}_low": real(f"lowest price {told}", unit="price"),
        f"{stretch}_volume": real(f"quantity traded {told}", unit="qty"),
        f"{stretch}_delta": real(
            f"ask less bid volume {told}; null where it is not known of each bar",
            unit="qty",
            nullable=True,
        ),
        f"{stretch}_bars": _count(f"bars {told}"),
    }


def _columns() -> dict[str, dy.Column]:
    """Return the columns of the table, in order."""
    bars, levels = BARS.schema.columns(), LEVELS.schema.columns()
    flow = FOOTPRINT_BARS.schema.columns()
    columns: dict[str, dy.Column] = {
        "session": day("session that the bar belongs to"),
        "bar_start": instant("start of the bar", key=True),
        "known_at": instant("when the row is known: the bar's end"),
        "contract": word("contract; null where the symbol has none", nullable=True),
    }
    for name in PRICE_COLUMNS:
        is_whole = not bars[name].nullable
        told = bars[name].metadata or {}
        columns[name] = (
            real(told["meaning"], unit=told["unit"]) if is_whole else _nullable(bars[name])
        )
    columns |= {name: _nullable(flow[name]) for name in ORDER_FLOW_COLUMNS}
    columns |= {name: _nullable(levels[name]) for name in LEVEL_COLUMNS}
    for stretch in STRETCHES:
        columns |= _running(stretch)
    columns["contract_session"] = _count("which session of the contract period this is, from 1")
    return columns


def _order_flow_is_whole(cls: type[dy.Schema]) -> pl.Expr:
    """Hold that a bar has all of its order flow or nothing of it."""
    del cls
    nulls = pl.sum_horizontal(pl.col(name).is_null() for name in ORDER_FLOW_COLUMNS)
    return nulls.is_in([0, len(ORDER_FLOW_COLUMNS)])


def _stretches_hold_the_bar(cls: type[dy.Schema]) -> pl.Expr:
    """Hold that each stretch reaches from the bar's low or below to its high or above."""
    del cls
    return pl.all_horizontal(
        (pl.col(f"{stretch}_low") <= pl.col("low")) & (pl.col(f"{stretch}_high") >= pl.col("high"))
        for stretch in STRETCHES
    )


ContractTableSchema: type[dy.Schema] = type(
    "ContractTableSchema",
    (dy.Schema,),
    {
        "__module__": __name__,
        **_columns(),
        "order_flow_is_whole": dy.rule()(_order_flow_is_whole),
        "stretches_hold_the_bar": dy.rule()(_stretches_hold_the_bar),
    },
)

CONTRACT_TABLE = Table(
    name="contract_table",
    schema=ContractTableSchema,
    levels=("timeframe", "symbol"),
    order=("bar_start",),
)
