"""What cleaning a large tick database takes of memory, measured in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.sessions import SessionCalendar
from quant_assets.storage.package_data import load_calendars
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets_tests.benchmarks.measure import equal, say

MOST_MB = 2_500
_SESSIONS = 20
_ROWS, _QUICK_ROWS = 2_100_000, 42_000
_MONTHS = {"G": 2, "J": 4, "M": 6, "Q": 8, "V": 10, "Z": 12}
_CODES = tuple(f"GC{letter}{year}" for year in (10, 11, 12, 13) for letter in _MONTHS)
_TICK = 100_000_000

_CHILD = """
import sys
from pathlib import Path
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.benchmarks.cleaning import clean_file
workspace = Workspace.open(Path(sys.argv[2]))
report, outcomes = clean_file(workspace, Path(sys.argv[1]))
lines = Path("/proc/self/status").read_text().splitlines()
peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
made = sum(one.rows for one in outcomes if one.status.value == "made")
print(report.committed, made, peak / 1024)
"""


class _Contracts(Mapping[str, pl.DataFrame]):
    """Ticks by contract, made when they are asked for: all of them would fill the memory."""

    def __init__(self, rows: int, seed: int) -> None:
        self._rows = rows
        self._seed = seed
        self._calendar = load_calendars()["CME_METALS"]

    def __len__(self) -> int:
        return len(_CODES)

    def __iter__(self) -> Iterator[str]:
        return iter(_CODES)

    def __getitem__(self, code: str) -> pl.DataFrame:
        """Return a walk over the sessions of the month two before the contract's own."""
        rng = np.random.default_rng([self._seed, _CODES.index(code)])
        price = 1_300_000_000_000 + _TICK * np.cumsum(rng.integers(-1, 2, self._rows))
        return pl.DataFrame(
            {
                "ts": pl.Series(_stamps(self._calendar, code, self._rows, rng)).cast(UTC_NS),
                "price": price,
                "qty": rng.integers(1, 50, self._rows).astype(np.float64),
                "bid": price - _TICK,
                "ask": price + _TICK,
                "bid_qty": rng.integers(1, 200, self._rows).astype(np.float64),
                "ask_qty": rng.integers(1, 200, self._rows).astype(np.float64),
            }
        )


def _stamps(
    calendar: SessionCalendar, code: str, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Return ascending instants within the opening hours of up to twenty sessions."""
    month, year = _MONTHS[code[2]] - 2, 2000 + int(code[3:])
    if month < 1:
        month, year = month + 12, year - 1
    sessions = calendar.between(date(year, month, 1), date(year, month, 28))[:_SESSIONS]
    spans = [calendar.bounds(session) for session in sessions]
    each = np.diff(np.linspace(0, count, len(spans) + 1).astype(np.int64))
    return np.concatenate(
        [
            np.sort(rng.integers(one.open_ns, one.close_ns, n)) // 1000 * 1000
            for one, n in zip(spans, each, strict=True)
        ]
    )


def run(folder: Path, *, quick: bool, seed: int) -> bool:
    """Write a database of many contracts, clean it in a fresh process, and print its peak."""
    rows = _QUICK_ROWS if quick else _ROWS
    path = folder / "large.sqlite"
    began = time.perf_counter()
    write_tick_sqlite(path, _Contracts(rows, seed))
    wrote = time.perf_counter() - began
    size = path.stat().st_size / 1e6
    with TemporaryDirectory(dir=folder) as name:
        (Path(name) / "settings.yaml").write_text("roll: {mode: same_day}\n", encoding="utf-8")
        began = time.perf_counter()
        words = [sys.executable, "-c", _CHILD, str(path), name]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        took = time.perf_counter() - began
    landed, made, peak = (float(word) for word in done.stdout.split())
    equal("rows landed and cleaned", (landed, made), (rows * len(_CODES),) * 2)
    path.unlink()
    fits = peak <= MOST_MB
    say(
        f"peak memory: {landed:,.0f} ticks, {size:,.0f} MB (written in {wrote:.0f} s), "
        f"cleaned in {took:.0f} s: {peak:,.0f} MB, at most {MOST_MB:,} MB: "
        f"{'pass' if fits else 'SHORT'}\n"
    )
    return fits
