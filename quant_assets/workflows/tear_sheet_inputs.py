"""What a tear sheet shows beside a result: prices, regimes, and its neighbours in a sweep."""

from datetime import timedelta

import polars as pl

from quant_assets.features.regime_schema import REGIMES
from quant_assets.market.columns import UTC_NS
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.optimization.trials import Trial
from quant_assets.reports.stability import Stability
from quant_assets.reports.trade_charts import MOST_BARS
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.sweep_store import SweepStore
from quant_assets.workflows.recipes.neighbours import BARS
from quant_assets.workflows.sweep import ranked_cells
from quant_assets.workflows.sweep_cells import cells_frame
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

_DEFAULT_LABEL = "volatility_label"


def traded_prices(
    view: LakeView, strategy: Strategy, trades: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """Return of each symbol traded the last bars that a page can draw, up to its last exit.

    Sessions are read from the last one back, so that years of bars cost no more than a few days.
    """
    exits = trades.group_by("symbol").agg(pl.col("exit_ts").max()).sort("symbol")
    return {
        symbol: _last_closes(view, strategy.timeframe, symbol, pl.lit(exit_ts, UTC_NS))
        for symbol, exit_ts in exits.iter_rows()
    }


def _last_closes(view: LakeView, timeframe: str, symbol: str, until: pl.Expr) -> pl.DataFrame:
    """Return start and close of the last bars that start before an instant."""
    parts: list[pl.DataFrame] = []
    n_bars = 0
    for session in reversed(view.sessions(BARS, symbol)):
        for entry in view.at(BARS, symbol, session, timeframe=timeframe):
            own = view.read(entry, ("bar_start", "close")).filter(pl.col("bar_start") < until)
            parts.append(own)
            n_bars += own.height
        if n_bars >= MOST_BARS:
            break
    empty = pl.DataFrame(schema={"bar_start": UTC_NS, "close": pl.Float64})
    return pl.concat([empty, *parts]).sort("bar_start").tail(MOST_BARS)


def trade_regimes(view: LakeView, strategy: Strategy, trades: pl.DataFrame) -> pl.DataFrame | None:
    """Return trade_id and the regime that was known when each trade was asked for.

    The label is that of the bar whose close asked, of the strategy's own regime filter or else of
    volatility. None where the lake holds no regimes of these sessions.
    """
    column = strategy.regimes.column if strategy.regimes else _DEFAULT_LABEL
    parts = [
        _regimes_of(view, strategy.timeframe, str(symbol), own, column)
        for (symbol,), own in trades.group_by("symbol", maintain_order=True)
    ]
    known = [part for part in parts if part is not None]
    return pl.concat(known) if known else None


def _regimes_of(
    view: LakeView, timeframe: str, symbol: str, trades: pl.DataFrame, column: str
) -> pl.DataFrame | None:
    """Return the regimes of one symbol's trades; the signal may stand in the session before."""
    wanted = set(trades["session"]) | set(trades["signal_ts"].dt.date())
    wanted |= {day - timedelta(days=1) for day in wanted}
    entries = [
        entry
        for session in view.sessions(REGIMES.name, symbol)
        if session in wanted
        for entry in view.at(REGIMES.name, symbol, session, timeframe=timeframe)
    ]
    if not entries:
        return None
    labels = pl.concat([view.read(entry, ("bar_start", column)) for entry in entries])
    asked = trades.select("trade_id", "signal_ts").sort("signal_ts")
    found = asked.join_asof(
        labels.sort("bar_start"),
        left_on="signal_ts",
        right_on="bar_start",
        strategy="backward",
        allow_exact_matches=False,
    )
    return found.select("trade_id", regime=pl.col(column).cast(pl.String))


def sweep_stability(workspace: Workspace, trial: Trial) -> Stability | None:
    """Return the neighbours of a trial in the first sweep, by name, that it is a cell of."""
    store = SweepStore(workspace.state)
    name = next(iter(store.sweeps_with(trial.trial_id)), None)
    raw = None if name is None else store.spec(name)
    if raw is None:
        return None
    spec = SweepSpec.parse(raw)
    cells = cells_frame(spec, ranked_cells(workspace, spec))
    own = cells.filter(pl.col("trial_id") == trial.trial_id).row(0, named=True)
    return Stability(
        neighbours=cells.select(*spec.vary, spec.metric),
        varied=tuple(spec.vary),
        metric=spec.metric,
        own={key: own[key] for key in spec.vary},
        plateau=own["plateau"],
    )
