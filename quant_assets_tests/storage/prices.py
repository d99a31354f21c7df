"""Toy tables for the lake: prices cut by day, by year and not at all."""

from datetime import date, timedelta
from pathlib import Path

import dataframely as dy
import numpy as np
import polars as pl

from quant_assets.lineage.records import Lineage, Origin, SourceReceipt
from quant_assets.market.columns import day, real, word
from quant_assets.market.tables import Grain, Table
from quant_assets.storage.commit import no_hook, type_hook
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Lake
from quant_assets.storage.state import State

DAY = date(2024, 1, 3)
LEVELS = {"symbol": "ES"}
OLD, NEW = 1, 2


class PricesSchema(dy.Schema):
    """A price and a remark a row."""

    session = day("the session")
    row = dy.Int64(primary_key=True)
    price = real("the price", unit="1")
    remark = word("anything", nullable=True)


def _table(grain: Grain) -> Table:
    return Table(
        f"prices_by_{grain}",
        PricesSchema,
        levels=("symbol",),
        order=("row",),
        grain=grain,
    )


DAILY, YEARLY, WHOLE = (_table(grain) for grain in (Grain.DAY, Grain.YEAR, Grain.WHOLE))
TABLES = {table.grain.value: table for table in (DAILY, YEARLY, WHOLE)}


def prices(seed: int, *, session: date = DAY, count: int = 2_000) -> pl.DataFrame:
    """Return seeded rows of one session; their keys differ from those of every other one."""
    rng = np.random.default_rng(seed)
    words = np.array(["up", "down", "", "ÄÖ"])
    return pl.DataFrame(
        {
            "session": pl.Series([session], dtype=pl.Date).new_from_index(0, count),
            "row": np.arange(count) + session.toordinal() * 10_000_000,
            "price": rng.normal(size=count),
            "remark": words[rng.integers(0, 4, count)],
        }
    ).with_columns(remark=pl.when(pl.col("remark") != "").then(pl.col("remark")))


def lineage(seed: int) -> Lineage:
    """Return what rows of a seed were made from."""
    return Lineage(
        code_version="c0de",
        parameters={"seed": seed, "width": 0.1},
        inputs={f"raw/{n}": f"v{seed}{n}" for n in range(3)},
        sources=(SourceReceipt("ab", "b.csv"), SourceReceipt("aa", "a.csv")),
        origin=Origin(synthetic=True, seed=seed),
        final_through=DAY + timedelta(days=1),
        stats={"volume": 0.1 * seed},
    )


def open_lake(root: Path, *, hook: type_hook = no_hook) -> Lake:
    """Open the lake of a data root."""
    return Lake(root / "lake", State.at(root / "state.db"), hook=hook)


def put(lake: Lake, table: Table, seed: int, *, session: date = DAY, count: int = 2_000) -> Entry:
    """Commit seeded rows of one session."""
    rows = prices(seed, session=session, count=count)
    return lake.commit(table, LEVELS, rows, lineage(seed), session=session).entry


def visible(root: Path) -> dict[str, bytes]:
    """Return every file of the lake that a reader could see, by its path under the lake."""
    lake = root / "lake"
    files = {p.relative_to(lake): p for p in lake.rglob("*") if p.is_file()}
    return {
        relative.as_posix(): file.read_bytes()
        for relative, file in sorted(files.items())
        if relative.parts[0] != ".tmp"
    }


def indexed(lake: Lake) -> list[Entry]:
    """Return all that the index holds."""
    return [entry for table in lake.index.tables() for entry in lake.index.entries(table)]
