"""Tables of trials and of the leaderboard."""

import dataframely as dy
import polars as pl

from quant_assets.backtests.metrics import METRIC_NAMES
from quant_assets.execution.costs import REALISM_LEVELS
from quant_assets.market.columns import choice, day, flag, real, word
from quant_assets.market.tables import Grain, Table

TRIAL_STATES = ("pending", "running", "completed", "failed")


class TrialsSchema(dy.Schema):
    """One row for each configuration, data and code whose out-of-sample result was computed."""

    trial_id = word("SHA-256 over configuration, data versions and code version", key=True)
    strategy = word("name of the strategy")
    sweep = word("sweep that computed it first; null for a single backtest", nullable=True)
    symbols = dy.List(
        dy.String(nullable=False),
        nullable=False,
        metadata={"unit": "symbols", "meaning": "symbols that were tested on"},
    )
    first_session = day("first session tested on")
    last_session = day("last session tested on")
    config = word("the strategy as canonical JSON")
    data_hash = word("SHA-256 over the data versions of all inputs")
    code_version = word("version of the code that computed it")
    metrics = dy.Struct(
        {name: dy.Float64(nullable=True) for name in METRIC_NAMES},
        nullable=False,
        metadata={"unit": "as named", "meaning": "metrics of the backtest"},
    )
    realism = choice(REALISM_LEVELS, "how much of a real market the fills paid for")
    state = choice(TRIAL_STATES, "state of the trial")


def _sharpe(meaning: str) -> dy.Float64:
    return real(meaning, unit="1", nullable=True)


class LeaderboardSchema(dy.Schema):
    """One row a completed trial."""

    trial_id = word("SHA-256 over configuration, data versions and code version", key=True)
    strategy = word("name of the strategy")
    sweep = word("sweep that it is a cell of; null for a single backtest", nullable=True)
    realism = choice(REALISM_LEVELS, "how much of a real market the fills paid for")
    sharpe = _sharpe("Sharpe ratio, annualised by sessions")
    sharpe_ideal = _sharpe("the same where fills cost nothing; null where that was not run")
    sharpe_spread = _sharpe("the same with half the spread and fees; null where that was not run")
    sharpe_latency = _sharpe("the same with latency besides; null where that was not run")
    sharpe_full = _sharpe("the same with impact and partial fills; null where that was not run")
    net = real("result of the closed trades after all costs", unit="currency", nullable=True)
    max_drawdown = real("deepest fall from the highest equity", unit="ratio", nullable=True)
    n_trades = dy.UInt32(nullable=False, metadata={"unit": "trades", "meaning": "closed trades"})
    n_sessions = dy.UInt32(
        nullable=False, metadata={"unit": "sessions", "meaning": "sessions with a return"}
    )
    psr = real("probability that the true Sharpe ratio is above 0", unit="0 to 1", nullable=True)
    dsr = real("the same above the best of all trials by luck", unit="0 to 1", nullable=True)
    pbo = real(
        "probability of overfitting of its sweep; null for single trials",
        unit="0 to 1",
        nullable=True,
    )
    pbo_note = word("why its sweep has no probability of overfitting", nullable=True)
    min_track = real(
        "sessions needed to believe in more than 0 at 95 %", unit="sessions", nullable=True
    )
    n_trials = dy.UInt32(
        nullable=False,
        metadata={
            "unit": "trials",
            "meaning": "trials that share a symbol and test sessions; equal returns count once",
        },
    )
    quality_share = real(
        "share of sessions whose data passed all checks", unit="0 to 1", nullable=True
    )
    is_stale = flag("whether anything upstream has changed since")
    data_version = word("SHA-256 over the data versions of all inputs")
    model_version = word("SHA-256 of the model", nullable=True)
    code_version = word("version of the code that computed it")


TRIALS = Table(
    name="trials",
    schema=TrialsSchema,
    levels=(),
    order=("trial_id",),
    grain=Grain.WHOLE,
    version=3,
)
LEADERBOARD = Table(
    name="leaderboard",
    schema=LeaderboardSchema,
    levels=(),
    order=("trial_id",),
    grain=Grain.WHOLE,
    version=2,
)

METRICS_TYPE = pl.Struct(dict.fromkeys(METRIC_NAMES, pl.Float64))
"""Type of the column `metrics`."""
