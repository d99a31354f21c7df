"""What a tear sheet shows beside a result, looked up in a real lake row by row."""

from dataclasses import dataclass, replace
from datetime import date

import polars as pl
import pytest

from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.storage.job_queue import JobState
from quant_assets.storage.state_tables import JOBS, TRIALS
from quant_assets.storage.sweep_store import CellRow, SweepStore
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.pages import tear_sheet_html, write_tear_sheet
from quant_assets.workflows.strategies import strategy
from quant_assets.workflows.strategy_backtest import (
    StoredBacktest,
    run_simulation,
    stored_result,
)
from quant_assets.workflows.tear_sheet_inputs import (
    sweep_stability,
    trade_regimes,
    traded_prices,
)
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import write_csv
from quant_assets_tests.reports.reading import charts_of, own_text, read, table_of
from quant_assets_tests.workflows.sweep_market import CROSS, DAYS, SYMBOL, make, write_strategy


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A week of a currency pair, and the signals of a rule on it."""
    root = tmp_path_factory.mktemp("tear_sheet") / "data"
    made = Workspace.open(root)
    file = root / "raw" / f"{SYMBOL}15.csv"
    write_csv(file, DAYS, seed=1)
    list(ingest_files(made, [file]))
    write_strategy(root, CROSS)
    make(made, "bars", "regimes", "signals")
    return made


@pytest.fixture(scope="module")
def stored(workspace: Workspace) -> StoredBacktest:
    """Its backtest."""
    return run_simulation(workspace, strategy(workspace, "cross"))


@pytest.fixture(scope="module")
def trades(workspace: Workspace, stored: StoredBacktest) -> pl.DataFrame:
    """Its trades."""
    return workspace.lake.read(stored.trades)


def rows_of(workspace: Workspace, table: str) -> pl.DataFrame:
    """Return all rows of a table at a quarter of an hour."""
    entries = [
        entry
        for entry in workspace.lake.index.entries(table, symbol=SYMBOL)
        if entry.levels["timeframe"] == "15m"
    ]
    return pl.concat([workspace.lake.read(entry) for entry in entries]).sort("bar_start")


def test_prices_are_the_bars_up_to_the_last_exit(workspace, trades):
    """Closes of the research bars, none after the last exit; the newest where there are many."""
    prices = traded_prices(LakeView(workspace), strategy(workspace, "cross"), trades)
    bars = rows_of(workspace, "bars").select("bar_start", "close")
    last = trades["exit_ts"].max()
    assert list(prices) == [SYMBOL]
    assert prices[SYMBOL].equals(bars.filter(pl.col("bar_start") < last).tail(1_500))
    assert prices[SYMBOL].height > 100


@dataclass(frozen=True)
class LabelledView:
    """A lake's view in which every bar of the pair has another label, session by session."""

    bars: pl.DataFrame

    def sessions(self, table: str, symbol: str) -> list[date]:
        """Return the sessions of the bars."""
        assert (table, symbol) == ("regimes", SYMBOL)
        return sorted(set(self.bars["session"]))

    def at(self, table: str, symbol: str, session: date, /, **levels: str) -> list[date]:
        """Return the session as its own entry."""
        assert (table, symbol, levels) == ("regimes", SYMBOL, {"timeframe": "15m"})
        return [session]

    def read(self, entry: date, columns: tuple[str, ...]) -> pl.DataFrame:
        """Return the labels of a session."""
        return self.bars.filter(pl.col("session") == entry).select(columns)


def test_a_trades_regime_is_that_of_the_bar_whose_close_asked(workspace, trades):
    """Trade by trade, in a loop: the last bar that starts before the signal's instant."""
    bars = rows_of(workspace, "bars").with_row_index("volatility_label")
    told = trade_regimes(LabelledView(bars), strategy(workspace, "cross"), trades)
    labels = bars.select("bar_start", "volatility_label").rows()
    asked = dict(trades.select("trade_id", "signal_ts").iter_rows())
    assert set(told["trade_id"]) == set(asked)
    for trade_id, regime in told.iter_rows():
        assert regime == str([label for start, label in labels if start < asked[trade_id]][-1])


def test_a_lake_without_regimes_gives_none(workspace, trades):
    """Symbols that nothing is known of have no table of regimes."""
    elsewhere = trades.with_columns(symbol=pl.lit("GBPUSD"))
    assert trade_regimes(LakeView(workspace), strategy(workspace, "cross"), elsewhere) is None


def test_the_tear_sheet_of_the_lake_shows_it_all(workspace, stored, trades):
    """Trades on the chart, regimes and the whole ladder; written twice, it is kept."""
    chosen = strategy(workspace, "cross")
    page = tear_sheet_html(workspace, chosen, stored)
    assert {f"trades_{SYMBOL}", "ladder", "regimes"} <= set(charts_of(page))
    text = own_text(page)
    assert [row[0].split()[0] for row in table_of(text, "ladder_table")] == [
        "ideal", "spread", "latency", "full",
    ]  # fmt: skip
    read(text)
    assert write_tear_sheet(workspace, chosen, stored).is_new
    assert not write_tear_sheet(workspace, chosen, stored).is_new


def test_a_trial_of_a_sweep_is_shown_among_its_neighbours(workspace, stored):
    """Three cells of which the middle one is the backtest; a trial of no sweep has none."""
    assert sweep_stability(workspace, stored.trial) is None
    spec = {"name": "speeds", "base": "cross", "vary": {"signal.fast": [2, 3, 4]}}
    ids = ["a" * 64, stored.trial.trial_id, "b" * 64]
    sharpes = [0.5, 2.0, 1.0]
    trials = [
        replace(stored.trial, trial_id=one, metrics=dict(stored.trial.metrics) | {"sharpe": sharpe})
        for one, sharpe in zip(ids, sharpes, strict=True)
    ]
    own = workspace.state.select(TRIALS, trial_id=stored.trial.trial_id)
    workspace.state.upsert(TRIALS, [one.to_row() for one in trials])
    workspace.state.upsert(JOBS, [job(n, one) for n, one in enumerate(ids)])
    cells = [CellRow(n, {"signal.fast": 2 + n}, f"job{n}") for n in range(3)]
    SweepStore(workspace.state).put("speeds", SweepSpec.parse(spec).to_mapping(), cells)
    found = sweep_stability(workspace, stored.trial)
    assert sorted(found.neighbours.rows()) == [(2, 0.5), (3, 2.0), (4, 1.0)]
    assert (found.own, found.metric) == ({"signal.fast": 3}, "sharpe")
    assert found.plateau == pytest.approx((0.5 + 1.0) / 2 / 2.0)
    page = tear_sheet_html(workspace, strategy(workspace, "cross"), stored)
    assert charts_of(page)["stability_0"]["data"][2]["y"] == [2.0]
    workspace.state.upsert(TRIALS, own)


def job(number: int, trial_id: str) -> dict[str, object]:
    """Return a completed job as the state database holds it."""
    return {
        "job_id": f"job{number}", "place": number, "sweep": "speeds", "kin": "", "config": {},
        "code_version": "c", "state": JobState.COMPLETED, "attempts": 1, "is_suspect": False,
        "lost": 0, "trial_id": trial_id, "message": "",
    }  # fmt: skip


@pytest.mark.parametrize("level", ["ideal", "latency"])
def test_a_result_read_back_states_the_costs_that_it_was_charged(workspace, level):
    """At realism ideal nothing was paid, and the page must not say half a spread."""
    plan = strategy(workspace, "cross")
    execution = plan.execution.model_copy(update={"realism": level})
    other = plan.model_copy(update={"execution": execution})
    stored = run_simulation(workspace, other)
    result = stored_result(workspace, other, stored)
    [paid] = result.costs.values()
    units = result.trades["qty"].sum() * workspace.instrument(SYMBOL).multiplier
    assert result.trades["spread_cost"].sum() == pytest.approx(2.0 * paid.half_spread * units)
