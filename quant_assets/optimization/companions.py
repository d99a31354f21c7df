"""Trials on the same data: how many there were beside each trial, and how far they spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from quant_assets.optimization.overfitting import gained_variance
from quant_assets.optimization.trials import Trial


@dataclass(frozen=True)
class Companions:
    """The trials that share data with one trial, itself among them.

    Parameters
    ----------
    n_trials
        Those that share a symbol and whose test sessions overlap; equal returns count once.
    gained_variance
        Variance of their Sharpe ratios a session, over those above 0.
    """

    n_trials: int
    gained_variance: float


@dataclass(frozen=True)
class _Crowd:
    """What counting needs of all trials, row by row."""

    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    trades: npt.NDArray[np.bool_]
    """Whether a trial trades a symbol, of shape (n_trials, n_symbols)."""
    copy_of: npt.NDArray[np.int64]
    """Number of a trial's returns: equal for equal returns."""
    sharpes: npt.NDArray[np.float64]


def count_companions(trials: Sequence[Trial]) -> list[Companions]:
    """Return the companions of each trial, in the order given.

    Trials on the very same symbols and span have the same companions, which are counted once for
    all of them.
    """
    if not trials:
        return []
    crowd = _crowd_of(trials)
    known: dict[tuple[tuple[str, ...], date, date], Companions] = {}
    found = []
    for row, trial in enumerate(trials):
        key = trial.symbols, trial.first_session, trial.last_session
        if key not in known:
            known[key] = _beside(crowd, row)
        found.append(known[key])
    return found


def _beside(crowd: _Crowd, row: int) -> Companions:
    """Count the trials that share data with one."""
    shares = (crowd.first <= crowd.last[row]) & (crowd.last >= crowd.first[row])
    shares &= crowd.trades[:, crowd.trades[row]].any(axis=1)
    _, once = np.unique(crowd.copy_of[shares], return_index=True)
    sharpes = crowd.sharpes[shares][once]
    return Companions(len(once), gained_variance(sharpes))


def _crowd_of(trials: Sequence[Trial]) -> _Crowd:
    """Lay the trials out as arrays."""
    symbols = {symbol: place for place, symbol in enumerate(_symbols(trials))}
    trades = np.zeros((len(trials), len(symbols)), dtype=np.bool_)
    for row, trial in enumerate(trials):
        trades[row, [symbols[symbol] for symbol in trial.symbols]] = True
    numbers: dict[bytes, int] = {}
    # A trial of which no returns were kept is known by its id alone.
    returns = [trial.series.packed or trial.trial_id.encode() for trial in trials]
    # A trial without a Sharpe ratio never traded, or never varied: it was tried all the same.
    sharpes = [trial.metrics.get("sharpe_per_session") or 0.0 for trial in trials]
    return _Crowd(
        first=np.array([trial.first_session.toordinal() for trial in trials]),
        last=np.array([trial.last_session.toordinal() for trial in trials]),
        trades=trades,
        copy_of=np.array([numbers.setdefault(one, len(numbers)) for one in returns]),
        sharpes=np.array(sharpes, dtype=np.float64),
    )


def _symbols(trials: Sequence[Trial]) -> list[str]:
    """Return the symbols that any trial trades."""
    return sorted({symbol for trial in trials for symbol in trial.symbols})
