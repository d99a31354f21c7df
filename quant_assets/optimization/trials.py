"""Trials: a result that was looked at, known by its content and counted once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from quant_assets.backtests.metrics import session_ends, session_returns
from quant_assets.lineage.fingerprint import canonical_json, digest_of
from quant_assets.lineage.part_fingerprints import content_versions
from quant_assets.market.errors import StrategyError
from quant_assets.optimization.return_series import NO_RETURNS, ReturnSeries
from quant_assets.optimization.schema import METRICS_TYPE, TRIALS
from quant_assets.signals.strategy import Strategy

if TYPE_CHECKING:
    from quant_assets.backtests.engine import Result

Rung = Mapping[str, float | None]
"""What a strategy showed at one level of realism: `sharpe`, `net`, `n_trades`."""

_RUNG = ("sharpe", "net", "n_trades")

_OPTIONAL = ("sweep", "ladder", "unfilled", "trade_hash")
"""Values of a row's details that trials of earlier versions lack."""


def trial_identity(
    strategy: Strategy, *, data_versions: Mapping[str, str], code_version: str
) -> str:
    """Return SHA-256 over the configuration without its name, the data and the code.

    A strategy that is only renamed, or whose file lists the same values in another order, is no
    new trial.
    """
    return digest_of(
        {
            "config": strategy.content_hash,
            "data": dict(data_versions),
            "code": code_version,
        }
    )


@dataclass(frozen=True)
class Trial:
    """One out-of-sample result.

    Parameters
    ----------
    symbols, first_session, last_session
        What was tested on: the data that other trials share with it.
    metrics
        Metrics of the backtest, by name.
    quality_share
        Share of the sessions whose data passed all checks; None where that is not known.
    sweep
        Sweep that computed it first; None for a single backtest.
    series
        Simple returns by session; empty for trials of versions that did not keep them.
    ladder
        By realism level: the same strategy on the same data, at the levels that were run.
    unfilled
        Reason code to orders not filled, or not wholly.
    trade_hash
        Data version of the trades: equal for equal trades, wherever they were computed.
    """

    trial_id: str
    strategy: str
    config: Mapping[str, Any]
    data_hash: str
    code_version: str
    metrics: Mapping[str, float | None]
    realism: str
    symbols: tuple[str, ...]
    first_session: date
    last_session: date
    model_version: str | None = None
    quality_share: float | None = None
    state: str = "completed"
    sweep: str | None = None
    series: ReturnSeries = NO_RETURNS
    ladder: Mapping[str, Rung] = field(default_factory=dict)
    unfilled: Mapping[str, int] = field(default_factory=dict)
    trade_hash: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sessions(self) -> tuple[date, ...]:
        """Sessions of the returns, ascending."""
        return self.series.sessions

    @property
    def returns(self) -> tuple[float, ...]:
        """Simple return of each session."""
        return tuple(self.series.values.tolist())

    @classmethod
    def from_result(
        cls,
        result: "Result",
        *,
        strategy: Strategy,
        trial_id: str | None = None,
        symbols: Sequence[str],
        data_versions: Mapping[str, str],
        code_version: str,
        model_version: str | None,
        quality_share: float | None = None,
        sweep: str | None = None,
        ladder: "Mapping[str, Result] | None" = None,
    ) -> Self:
        """Return the trial of a backtest.

        Parameters
        ----------
        trial_id
            Its `trial_identity`, where that is known.
        ladder
            Results of the same strategy at other levels of realism; its own is added.
        """
        held = result.equity["session"]
        sessions = held[session_ends(held)].to_list()
        rungs = {**(ladder or {}), result.realism.value: result}
        return cls(
            trial_id=trial_id
            or trial_identity(strategy, data_versions=data_versions, code_version=code_version),
            strategy=strategy.name,
            config=strategy.to_mapping(),
            data_hash=digest_of(dict(data_versions)),
            code_version=code_version,
            metrics=result.metrics,
            realism=result.realism.value,
            symbols=tuple(sorted(symbols)),
            first_session=min(sessions),
            last_session=max(sessions),
            model_version=model_version,
            quality_share=quality_share,
            sweep=sweep,
            series=ReturnSeries.of(
                sessions, session_returns(result.equity, capital=strategy.capital)
            ),
            ladder={level: _rung(one.metrics) for level, one in sorted(rungs.items())},
            unfilled=dict(result.unfilled),
            trade_hash=content_versions(result.trades, [result.trades.height])[0],
        )

    def to_row(self) -> dict[str, Any]:
        """Return the trial as a row of the state database; all but the returns is JSON."""
        return {
            "trial_id": self.trial_id,
            "strategy": self.strategy,
            "config": dict(self.config),
            "data_hash": self.data_hash,
            "code_version": self.code_version,
            "metrics": dict(self.metrics),
            "realism": self.realism,
            "state": self.state,
            "details": {
                **self.details,
                "symbols": list(self.symbols),
                "first_session": self.first_session.isoformat(),
                "last_session": self.last_session.isoformat(),
                "model_version": self.model_version,
                "quality_share": self.quality_share,
                "sweep": self.sweep,
                "ladder": {level: dict(rung) for level, rung in self.ladder.items()},
                "unfilled": dict(self.unfilled),
                "trade_hash": self.trade_hash,
            },
            "returns": self.series.packed or None,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read what `to_row` wrote.

        Raises
        ------
        StrategyError
            If the row lacks what a trial needs.
        """
        try:
            details = dict(row["details"])
            added = {name: details.pop(name) for name in _OPTIONAL if name in details}
            return cls(
                trial_id=row["trial_id"],
                strategy=row["strategy"],
                config=_mapping(row["config"]),
                data_hash=row["data_hash"],
                code_version=row["code_version"],
                metrics=_mapping(row["metrics"]),
                realism=row["realism"],
                state=row["state"],
                symbols=tuple(details.pop("symbols")),
                first_session=date.fromisoformat(details.pop("first_session")),
                last_session=date.fromisoformat(details.pop("last_session")),
                model_version=details.pop("model_version"),
                quality_share=details.pop("quality_share"),
                series=ReturnSeries(row.get("returns") or b""),
                **added,
                details=details,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StrategyError(
                asked=f"trial {str(row.get('trial_id'))[:16]!r} of the state database",
                found=f"{type(error).__name__}: {error}",
                remedy="Run the backtest again: it writes the trial anew.",
            ) from error

    def shares_data_with(self, other: "Trial") -> bool:
        """Return whether both trade a symbol in common and their test sessions overlap."""
        overlap = (
            self.first_session <= other.last_session and other.first_session <= self.last_session
        )
        return overlap and not set(self.symbols).isdisjoint(other.symbols)


def trials_frame(trials: Sequence[Trial]) -> pl.DataFrame:
    """Return the trials in the columns of TRIALS."""
    names = [f.name for f in METRICS_TYPE.fields]
    rows = [
        {
            "trial_id": trial.trial_id,
            "strategy": trial.strategy,
            "sweep": trial.sweep,
            "symbols": list(trial.symbols),
            "first_session": trial.first_session,
            "last_session": trial.last_session,
            "config": canonical_json(dict(trial.config)),
            "data_hash": trial.data_hash,
            "code_version": trial.code_version,
            "metrics": {name: trial.metrics.get(name) for name in names},
            "realism": trial.realism,
            "state": trial.state,
        }
        for trial in trials
    ]
    empty = TRIALS.empty()
    schema = dict(empty.schema) | {"metrics": METRICS_TYPE}
    return TRIALS.check(pl.DataFrame(rows, schema=schema))


def _rung(metrics: Mapping[str, float | None]) -> Rung:
    """Return what the ladder keeps of a result."""
    return {name: metrics.get(name) for name in _RUNG}


def _mapping(value: Any) -> dict[str, Any]:
    """Return a JSON column as a mapping, whether the database decoded it or not."""
    return dict(json.loads(value) if isinstance(value, str) else value)
