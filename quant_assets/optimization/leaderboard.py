"""The leaderboard: every completed trial, its Sharpe ratio deflated by all trials on its data."""

from collections.abc import Collection, Sequence

import polars as pl

from quant_assets.optimization.overfitting import (
    deflated_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from quant_assets.optimization.schema import LEADERBOARD
from quant_assets.optimization.trials import Trial


def build_leaderboard(
    trials: Sequence[Trial], *, stale: Collection[str] = frozenset()
) -> pl.DataFrame:
    """Return one row a completed trial.

    Parameters
    ----------
    trials
        All trials that were ever computed: each counts against the others on its data.
    stale
        Ids of trials of which something upstream has changed.

    Returns
    -------
    DataFrame
        In the columns of LEADERBOARD, in order of trial_id; `rank_leaderboard` sorts it. PBO is
        null: it is a figure of a sweep, not of single trials.
    """
    unique = {trial.trial_id: trial for trial in trials if trial.state == "completed"}
    done = [unique[key] for key in sorted(unique)]
    rows = [
        _row(trial, _companions(trial, done), is_stale=trial.trial_id in stale) for trial in done
    ]
    return LEADERBOARD.check(pl.DataFrame(rows, schema=dict(LEADERBOARD.empty().schema)))


def rank_leaderboard(board: pl.DataFrame, *, by: str = "dsr") -> pl.DataFrame:
    """Return the rows sorted by a column, best first, nulls last, ties by trial_id."""
    return board.sort(by, "trial_id", descending=[True, False], nulls_last=True)


def _companions(trial: Trial, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials on the same data, the trial among them."""
    return [other for other in trials if trial.shares_data_with(other)]


def _row(trial: Trial, companions: Sequence[Trial], *, is_stale: bool) -> dict[str, object]:
    """Return one row; a Sharpe ratio that is not defined leaves what follows from it null."""
    metrics = trial.metrics
    sharpe = metrics.get("sharpe_per_session")
    shape = {
        "skewness": metrics.get("skewness") or 0.0,
        "kurtosis": metrics.get("kurtosis") or 3.0,
    }
    n_returns = int(metrics.get("n_sessions") or 0)
    # A trial without a Sharpe ratio never traded, or never varied: it was tried all the same.
    others = [other.metrics.get("sharpe_per_session") or 0.0 for other in companions]
    psr = dsr = min_track = None
    if sharpe is not None:
        psr = probabilistic_sharpe(sharpe, n_returns=n_returns, **shape)
        dsr = deflated_sharpe(sharpe, n_returns=n_returns, trial_sharpes=others, **shape)
        min_track = minimum_track_record(sharpe, **shape)
    return {
        "trial_id": trial.trial_id,
        "strategy": trial.strategy,
        "sharpe": metrics.get("sharpe"),
        "psr": psr,
        "dsr": dsr,
        "pbo": None,
        "min_track": min_track,
        "n_trials": len(companions),
        "quality_share": trial.quality_share,
        "is_stale": is_stale,
        "data_version": trial.data_hash,
        "model_version": trial.model_version,
        "code_version": trial.code_version,
    }
