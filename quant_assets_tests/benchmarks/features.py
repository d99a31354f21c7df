"""Features of a session of many symbols on one core, against pandas and TA-Lib; then a new day.

Both sides start from bars in memory, all of them of one session and its look-back, and give the
same columns: those of TA-Lib to the bit, the others within 1e-9.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd  # noqa: TID253  the reference's own form
import polars as pl

from quant_assets.features.window import compute_features, required_look_back_bars
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, Timeframe
from quant_assets_tests.benchmarks import features_day, features_pandas
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
_REPEATS = 2
_SESSIONS = {"a session of stocks": 390, "a session of a future": 1380}
_TIMEFRAME = Timeframe.parse("1m")
_SESSION = date(2024, 2, 6)
_PRICES = ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "vwap")
_NAMES = (*features_pandas.BY_TALIB, *features_pandas.BY_ROLLING)
_TOLERANCE = 1e-9

Windows = dict[str, pl.DataFrame]


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Compare both lengths of a session, then a new day with all of them."""
    count = _QUICK_SYMBOLS if quick else _SYMBOLS
    met = []
    with one_core():
        for what, n_bars in _SESSIONS.items():
            windows = made_windows(count, n_bars, np.random.default_rng(seed))
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


def made_windows(count: int, n_bars: int, rng: np.random.Generator) -> Windows:
    """Return the bars of one session and of the longest look-back before it, by symbol."""
    look_back = required_look_back_bars(_NAMES, _TIMEFRAME)
    return {f"S{n:03d}": _window(look_back, n_bars, rng) for n in range(count)}


def _window(look_back: int, n_bars: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return the bars of a walk: the look-back ends a day before the session starts."""
    n = look_back + n_bars
    opens = (_SESSION - date(1970, 1, 1)).days * NS_PER_DAY
    start = np.arange(n) - look_back
    bar_start = opens + start * NS_PER_MINUTE - np.where(start < 0, NS_PER_HOUR, 0)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, n)))
    open_ = np.append(100.0, close[:-1])
    wicks = np.abs(rng.normal(0.0, 5e-5, (2, n)))
    buys, sells = rng.integers(1, 500, (2, n)).astype(np.float64)
    days = np.where(start < 0, -1, 0) + (_SESSION - date(1970, 1, 1)).days
    return pl.DataFrame(
        {
            "session": pl.Series(days.astype(np.int32)).cast(pl.Date),
            "bar_start": pl.Series(bar_start).cast(UTC_NS),
            "open": open_,
            "high": np.maximum(open_, close) * (1.0 + wicks[0]),
            "low": np.minimum(open_, close) * (1.0 - wicks[1]),
            "close": close,
            "volume": buys + sells,
            "buy_volume": buys,
            "sell_volume": sells,
            "vwap": np.where(rng.random(n) < 0.9, (open_ + close) / 2.0, np.nan),
        }
    ).with_columns(pl.col("vwap").fill_nan(None))


def _contest(folder: Path, windows: Windows, what: str, n_bars: int, pairs: int) -> bool:
    """Check that both sides give the same, and time them."""
    bars = _as_pandas(windows)
    session = pd.Timestamp(_SESSION)
    ours = _ours(windows)
    for compute in (features_pandas.compute, features_pandas.compute_at_once):
        _check(ours, compute(bars, session))
    met = compete(
        Contest(
            title=f"{len(_NAMES)} features of {len(windows)} symbols, {what}: {n_bars:,} bars of "
            f"1m and {required_look_back_bars(_NAMES, _TIMEFRAME)} before, one core, "
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


def _ours(windows: Windows) -> pl.DataFrame:
    """Return the features of all symbols in one frame."""
    return pl.concat(
        [
            compute_features(
                bars, session=_SESSION, timeframe=_TIMEFRAME, names=_NAMES
            ).with_columns(pl.lit(symbol).alias("symbol"))
            for symbol, bars in windows.items()
        ]
    )


def _as_pandas(windows: Windows) -> pd.DataFrame:
    """Return the same bars in the form that pandas is quickest with: one frame, categories."""
    rows = pl.concat(
        [bars.with_columns(pl.lit(symbol).alias("symbol")) for symbol, bars in windows.items()]
    )
    columns = {name: rows[name].to_numpy() for name in ("session", "bar_start", *_PRICES)}
    return pd.DataFrame({"symbol": pd.Categorical(rows["symbol"].to_list()), **columns})


def _check(ours: pl.DataFrame, theirs: pd.DataFrame) -> None:
    """Compare all columns: those of TA-Lib to the bit."""
    equal("symbols", ours["symbol"].to_list(), theirs["symbol"].tolist())
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


def _say_share(windows: Windows) -> None:
    """Print how much of our time TA-Lib itself takes: its calls alone, on the same arrays."""
    arrays = [
        {name: bars[name].to_numpy().copy() for name in ("high", "low", "close")}
        for bars in windows.values()
    ]
    n_inside = int((next(iter(windows.values()))["session"] == _SESSION).sum())
    tails = [
        [
            ({name: values[-n_inside - look_back :] for name, values in one.items()}, compute)
            for look_back, compute in features_pandas.BY_TALIB.values()
        ]
        for one in arrays
    ]

    def talib_alone() -> None:
        for calls in tails:
            for tail, compute in calls:
                compute(tail)

    alone, whole = _seconds(talib_alone), _seconds(lambda: _ours(windows))
    say(
        f"  TA-Lib's calls alone: {1000 * alone:.1f} ms of our {1000 * whole:.1f} ms, "
        f"{alone / whole:.0%}; no target\n"
    )


def _seconds(work: Callable[[], object]) -> float:
    """Return the median CPU seconds of some work."""
    spent = []
    for _ in range(_REPEATS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return median(spent)
