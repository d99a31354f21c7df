"""Toy training sets of several symbols and sessions, and a plain frame of what they hold.

Their table has the shape of the real one, and stays as it is when that one gains a column.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import dataframely as dy
import numpy as np
import polars as pl

from quant_assets.lineage.records import Lineage
from quant_assets.market.columns import day, flag, instant, real
from quant_assets.market.tables import Table
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Lake

FEATURES = ("fast", "slow")
FIRST = date(2023, 12, 28)
"""So that a few sessions lie in two years."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = 60 * 10**9


def toy_table(features: Sequence[str]) -> Table:
    """Return the table of a list of features."""
    columns: dict[str, dy.Column] = {
        "session": day("the session"),
        "bar_start": instant("start of the bar", key=True),
        **{name: real(name, unit="1", nullable=True) for name in features},
        "label": dy.Int8(nullable=False),
        "label_end": instant("end of the label"),
        "label_return": real("return", unit="1"),
        "weight": real("weight", unit="1"),
        "final": flag("whether it may not change"),
    }
    schema = type("ToySchema", (dy.Schema,), {"__module__": __name__, **columns})
    return Table("training_set", schema, ("dataset", "timeframe", "symbol"), ("bar_start",))


def sessions(count: int, *, first: date = FIRST) -> list[date]:
    """Return consecutive days."""
    return [first + timedelta(days=n) for n in range(count)]


def day_rows(
    seed: int, session: date, *, count: int = 4, features: Sequence[str] = FEATURES
) -> pl.DataFrame:
    """Return seeded rows of one session: instants to the nanosecond, nulls, and a signed zero."""
    rng = np.random.default_rng([seed, session.toordinal()])
    midnight = (session - _EPOCH.date()).days * 24 * 60 * _MINUTE
    start = midnight + np.arange(count) * _MINUTE + 7
    values = {
        name: pl.Series(rng.normal(size=count)).scatter(n % count, None)
        for n, name in enumerate(features)
    }
    instants = {"bar_start": start, "label_end": start + rng.integers(1, 9, count) * _MINUTE}
    frame = pl.DataFrame(
        {
            "session": pl.Series([session] * count, dtype=pl.Date),
            **values,
            "label": pl.Series(rng.integers(-1, 2, count), dtype=pl.Int8),
            "label_return": np.where(np.arange(count) == 1, -0.0, rng.normal(size=count)),
            "weight": rng.random(count),
            "final": rng.random(count) < 0.9,
            **instants,
        }
    )
    return frame.with_columns(pl.col(list(instants)).cast(pl.Datetime("ns", "UTC")))


def put_day(
    lake: Lake,
    symbol: str,
    session: date,
    *,
    seed: int = 1,
    dataset: str = "up",
    features: Sequence[str] = FEATURES,
) -> Entry:
    """Commit one session of a symbol; its seed is the symbol's too."""
    levels = {"dataset": dataset, "timeframe": "1m", "symbol": symbol}
    rows = day_rows(seed + sum(symbol.encode()), session, features=features)
    table = toy_table(features)
    return lake.commit(table, levels, rows, Lineage(code_version="c0de"), session=session).entry


def put_days(lake: Lake, symbols: Iterable[str], days: Iterable[date]) -> list[Entry]:
    """Commit sessions of several symbols."""
    chosen = list(days)
    return [put_day(lake, symbol, day) for symbol in symbols for day in chosen]


def plain_rows(symbols: Iterable[str], days: Iterable[date], *, seed: int = 1) -> pl.DataFrame:
    """Return the rows that `put_days` stores, in their order, sorted by Python alone."""
    names = ["session", "bar_start", *FEATURES, "label", "label_end", "label_return", "weight"]
    parts = [
        (day_rows(seed + sum(symbol.encode()), day).select(*names, "final"), symbol)
        for symbol in symbols
        for day in days
    ]
    rows = [(*row, symbol) for frame, symbol in parts for row in _exact(frame)]
    schema = {**parts[0][0].schema, "symbol": pl.String}
    instants = dict.fromkeys(("bar_start", "label_end"), pl.Int64)
    ordered = sorted(rows, key=lambda row: (row[1], row[-1]))
    return pl.DataFrame(ordered, schema={**schema, **instants}, orient="row").cast(schema)


def _exact(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    """Return rows whose instants are whole nanoseconds: Python's own know none."""
    return frame.with_columns(pl.col(pl.Datetime).dt.epoch("ns")).rows()
