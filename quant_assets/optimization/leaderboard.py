"""The leaderboard: every completed trial, its Sharpe ratio deflated by all trials on its data."""

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from quant_assets.execution.costs import REALISM_LEVELS
from quant_assets.optimization.companions import Companions, count_companions
from quant_assets.optimization.cscv import Overfitting, cross_validate_trials
from quant_assets.optimization.overfitting import (
    deflate,
    minimum_track_record,
    probabilistic_sharpe,
)
from quant_assets.optimization.schema import LEADERBOARD
from quant_assets.optimization.trials import Trial


def build_leaderboard(
    trials: Sequence[Trial],
    *,
    stale: Collection[str] = frozenset(),
    sweeps: Mapping[str, Collection[str]] | None = None,
) -> pl.DataFrame:
    """Return one row a completed trial.

    Parameters
    ----------
    trials
        All trials that were ever computed: each counts against the others on its data.
    stale
        Ids of trials of which something upstream has changed.
    sweeps
        Ids of the trials of each sweep, those among them that an earlier one has computed; by
        default each trial belongs to the sweep that it names.

    Returns
    -------
    DataFrame
        In the columns of LEADERBOARD, in order of trial_id; `rank_leaderboard` sorts it.
    """
    unique = {trial.trial_id: trial for trial in trials if trial.state == "completed"}
    done = [unique[key] for key in sorted(unique)]
    overfitting = overfitting_of_sweeps(done, sweeps=sweeps)
    homes = _homes(done, sweeps or {})
    rows = [
        _row(
            trial,
            companions,
            sweep=homes.get(trial.trial_id),
            overfitting=overfitting.get(homes.get(trial.trial_id, "")),
            is_stale=trial.trial_id in stale,
        )
        for trial, companions in zip(done, count_companions(done), strict=True)
    ]
    return LEADERBOARD.check(pl.DataFrame(rows, schema=dict(LEADERBOARD.empty().schema)))


def rank_leaderboard(board: pl.DataFrame, *, by: str = "dsr") -> pl.DataFrame:
    """Return the rows sorted by a column, best first, nulls last, ties by trial_id.

    Where less is better (`LESS_IS_BETTER`) the lowest stands first.
    """
    descending = [by not in LESS_IS_BETTER, False]
    return board.sort(by, "trial_id", descending=descending, nulls_last=True)


LESS_IS_BETTER = frozenset({"pbo", "min_track", "n_trials"})
"""Columns whose lowest value is the best; a drawdown is negative, so its highest is."""


def overfitting_of_sweeps(
    trials: Sequence[Trial], *, sweeps: Mapping[str, Collection[str]] | None = None
) -> dict[str, Overfitting]:
    """Return the probability of overfitting of each sweep, over its trials' common sessions."""
    if sweeps is None:
        named = {trial.sweep for trial in trials if trial.sweep is not None}
        groups = {name: [one for one in trials if one.sweep == name] for name in sorted(named)}
    else:
        by_id = {trial.trial_id: trial for trial in trials}
        groups = {
            name: [by_id[one] for one in sorted(set(ids)) if one in by_id]
            for name, ids in sorted(sweeps.items())
        }
    return {
        name: cross_validate_trials([trial.series for trial in group])
        for name, group in groups.items()
    }


def _homes(trials: Sequence[Trial], sweeps: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return the sweep that each trial is shown under: its own, else the first that has it."""
    homes = {one: name for name in sorted(sweeps, reverse=True) for one in sweeps[name]}
    return homes | {trial.trial_id: trial.sweep for trial in trials if trial.sweep is not None}


def _row(
    trial: Trial,
    companions: Companions,
    *,
    sweep: str | None,
    overfitting: Overfitting | None,
    is_stale: bool,
) -> dict[str, object]:
    """Return one row; a Sharpe ratio that is not defined leaves what follows from it null."""
    metrics = trial.metrics
    rungs = {f"sharpe_{level}": _sharpe_at(trial, level) for level in REALISM_LEVELS}
    return {
        "trial_id": trial.trial_id,
        "strategy": trial.strategy,
        "sweep": sweep,
        "realism": trial.realism,
        "sharpe": metrics.get("sharpe"),
        **rungs,
        "net": metrics.get("net"),
        "max_drawdown": metrics.get("max_drawdown"),
        "n_trades": int(metrics.get("n_trades") or 0),
        "n_sessions": int(metrics.get("n_sessions") or 0),
        **_believed(metrics, companions),
        "pbo": overfitting.pbo if overfitting else None,
        "pbo_note": overfitting.note if overfitting else None,
        "n_trials": companions.n_trials,
        "quality_share": trial.quality_share,
        "is_stale": is_stale,
        "data_version": trial.data_hash,
        "model_version": trial.model_version,
        "code_version": trial.code_version,
    }


def _believed(
    metrics: Mapping[str, float | None], companions: Companions
) -> dict[str, float | None]:
    """Return what is to be believed of a trial's Sharpe ratio."""
    sharpe = metrics.get("sharpe_per_session")
    if sharpe is None:
        return {"psr": None, "dsr": None, "min_track": None}
    shape = {
        "skewness": metrics.get("skewness") or 0.0,
        "kurtosis": metrics.get("kurtosis") or 3.0,
    }
    n_returns = int(metrics.get("n_sessions") or 0)
    return {
        "psr": probabilistic_sharpe(sharpe, n_returns=n_returns, **shape),
        "dsr": deflate(
            sharpe,
            n_returns=n_returns,
            n_trials=companions.n_trials,
            gained_variance=companions.gained_variance,
            **shape,
        ),
        "min_track": minimum_track_record(sharpe, **shape),
    }


def _sharpe_at(trial: Trial, level: str) -> float | None:
    """Return the Sharpe ratio at one level of realism; a trial's own level was always run."""
    if level == trial.realism:
        return trial.metrics.get("sharpe")
    return trial.ladder.get(level, {}).get("sharpe")
