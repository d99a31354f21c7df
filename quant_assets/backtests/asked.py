"""What signals ask for, put beside the bars that they were decided on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.market.errors import StrategyError


@dataclass(frozen=True)
class Asked:
    """What is asked for on a symbol's bars.

    Parameters
    ----------
    signals
        In the columns of SIGNALS.
    starts_ns, is_oos
        Of each signal: start of its bar, int64 (n,); whether it is out of sample, bool (n,).
    place
        Of each bar of the symbol: the row of its signal, -1 where it has none; int64 (n_bars,).
    """

    signals: pl.DataFrame
    starts_ns: np.ndarray
    is_oos: np.ndarray
    place: np.ndarray


def asked_of(symbol: str, bar_starts_ns: np.ndarray, signals: pl.DataFrame) -> Asked:
    """Find the bar of each signal.

    Parameters
    ----------
    bar_starts_ns : int64 array of shape (n_bars,)
        Starts of the symbol's bars, ascending.

    Raises
    ------
    StrategyError
        If an out-of-sample signal has no bar, or a bar has two signals.
    """
    starts_ns = signals["bar_start"].cast(pl.Int64).to_numpy()
    is_oos = signals["is_oos"].to_numpy()
    at = np.minimum(np.searchsorted(bar_starts_ns, starts_ns), len(bar_starts_ns) - 1)
    has_bar = bar_starts_ns[at] == starts_ns
    orphans = int((is_oos & ~has_bar).sum())
    if orphans or np.unique(starts_ns).size != starts_ns.size:
        raise StrategyError(
            asked=f"trade {symbol}",
            found=f"{orphans} signals have no bar, or a bar has two signals",
            remedy="Make features and signals again: they do not belong to these bars.",
        )
    place = np.full(len(bar_starts_ns), -1, dtype=np.int64)
    place[at[has_bar]] = np.flatnonzero(has_bar)
    return Asked(signals, starts_ns, is_oos, place)


def placed(asked: Sequence[Asked], numbers: np.ndarray, n_last: int) -> list[pl.Series]:
    """Return what is asked for at the close of the last rows of a timeline.

    Parameters
    ----------
    asked
        By symbol number.
    numbers : int64 array of shape (n,)
        Symbol number of each row.

    Returns
    -------
    list of Series
        wanted, the side of out-of-sample signals and else 0; is_oos; chance and model_version,
        null where there is no signal; each of `n_last` rows.
    """
    # A row without a signal takes the one that is put behind all others, and asks for nothing.
    offset = np.cumsum([0, *(one.signals.height for one in asked)])
    at = np.empty(len(numbers), dtype=np.int64)
    for number, one in enumerate(asked):
        at[numbers == number] = np.where(one.place < 0, offset[-1], one.place + offset[number])
    rows = at[len(at) - n_last :]
    is_oos = np.append(np.concatenate([one.is_oos for one in asked]), False)[rows]
    sides = np.concatenate([one.signals["side"].to_numpy() for one in asked])
    return [
        pl.Series("wanted", np.where(is_oos, np.append(sides, np.int8(0))[rows], np.int8(0))),
        pl.Series("is_oos", is_oos),
        _gathered("chance", asked, rows),
        _gathered("model_version", asked, rows),
    ]


def _gathered(name: str, asked: Sequence[Asked], rows: np.ndarray) -> pl.Series:
    """Return a column of all signals at some rows; the row behind the last is null."""
    parts = [one.signals[name] for one in asked]
    dtype = parts[0].dtype
    if all(part.null_count() == part.len() for part in parts):
        return pl.Series(name, [None], dtype=dtype).new_from_index(0, len(rows))
    return pl.concat([*parts, pl.Series(name, [None], dtype=dtype)])[rows]
