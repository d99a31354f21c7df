"""Features of a session of many symbols on one core, against pandas and TA-Lib; then a new day.

Both sides start from bars in memory, all of them of one session and its look-back, and give the
same columns: those of TA-Lib to the bit, the others within 1e-9.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd  # noqa: TID253  the reference's own form
import polars as pl
import talib  # noqa: TID253

from quant_assets.features.standard import standard_catalog
from quant_assets.features.window import compute_features, required_look_back_bars
from quant_assets_tests.benchmarks import features_day, features_pandas
from quant_assets_tests.benchmarks.features_windows import (
    SESSION,
    TIMEFRAME,
    Windows,
    made_windows,
)
from quant_assets_tests.benchmarks.measure import (
    Contest,
    ResultsDifferError,
    Side,
    compete,
    equal,
    say,
)

TARGET = 3.0
_SYMBOLS, _QUICK_SYMBOLS = 100, 10
_REPEATS, _SHARE_REPEATS = 2, 5
_SESSIONS = {"a session of stocks": 390, "a session of a future": 1380}
_NAMES = (*features_pandas.BY_TALIB, *features_pandas.BY_PANDAS)
_TOLERANCE = 1e-9


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Compare both lengths of a session, then a new day with all of them."""
    count = _QUICK_SYMBOLS if quick else _SYMBOLS
    met = []
    _say_compared()
    look_back = required_look_back_bars(_NAMES, TIMEFRAME)
    with one_core():
        for what, n_bars in _SESSIONS.items():
            windows = made_windows(count, n_bars, look_back, np.random.default_rng(seed))
            met.append(_contest(folder, windows, what, n_bars, pairs))
    features_day.run(folder, quick=quick, pairs=pairs, seed=seed)
    return all(met)


@contextmanager
def one_core() -> Iterator[None]:
    """Let every thread of the process, also of Polars' pool, run on one processor alone."""
    before = os.sched_getaffinity(0)
    tasks = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    try:
        for task in tasks:
            os.sched_setaffinity(task, {min(before)})
        yield
    finally:
        for task in tasks:
            os.sched_setaffinity(task, before)


def _contest(folder: Path, windows: Windows, what: str, n_bars: int, pairs: int) -> bool:
    """Check that both sides give the same, and time them."""
    bars = _as_pandas(windows)
    session = pd.Timestamp(SESSION)
    ours = _ours(windows)
    for compute in (features_pandas.compute, features_pandas.compute_at_once):
        _check(ours, compute(bars, session))
    met = compete(
        Contest(
            title=f"{len(_NAMES)} features of {len(windows)} symbols, {what}: {n_bars:,} bars of "
            f"1m and {required_look_back_bars(_NAMES, TIMEFRAME)} before, one core, "
            f"{_REPEATS} times",
            unit="symbol-sessions",
            count=_REPEATS * len(windows),
            target=TARGET,
            ours=Side("compute_features", lambda _: windows, _repeated(_ours)),
            reference=Side(
                "pandas groupby and apply",
                lambda _: bars,
                _repeated(lambda frame: features_pandas.compute(frame, session)),
            ),
            others=(
                Side(
                    "pandas tuned, all at once",
                    lambda _: bars,
                    _repeated(lambda frame: features_pandas.compute_at_once(frame, session)),
                ),
            ),
            is_single_threaded=True,
            is_warm=True,
        ),
        folder,
        pairs=pairs,
    )
    _say_share(windows)
    return met


def _repeated(work: Callable[[object], object]) -> Callable[[object], None]:
    """Return work done several times, so that one run is long enough to time."""

    def repeat(given: object) -> None:
        for _ in range(_REPEATS):
            work(given)

    return repeat


def _ours(windows: Windows) -> dict[str, pl.DataFrame]:
    """Return the features of each symbol, a frame each: so they are stored."""
    return {
        symbol: compute_features(bars, session=SESSION, timeframe=TIMEFRAME, names=_NAMES)
        for symbol, bars in windows.items()
    }


def _as_pandas(windows: Windows) -> pd.DataFrame:
    """Return the same bars in the form that pandas is quickest with: one frame, categories."""
    rows = pl.concat(
        [bars.with_columns(pl.lit(symbol).alias("symbol")) for symbol, bars in windows.items()]
    )
    columns = {name: rows[name].to_numpy() for name in rows.columns if name != "symbol"}
    return pd.DataFrame({"symbol": pd.Categorical(rows["symbol"].to_list()), **columns})


def _check(by_symbol: dict[str, pl.DataFrame], theirs: pd.DataFrame) -> None:
    """Compare all columns: those of TA-Lib to the bit."""
    ours = pl.concat(by_symbol.values())
    symbols = [symbol for symbol, rows in by_symbol.items() for _ in range(rows.height)]
    equal("symbols", symbols, theirs["symbol"].tolist())
    equal(
        "starts",
        ours["bar_start"].to_numpy().tolist(),
        theirs["bar_start"].astype("int64").tolist(),
    )
    for name in _NAMES:
        mine = ours[name].fill_null(np.nan).to_numpy()
        other = theirs[name].to_numpy()
        tolerance = 0.0 if name in features_pandas.BY_TALIB else _TOLERANCE
        is_same = np.isclose(mine, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        if not is_same.all():
            idx = int(np.flatnonzero(~is_same)[0])
            raise ResultsDifferError(
                f"{name}: {mine[idx]!r} is not {other[idx]!r}, {(~is_same).sum()} differ"
            )


def _say_compared() -> None:
    """Print which features take part; every one of the catalogue does, or is named as left out."""
    left_out = [name for name in standard_catalog().names if name not in _NAMES]
    say(f"{len(_NAMES)} features: {', '.join(_NAMES)}\nnot compared: {', '.join(left_out)}\n")


def _say_share(windows: Windows) -> None:
    """Print how much of our time TA-Lib itself takes: its calls alone, on the same arrays."""
    calls = _recorded(lambda: _ours(windows))

    def talib_alone() -> None:
        for call in calls:
            call()

    alone, whole = _seconds(talib_alone), _seconds(lambda: _ours(windows))
    say(
        f"  TA-Lib's {len(calls) // len(windows)} calls a symbol alone: {1000 * alone:.1f} ms of "
        f"our {1000 * whole:.1f} ms, {alone / whole:.0%}; no target\n"
    )


def _recorded(work: Callable[[], object]) -> list[Callable[[], object]]:
    """Return the calls of TA-Lib that some work makes."""
    calls: list[Callable[[], object]] = []
    before = {name: getattr(talib, name) for name in talib.get_functions()}

    def recording(function: Callable[..., object]) -> Callable[..., object]:
        def record(*args: object, **parameters: object) -> object:
            calls.append(partial(function, *args, **parameters))
            return function(*args, **parameters)

        return record

    try:
        for name, function in before.items():
            setattr(talib, name, recording(function))
        work()
    finally:
        for name, function in before.items():
            setattr(talib, name, function)
    return calls


def _seconds(work: Callable[[], object]) -> float:
    """Return the least CPU seconds of some work: what disturbs can only add."""
    spent = []
    for _ in range(_SHARE_REPEATS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)
