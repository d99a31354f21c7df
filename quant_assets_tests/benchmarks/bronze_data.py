"""Candles and grids that the possibility engine is measured on."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from quant_assets.bronze.engine import Candles, Search
from quant_assets.bronze.presets import Grid

SHARED_VARIABLE = "QUANT_SHARED"
SPREADS = {"GBPUSD1": 0.0002, "BTCUSD1": 0.0}
"""Two pips, and none."""

NS_PER_MINUTE = 60_000_000_000


@dataclass(frozen=True)
class Case:
    """A grid, and how many candles the slow side is given of it."""

    n_sl: int
    n_tp: int
    lookforward: int
    slow_entries: int
    row_entries: int

    @property
    def name(self) -> str:
        """As tables write it."""
        return f"{self.n_sl}x{self.n_tp} L{self.lookforward}"

    @property
    def grid(self) -> Grid:
        """Stops .0005-.01, targets .0005-.02."""
        return Grid(
            tuple(np.linspace(0.0005, 0.01, self.n_sl).tolist()),
            tuple(np.linspace(0.0005, 0.02, self.n_tp).tolist()),
            self.lookforward,
        )


SMALL = Case(20, 40, 200, slow_entries=2_000, row_entries=30_000)
MIDDLE = Case(50, 50, 500, slow_entries=300, row_entries=12_000)
LARGE = Case(100, 100, 500, slow_entries=150, row_entries=4_000)
HUGE = Case(200, 200, 2_000, slow_entries=15, row_entries=600)


def minutes(name: str) -> pl.DataFrame | None:
    """Return real minutes of one file, or None where real data is not there."""
    folder = os.environ.get(SHARED_VARIABLE)
    path = Path(folder or ".") / "data" / "ohlcv" / f"{name}.csv"
    if not folder or not path.is_file():
        return None
    columns = ["day", "minute", "open", "high", "low", "close", "volume"]
    rows = pl.read_csv(path, has_header=False, new_columns=columns)
    stamp = pl.concat_str("day", "minute", separator=" ")
    parsed = stamp.str.to_datetime("%Y.%m.%d %H:%M", time_unit="ns", time_zone="UTC")
    return rows.select(bar_start=parsed, high="high", low="low", close="close").cast(
        {"high": pl.Float64, "low": pl.Float64, "close": pl.Float64}
    )


def walk(count: int, seed: int) -> pl.DataFrame:
    """Return minutes of a random walk, synthetic, where real ones are not there."""
    rng = np.random.default_rng(seed)
    close = 1.58 * np.exp(np.cumsum(rng.normal(0, 0.00012, count)))
    reach = np.abs(rng.normal(0, 0.0001, (2, count)))
    stamps = pl.Series(np.arange(count) * NS_PER_MINUTE).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame(
        {"bar_start": stamps, "high": close + reach[0], "low": close - reach[1], "close": close}
    )


def search_of(bars: pl.DataFrame, case: Case, spread: float) -> Search:
    """Return the search of a case."""
    return Search(Candles.of(bars), case.grid, spread)
