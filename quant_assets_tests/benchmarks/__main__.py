"""Runs the benchmarks: `python -m quant_assets_tests.benchmarks [NAME...] [--quick]`.

Nothing timed is stored. The exit code is 0 also where a target is not met, which is said plainly,
and 1 where the results of two sides differ.
"""

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from quant_assets_tests.benchmarks.measure import ResultsDifferError, say

NAMES = (
    "startup",
    "backfill",
    "sqlite",
    "cleaning",
    "dbn",
    "bronze",
    "footprint",
    "order_flow_day",
    "features",
    "training_scan",
    "job_queue",
    "backtest_loop",
    "backtest_peers",
)
_PAIRS, _QUICK_PAIRS = 3, 2
_SEED = 7


def main() -> int:
    """Run the benchmarks that were named, or all; return the exit code."""
    asked = _arguments()
    warnings.simplefilter("ignore")
    pairs = asked.pairs or (_QUICK_PAIRS if asked.quick else _PAIRS)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    say(f"{os.cpu_count()} processors, load {load}; ratios hold within this run only\n")
    met: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="quant-bench-", dir=asked.folder) as folder:
        for name in asked.names or NAMES:
            try:
                met[name] = _benchmark(name)(
                    Path(folder), quick=asked.quick, pairs=pairs, seed=asked.seed
                )
            except ResultsDifferError as error:
                say(f"{name}: the results differ, nothing is compared.\n{error}")
                return 1
    say("; ".join(f"{name} {'pass' if good else 'SHORT'}" for name, good in met.items()))
    return 0


def _benchmark(name: str) -> Callable[..., bool]:
    """Return a benchmark; heavy modules are imported only for the one that needs them."""
    run: Callable[..., bool] = import_module(f"{__package__}.{name}").run
    return run


def _arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m quant_assets_tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, fewer pairs")
    parser.add_argument("--pairs", type=int, help="how often each side runs")
    parser.add_argument("--seed", type=int, default=_SEED, help="seed of the made data")
    parser.add_argument("--folder", type=Path, help="where temporary files are written")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(NAMES)):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
