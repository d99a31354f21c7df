"""The tear sheet: one HTML page about one backtest, which needs nothing but itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from quant_assets.backtests.engine import Result
from quant_assets.backtests.metrics import session_returns
from quant_assets.lineage.fingerprint import combined_version
from quant_assets.optimization.trials import Rung
from quant_assets.reports.charts import (
    account_sections,
    cost_section,
    exposure_section,
    return_sections,
    trade_sections,
)
from quant_assets.reports.drawdowns import drawdown_section
from quant_assets.reports.meanings import FILLS, METRICS, figure_text
from quant_assets.reports.numbers import price, script_json
from quant_assets.reports.page import render
from quant_assets.reports.sections import Section, script_charts
from quant_assets.reports.stability import Stability, stability_sections
from quant_assets.reports.tear_tables import (
    ladder_section,
    monthly_section,
    regime_section,
    trades_section,
    unfilled_section,
)
from quant_assets.reports.templates import TEAR_SHEET
from quant_assets.reports.trade_charts import price_sections
from quant_assets.signals.sources import RandomSignal
from quant_assets.signals.strategy import Strategy

_MOST_INPUTS = 1000


@dataclass(frozen=True)
class Provenance:
    """What a page was made from, as its footer tells it.

    Parameters
    ----------
    data_versions
        Name of each input (or of each table) to its data version.
    command
        Command that makes the page again.
    market_seed
        Seed of a synthetic market, None for a real one.
    """

    data_versions: Mapping[str, str]
    code_version: str
    model_version: str | None
    command: str
    synthetic: bool
    market_seed: int | None = None


def build_tear_sheet(
    result: Result,
    *,
    strategy: Strategy,
    provenance: Provenance,
    currency: str = "USD",
    prices: Mapping[str, pl.DataFrame] | None = None,
    regimes: pl.DataFrame | None = None,
    ladder: Mapping[str, Rung] | None = None,
    stability: Stability | None = None,
) -> str:
    """Return the page as HTML; the same input gives the same bytes.

    plotly.js stands in it once, its charts have fixed ids, and its content policy forbids every
    request.

    Parameters
    ----------
    prices
        By symbol the bars it was traded on, columns bar_start and close: trades are marked on them.
    regimes
        Columns trade_id and regime, where regimes are known.
    ladder
        By realism level what the same strategy gave there, as a trial keeps it.
    stability
        Its neighbours, where it is a trial of a sweep.
    """
    from plotly.offline import get_plotlyjs

    sections = _sections(
        result,
        _session_table(result, strategy),
        currency=currency,
        prices=prices or {},
        regimes=regimes,
        ladder=ladder or {},
        stability=stability,
    )
    return render(
        TEAR_SHEET,
        title=f"Tear sheet: {strategy.name}",
        subtitle=_subtitle(result, strategy),
        synthetic=provenance.synthetic,
        metrics=_metrics(result, currency),
        sections=sections,
        charts_json=script_json(script_charts(sections)),
        provenance=_provenance_rows(result, strategy, provenance),
        inputs=sorted(provenance.data_versions.items())[:_MOST_INPUTS],
        plotly_js=get_plotlyjs(),
    )


def _sections(
    result: Result,
    returns: pl.DataFrame,
    *,
    currency: str,
    prices: Mapping[str, pl.DataFrame],
    regimes: pl.DataFrame | None,
    ladder: Mapping[str, Rung],
    stability: Stability | None,
) -> list[Section]:
    """Return the parts of the page; what needs a trade is left out where there is none."""
    account = account_sections(result, currency=currency)
    if result.trades.is_empty():
        account += [
            Section("Trades", note="No trade was made: there is nothing to draw or charge.")
        ]
    else:
        account += [
            drawdown_section(result.equity),
            monthly_section(returns),
            *return_sections(result, returns),
            exposure_section(result),
            *price_sections(result.trades, prices),
            *trade_sections(result, currency=currency),
            cost_section(result.metrics, currency=currency),
        ]
    if regimes is not None and result.trades.height:
        account += [regime_section(result.trades, regimes, currency=currency)]
    return [
        *account,
        *([ladder_section(ladder, own=result.realism, currency=currency)] if ladder else []),
        *([] if stability is None else stability_sections(stability)),
        unfilled_section(result.unfilled),
        trades_section(result),
    ]


def _subtitle(result: Result, strategy: Strategy) -> str:
    """Say what was traded, when, and how real the fills are."""
    days = [day.isoformat() for day in result.equity["session"].unique()]
    span = f"{min(days)} to {max(days)}" if days else "no session"
    return (
        f"{', '.join(sorted(result.costs))} at {strategy.timeframe}, {span}, out of sample, "
        f"realism {result.realism.value} ({FILLS[result.realism]})"
    )


def _metrics(result: Result, currency: str) -> list[tuple[str, str, str]]:
    """Return title, value and meaning of each metric that is no cost."""
    titles = {"expectancy": f"expectancy, {currency}"}
    return [
        (titles.get(name, title), figure_text(name, result.metrics[name]), f"{name}: {meaning}")
        for name, (title, meaning) in METRICS.items()
    ]


def _session_table(result: Result, strategy: Strategy) -> pl.DataFrame:
    """Return session and its return."""
    sessions = result.equity["session"].unique(maintain_order=True)
    values = session_returns(result.equity, capital=strategy.capital)
    return pl.DataFrame({"session": sessions, "return": values})


def _seeds(strategy: Strategy, provenance: Provenance) -> list[tuple[str, str]]:
    """Return every seed that the result hangs on."""
    seeds = [("seed of the booster", strategy.seed)] if strategy.learns else []
    if isinstance(strategy.signal, RandomSignal):
        seeds.append(("seed of the random signal", strategy.signal.seed))
    seeds.append(("seed of the latency's draws", strategy.execution.seed))
    if provenance.market_seed is not None:
        seeds.append(("seed of the synthetic market", provenance.market_seed))
    return [(name, str(seed)) for name, seed in seeds]


def _provenance_rows(
    result: Result, strategy: Strategy, provenance: Provenance
) -> list[tuple[str, str]]:
    """Return what the page was made from, name by name."""
    charged = [
        f"{symbol}: half spread {price(c.half_spread)}, fee {price(c.fee_per_unit)} a unit"
        f" and {price(10_000.0 * c.fee_ratio)} bp a side"
        for symbol, c in sorted(result.costs.items())
    ]
    n_inputs = len(provenance.data_versions)
    cut = f"; the first {_MOST_INPUTS} are listed" if n_inputs > _MOST_INPUTS else ""
    return [
        ("command", provenance.command),
        ("run", result.run_hash),
        ("data version", f"{combined_version(provenance.data_versions)} of {n_inputs} inputs{cut}"),
        ("model version", provenance.model_version or "-"),
        ("code version", provenance.code_version),
        *_seeds(strategy, provenance),
        ("charged", "; ".join(charged)),
        ("strategy", strategy.canonical_json()),
    ]
