"""Open interest of each contract by date, from landed records of kind `statistics`.

A record's payload is JSON with DBN's fields `stat_type`, `quantity` and `update_action`; readers
of other formats land open interest in the same form.
"""

from collections.abc import Iterator
from datetime import date

import polars as pl

from quant_assets.market.contracts import is_contract, parse_contract

STATISTICS = "statistics"
"""Kind of the records."""

_OPEN_INTEREST = 9
"""DBN's StatType.OPEN_INTEREST."""
_NEW = 1
"""DBN's StatUpdateAction.NEW; the other one takes a figure back."""
_UNDEFINED = "9223372036854775807"
"""DBN's UNDEF_STAT_QUANTITY."""

SCHEMA = {"contract": pl.String, "date": pl.Date, "open_interest": pl.Float64}


def payload_of(quantity: pl.Expr) -> pl.Expr:
    """Return records' payload of an open interest, in contracts."""
    # The braces of the text are given as values: `format` would fill them.
    start = pl.lit('{"quantity":"')
    end = pl.lit(f'","stat_type":{_OPEN_INTEREST},"update_action":{_NEW}}}')
    return pl.concat_str(start, quantity.cast(pl.String), end)


def daily_open_interest(records: pl.DataFrame) -> pl.DataFrame:
    """Return the last open interest of each contract on each date on which one was landed.

    Parameters
    ----------
    records
        Landed records in any order but that equal stamps keep their order: date, ts, raw_symbol,
        kind, payload. Other kinds, other statistics, and records of what is no single contract
        are left out, and so is a figure that is not given or that its sender takes back.

    Returns
    -------
    DataFrame
        Columns contract, date, open_interest (contracts), by date and contract. A one-digit year
        is read by the record's date.
    """
    field = pl.col("payload").str.json_path_match
    figures = (
        records.filter(pl.col("kind") == STATISTICS)
        .with_columns(
            quantity=field("$.quantity"),
            is_one=(field("$.stat_type") == str(_OPEN_INTEREST))
            & (field("$.update_action") == str(_NEW)),
        )
        .filter(pl.col("is_one") & (pl.col("quantity") != _UNDEFINED))
        .with_columns(open_interest=pl.col("quantity").cast(pl.Float64, strict=False))
        .filter(pl.col("open_interest").is_finite() & (pl.col("open_interest") >= 0))
    )
    named = figures.join(_contracts(figures), on=["raw_symbol", "date"], how="inner")
    last = named.sort("ts", maintain_order=True).unique(["contract", "date"], keep="last")
    return last.select(SCHEMA.keys()).sort("date", "contract")


def _contracts(figures: pl.DataFrame) -> pl.DataFrame:
    """Return the contract of each raw symbol and date that names one."""
    pairs = figures.select("raw_symbol", "date").unique().rows()
    schema = {"raw_symbol": pl.String, "date": pl.Date, "contract": pl.String}
    return pl.DataFrame(list(_named(pairs)), schema=schema, orient="row")


def _named(pairs: list[tuple[str, date]]) -> Iterator[tuple[str, date, str]]:
    """Yield those that are contracts with their code of two digits."""
    for raw_symbol, on in pairs:
        if is_contract(raw_symbol):
            yield raw_symbol, on, parse_contract(raw_symbol, reference=on).code
