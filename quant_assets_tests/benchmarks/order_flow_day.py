"""One day of an index future, a million trades with quotes: from SQLite to the flat table."""

import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from quant_assets.storage.package_data import load_calendars
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets.synthetic.futures import simulate_future
from quant_assets.synthetic.market import DEMO_MARKET
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.benchmarks import landing
from quant_assets_tests.benchmarks.measure import equal, say

_TRADES, _QUICK_TRADES = 1_620_000, 60_000
_SESSION = date(2024, 2, 6)
_ASSETS = ("roll_map", "clean_ticks", "bars", "footprint", "levels", "contract_table")


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Write the day, make all of it several times, and print what each step takes; no target."""
    trades = _QUICK_TRADES if quick else _TRADES
    path = folder / "day.sqlite"
    spec = replace(DEMO_MARKET.futures[0], ticks_per_session=trades, roll_at=1.0)
    bounds = load_calendars()[spec.calendar].bounds(_SESSION)
    contracts = simulate_future(spec, [bounds], seed=seed)
    write_tick_sqlite(path, contracts)
    rounds = [_made(folder, path) for _ in range(pairs + 1)][1:]
    active = max(frame.height for frame in contracts.values())
    whole = median(sum(spent.values()) for spent in rounds)
    say(
        f"One day of ES: {sum(f.height for f in contracts.values()):,} trades with quotes in "
        f"{len(contracts)} contracts, {active:,} of the active one, "
        f"{path.stat().st_size / 1e6:,.0f} MB of SQLite"
    )
    parts = {step: median(spent[step] for spent in rounds) for step in rounds[0]}
    say("  " + ", ".join(f"{step} {took:.2f} s" for step, took in parts.items()))
    say(f"  SQLite to contract_table in {whole:.2f} s, {pairs} rounds, medians; no target\n")
    return True


def _made(folder: Path, path: Path) -> dict[str, float]:
    """Make the day in an empty data root; return the seconds of each step."""
    with TemporaryDirectory(dir=folder) as name:
        workspace = Workspace.open(Path(name))
        began = time.perf_counter()
        landing.ingest(workspace, path)
        spent = {"ingest": time.perf_counter() - began}
        for asset in _ASSETS:
            began = time.perf_counter()
            (outcome,) = make_range(workspace, recipes()[asset], [Key("ES", _SESSION)])
            spent[asset] = time.perf_counter() - began
            equal(f"how {asset} ended", outcome.status.value, "made")
        _check_volume(workspace)
    return spent


def _check_volume(workspace: Workspace) -> None:
    """Compare the volume of the cleaned ticks with that of bars, rows and the flat table."""
    volumes = {}
    for table, column in (
        ("clean_ticks", "qty"),
        ("bars", "volume"),
        ("footprint_bars", "volume"),
        ("profiles", "volume"),
        ("contract_table", "volume"),
    ):
        entries = workspace.lake.index.entries(table, symbol="ES")
        volumes[table] = sum(float(workspace.lake.read(e)[column].sum()) for e in entries)
    equal("volume of every table", set(volumes.values()), {volumes["clean_ticks"]})
