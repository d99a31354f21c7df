"""Training sets of many symbols and sessions: from compact files against day files, both loaders.

Both sides read what the index names and check its versions, and both end in one sorted frame.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from quant_assets.lineage.records import Lineage
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE
from quant_assets.storage.compaction import compact, compacted_or_days, symbol_years
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Lake
from quant_assets.storage.state import State
from quant_assets.storage.training_rows import load_rows_duckdb, load_rows_polars
from quant_assets_tests.benchmarks.measure import Contest, Side, compete, equal, say
from quant_assets_tests.storage.training_days import sessions, toy_table

TARGET = 1.0
_SYMBOLS, _DAYS, _BARS = 8, 250, 78
"""Bars of five minutes in a session of stocks."""

_QUICK_SYMBOLS, _QUICK_DAYS = 4, 30
_FEATURES = tuple(f"feature_{n:02d}" for n in range(30))
_LOADERS = {"Polars": load_rows_polars, "DuckDB": load_rows_duckdb}

Load = Callable[[Lake, list[Entry]], pl.DataFrame]


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Fill a lake, compact a copy of its index, check that all ways agree, then time them."""
    symbols, days = (_QUICK_SYMBOLS, _QUICK_DAYS) if quick else (_SYMBOLS, _DAYS)
    with TemporaryDirectory(dir=folder) as name:
        lake = Lake(Path(name) / "lake", State.at(Path(name) / "state.db"))
        entries = _filled(lake, symbols, days, np.random.default_rng(seed))
        loaded = {engine: load(lake, entries) for engine, load in _LOADERS.items()}
        equal("rows by both loaders", loaded["Polars"].equals(loaded["DuckDB"]), reference=True)
        files = [compact(lake, group) for group in symbol_years(entries).values()]
        equal("files to scan", len(compacted_or_days(lake, entries)), len(files))
        for engine, load in _LOADERS.items():
            equal(f"rows by {engine}", load(lake, entries).equals(loaded[engine]), reference=True)
        say(
            f"{len(entries):,} day files against {len(files)} compact ones; "
            f"{len(_FEATURES)} features"
        )
        met = [
            compete(_contest(lake, entries, engine, loaded[engine].height), folder, pairs=pairs)
            for engine in _LOADERS
        ]
    return all(met)


def _contest(lake: Lake, entries: list[Entry], engine: str, rows: int) -> Contest:
    """Return one loader's scan from compact files against its scan from day files."""
    cache, aside = lake.root / ".compact", lake.root / ".tmp" / "aside"

    def with_cache(_: Path) -> None:
        if aside.exists():
            aside.rename(cache)

    def without_cache(_: Path) -> None:
        if cache.exists():
            cache.rename(aside)

    def scan(_: None) -> pl.DataFrame:
        return _LOADERS[engine](lake, entries)

    def check(loaded: pl.DataFrame) -> None:
        equal("rows", loaded.height, rows)

    return Contest(
        title=f"Scan of training sets by {engine}",
        unit="rows",
        count=rows,
        target=TARGET,
        ours=Side("compact files", with_cache, scan, check),
        reference=Side("day files", without_cache, scan, check),
        is_warm=True,
    )


def _filled(lake: Lake, symbols: int, days: int, rng: np.random.Generator) -> list[Entry]:
    """Commit training sets; return their entries."""
    table = toy_table(_FEATURES)
    for n in range(symbols):
        levels = {"dataset": "bench", "timeframe": "5m", "symbol": f"S{n:02d}"}
        for number, session in enumerate(sessions(days)):
            midnight = (session.toordinal() - 719_163) * NS_PER_DAY
            start = midnight + np.arange(_BARS) * 5 * NS_PER_MINUTE
            instants = {"bar_start": start, "label_end": start + 30 * NS_PER_MINUTE}
            rows = pl.DataFrame(
                {
                    "session": pl.Series([session], dtype=pl.Date).new_from_index(0, _BARS),
                    **dict(zip(_FEATURES, rng.normal(size=(len(_FEATURES), _BARS)), strict=True)),
                    "label": pl.Series(rng.integers(-1, 2, _BARS), dtype=pl.Int8),
                    "label_return": rng.normal(size=_BARS),
                    "weight": rng.random(_BARS),
                    "final": np.full(_BARS, fill_value=True),
                    **{name: pl.Series(values).cast(UTC_NS) for name, values in instants.items()},
                }
            )
            made = Lineage(code_version="bench", parameters={"number": number})
            lake.commit(table, levels, rows, made, session=session)
    return lake.index.entries(table.name)
