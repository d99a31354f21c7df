"""Landed and cleaned trades for tests, written as short rows."""

from datetime import date

import polars as pl

from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.ticks.schema import CLEAN_TICKS, RAW_TICKS

SESSION = date(2024, 1, 3)
SESSION_NS = (SESSION - date(1970, 1, 1)).days * 86_400_000_000_000


def fixed(price: float | None) -> int | None:
    """Return a price as a count of 1e-9."""
    return None if price is None else round(price * PRICE_SCALE)


def raw_ticks(*rows: dict) -> pl.DataFrame:
    """Return table `raw_ticks`: each row names what differs from one lot at 100."""
    base = {
        "session": SESSION,
        "ts": 0,
        "ts_recv": None,
        "price": 100.0,
        "bid": None,
        "ask": None,
        "qty": 1.0,
        "bid_qty": None,
        "ask_qty": None,
        "side": "unknown",
        "outside_hours": False,
    }
    full = [base | {"seq": seq} | row for seq, row in enumerate(rows)]
    for row in full:
        row["ts"] += SESSION_NS
        row |= {name: fixed(row[name]) for name in ("price", "bid", "ask")}
    schema = RAW_TICKS.empty().schema
    physical = dict(schema) | {"ts": pl.Int64}
    return pl.DataFrame(full, schema=physical, strict=False).cast({"ts": schema["ts"]})


def clean(*rows: dict, contract: str | None = "GCZ13") -> pl.DataFrame:
    """Return table `clean_ticks` of the same short rows."""
    return CLEAN_TICKS.check(
        raw_ticks(*rows).with_columns(
            contract=pl.lit(contract, dtype=pl.String),
            side_method=pl.lit("none", dtype=CLEAN_TICKS.empty().schema["side_method"]),
            repeats=pl.lit(value=False),
            no_spread=pl.lit(value=False),
        )
    )


def instrument(**changes) -> Instrument:
    """Return gold futures with a tick of 0.1, changed."""
    values = {
        "symbol": "GC",
        "asset_class": AssetClass.FUTURE,
        "calendar": "CME_METALS",
        "tick_size": 0.1,
        "pip_size": None,
        "multiplier": 100.0,
        "currency": "USD",
        "qty_scale": 1.0,
        "known": True,
    }
    return Instrument(**(values | changes))
