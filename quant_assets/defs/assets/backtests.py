"""Backtests of strategies on their out-of-sample predictions, and their tear sheets."""

import dagster as dg

from quant_assets.defs.partitions import STRATEGIES
from quant_assets.defs.pictures import as_metadata
from quant_assets.execution.costs import REALISM_LEVELS
from quant_assets.lineage.fingerprint import combined_version
from quant_assets.optimization.trials import Trial
from quant_assets.reports.pictures import draw_equity
from quant_assets.reports.trial_pictures import draw_tear_sheet
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.pages import write_tear_sheet
from quant_assets.workflows.strategies import strategy
from quant_assets.workflows.strategy_backtest import run_simulation
from quant_assets.workflows.timings import Stopwatch


@dg.asset(
    group_name=Stage.BACKTESTS.value,
    deps=[
        dg.AssetDep("signals", partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep("bars", partition_mapping=dg.AllPartitionMapping()),
    ],
    partitions_def=STRATEGIES,
    kinds={"numba", "parquet"},
)
def backtest(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> dg.MaterializeResult[None]:
    """Trades and marked-to-market equity: signal at a bar's close, fill on the next bar.

    Only what is out of sample is traded, at the realism that the strategy asks for; the ladder
    tells what the other levels would have left.
    """
    opened = workspace.open()
    chosen = strategy(opened, context.partition_key)
    watch = Stopwatch(opened, "backtest")
    stored = run_simulation(opened, chosen, progress=context.log.info)
    watch.stop(is_new=stored.is_new)
    equity = opened.lake.read(stored.equity)
    source = ", synthetic data" if stored.equity.synthetic else ""
    metrics = {
        f"metric_{name}": round(float(value), 6)
        for name, value in stored.trial.metrics.items()
        if value is not None
    }
    return dg.MaterializeResult(
        data_version=dg.DataVersion(
            combined_version({e.name: e.data_version for e in (stored.trades, stored.equity)})
        ),
        metadata={
            "status": "made" if stored.is_new else "kept",
            "trial_id": stored.trial.trial_id,
            "trades": stored.trades.rows,
            "symbols": ", ".join(stored.trial.symbols),
            "realism": stored.trial.realism,
            "realism_ladder": dg.MetadataValue.md(ladder_table(stored.trial)),
            "orders_not_filled": _reasons(stored.trial),
            "first_session": stored.trial.first_session.isoformat(),
            "last_session": stored.trial.last_session.isoformat(),
            "synthetic": stored.equity.synthetic,
            "equity": as_metadata(draw_equity(equity, title=f"{chosen.name}: equity{source}")),
            **metrics,
        },
    )


def ladder_table(trial: Trial) -> str:
    """Return the result at each level of realism as a Markdown table."""
    lines = ["| realism | Sharpe | net | trades |", "| --- | --- | --- | --- |"]
    for level in REALISM_LEVELS:
        if rung := trial.ladder.get(level):
            sharpe, net, trades = (rung[name] for name in ("sharpe", "net", "n_trades"))
            told = "-" if sharpe is None else f"{sharpe:.2f}"
            lines.append(f"| {level} | {told} | {net or 0.0:,.2f} | {trades or 0:,.0f} |")
    return "\n".join(lines)


def _reasons(trial: Trial) -> str:
    """Return how many orders were not filled, by reason."""
    told = (f"{count:,} {reason}" for reason, count in sorted(trial.unfilled.items()))
    return ", ".join(told) or "none"


@dg.asset(
    group_name=Stage.BACKTESTS.value, deps=["backtest"], partitions_def=STRATEGIES, kinds={"html"}
)
def tear_sheet(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> dg.MaterializeResult[None]:
    """One page a strategy that makes no request: equity, drawdown, costs, trades, provenance."""
    opened = workspace.open()
    chosen = strategy(opened, context.partition_key)
    stored = run_simulation(opened, chosen)
    watch = Stopwatch(opened, "tear_sheet")
    page = write_tear_sheet(opened, chosen, stored)
    watch.stop(is_new=page.is_new)
    source = ", synthetic data" if stored.equity.synthetic else ""
    glance = draw_tear_sheet(
        opened.lake.read(stored.equity),
        opened.lake.read(stored.trades)["net"].to_list(),
        title=f"{chosen.name}, realism {stored.trial.realism}{source}",
    )
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.trial.trial_id),
        metadata={
            "status": "made" if page.is_new else "kept",
            "page": dg.MetadataValue.path(str(page.path)),
            "bytes": page.path.stat().st_size,
            "at_a_glance": as_metadata(glance),
            "trial_id": stored.trial.trial_id,
        },
    )
