"""From bars to a tear sheet: labels, training set, model, predictions, backtest, trial, page."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.backtests.history import SymbolHistory
from quant_assets.lineage.fingerprint import content_version
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import TrainingError
from quant_assets.market.instruments import AssetClass
from quant_assets.market.timeframes import Timeframe, crosses_sessions
from quant_assets.models.dataset import build_training_set
from quant_assets.models.labels import label_session
from quant_assets.models.prediction import predict_session
from quant_assets.models.trained import TrainedModel
from quant_assets.optimization.leaderboard import build_leaderboard
from quant_assets.reports.tear_sheet import Provenance, build_tear_sheet
from quant_assets.signals.build import model_signals
from quant_assets.signals.strategy import Strategy
from quant_assets.workflows.backtesting import run_trial
from quant_assets.workflows.training import train_and_log
from quant_assets_tests.backtests.market import BAR_NS, instrument

BAR = Timeframe.parse("15m")
FIRST = date(2024, 3, 4)
FEATURES = ["hint", "noise"]


def chain_strategy(**changes: object) -> Strategy:
    """Return a strategy for bars of 15 minutes: both sides of a return, between barriers."""
    values: dict = {
        "name": "chain",
        "timeframe": "15m",
        "label": "return(6)",
        "model": {"params": {"num_iterations": 30, "min_data_in_leaf": 20}},
        "splits": {"n_folds": 3, "min_train_sessions": 5, "embargo_bars": 1},
        "decision": {"threshold": 0.6, "side": "both"},
        "exits": {"stop": 0.003, "target": 0.003, "horizon_bars": 12},
        "execution": {"spread_ticks": 1.0, "fee_per_unit": 0.0},
        "capital": 100_000.0,
        "qty": 100.0,
    }
    return Strategy.parse(values | changes)


def market(seed: int, *, edge: float, n_sessions: int = 14, n_bars: int = 90):
    """Return bars and features of one symbol; the hint leans the next twelve bars its way."""
    rng = np.random.default_rng(seed)
    n = n_sessions * n_bars
    hint = np.repeat(rng.normal(size=n // 10), 10)
    step = 0.001 * (rng.normal(size=n) + edge * np.append(0.0, hint[:-1]))
    close = 100.0 * np.exp(np.cumsum(step))
    opens = np.append(100.0, close[:-1])
    midnight = int(datetime(2024, 3, 4, tzinfo=UTC).timestamp()) * 10**9
    day = np.arange(n) // n_bars
    start = midnight + day * 86_400 * 10**9 + (np.arange(n) % n_bars) * BAR_NS
    bars = pl.DataFrame(
        {
            "session": [FIRST + timedelta(days=int(d)) for d in day],
            "bar_start": pl.Series(start).cast(UTC_NS),
            "open": opens,
            "high": np.maximum(opens, close) + 0.01,
            "low": np.minimum(opens, close) - 0.01,
            "close": close,
        }
    )
    told = bars.select("session", "bar_start").with_columns(hint=hint, noise=rng.normal(size=n))
    return bars, told


def sessions_labelled(
    bars: pl.DataFrame, features: pl.DataFrame, strategy: Strategy, kind: AssetClass
) -> pl.DataFrame:
    """Return the training sets of all sessions, each made from its own and later bars."""
    parts = []
    for session in bars["session"].unique().sort():
        labels = label_session(
            bars.filter(pl.col("session") >= session),
            session=session,
            timeframe=BAR,
            spec=strategy.learning.label,
            cross_session=crosses_sessions(kind, BAR),
            close_ns=None,
        )
        own = features.filter(pl.col("session") == session)
        parts.append(build_training_set(own, labels))
    return pl.concat(parts)


def run_chain(markets: dict, strategy: Strategy, *, kind: AssetClass = AssetClass.FUTURE):
    """Return training and backtest of several symbols."""
    frame = pl.concat(
        sessions_labelled(bars, told, strategy, kind).with_columns(symbol=pl.lit(symbol))
        for symbol, (bars, told) in markets.items()
    )
    lines: list[str] = []
    common = {"data_versions": {"bars": "1" * 64}, "code_version": "c" * 64}
    training = train_and_log(
        frame, strategy=strategy, synthetic=True, progress=lines.append, **common
    )
    assert lines[-1].startswith("fit")
    told = {symbol: predict_session(training.model, told) for symbol, (_, told) in markets.items()}
    histories = {
        symbol: SymbolHistory(
            bars=bars.with_columns(volume=pl.lit(1000.0)),
            signals=model_signals(told[symbol], strategy.learning.decision),
        )
        for symbol, (bars, _) in markets.items()
    }
    backtest = run_trial(
        histories,
        strategy=strategy,
        instruments={
            s: instrument(s, asset_class=kind, tick_size=0.01, multiplier=1.0) for s in markets
        },
        progress=lines.append,
        **common,
    )
    return training, backtest


def test_a_planted_edge_is_learned_traded_and_passes():
    """An edge in the data shows in the folds, the equity and the deflated Sharpe ratio."""
    markets = {"AA": market(1, edge=0.5), "BB": market(2, edge=0.5)}
    training, backtest = run_chain(markets, chain_strategy())
    assert all(fold.scores["auc"] > 0.65 for fold in training.model.folds)
    assert backtest.result.metrics["net"] > 0
    assert {"target", "stop"} <= set(backtest.result.trades["exit_reason"])
    board = build_leaderboard([backtest.trial])
    assert board["psr"][0] > 0.95
    assert backtest.result.run_hash == backtest.trial.trial_id
    provenance = Provenance(
        data_versions={"bars": "1" * 64},
        code_version=backtest.trial.code_version,
        model_version=backtest.trial.model_version,
        command="quant backtest chain",
        synthetic=True,
        market_seed=4711,
    )
    page = build_tear_sheet(backtest.result, strategy=chain_strategy(), provenance=provenance)
    assert "4711" in page
    assert backtest.result.trades["trade_id"][-1] in page


def test_on_a_random_walk_nothing_is_learned():
    """Without an edge the folds are a coin's, and trading loses about its costs."""
    markets = {"AA": market(3, edge=0.0), "BB": market(4, edge=0.0)}
    training, backtest = run_chain(
        markets, chain_strategy(decision={"threshold": 0.52, "side": "both"})
    )
    assert all(abs(fold.scores["auc"] - 0.5) < 0.1 for fold in training.model.folds)
    trades = backtest.result.trades
    assert trades.height > 50
    gross = trades["gross"].to_numpy()
    assert abs(gross.mean()) < 4 * gross.std(ddof=1) / len(gross) ** 0.5


def test_the_order_of_symbols_decides_nothing():
    """Model, trades and trial are the same whichever symbol comes first."""
    markets = {"AA": market(1, edge=0.5), "BB": market(2, edge=0.5)}
    turned = dict(reversed(markets.items()))
    one, two = run_chain(markets, chain_strategy()), run_chain(turned, chain_strategy())
    assert one[0].model.model_version == two[0].model.model_version
    assert one[1].trial == two[1].trial
    assert one[1].result.equity.equals(two[1].result.equity)
    assert content_version(one[1].result.trades) == content_version(two[1].result.trades)


def test_the_last_session_is_set_aside_and_its_bars_are_still_predicted_out_of_sample():
    """Labels that may still change are not trained on; the last fold predicts those bars."""
    bars, told = market(5, edge=0.5)
    training, backtest = run_chain({"AA": (bars, told)}, chain_strategy())
    last = bars["session"].max()
    assert training.sessions_set_aside == [f"AA {last}"]
    made = predict_session(training.model, told.filter(pl.col("session") == last))
    assert made["is_oos"].all()
    assert backtest.result.equity["session"].max() == last


def test_equities_end_each_session_flat():
    """With an equity every trade leaves in the session it entered, and all sessions are final."""
    training, backtest = run_chain(
        {"AA": market(6, edge=0.5)}, chain_strategy(), kind=AssetClass.EQUITY
    )
    assert training.sessions_set_aside == []
    trades = backtest.result.trades
    assert trades.height > 0
    assert (trades["entry_ts"].dt.date() == trades["exit_ts"].dt.date()).all()


def test_a_feature_that_is_not_there_is_named_before_training():
    """The strategy's list is checked against the rows."""
    with pytest.raises(TrainingError, match="magic not among hint, noise"):
        run_chain({"AA": market(5, edge=0.5)}, chain_strategy(features=["hint", "magic"]))


def real_bars(file: Path) -> pl.DataFrame:
    """Return the bars of a MetaTrader file, sessions by UTC date."""
    names = ["day", "time", "open", "high", "low", "close", "volume"]
    raw = pl.read_csv(file, has_header=False, new_columns=names)
    stamp = pl.concat_str("day", "time", separator=" ").str.to_datetime("%Y.%m.%d %H:%M")
    bars = raw.with_columns(bar_start=stamp.cast(pl.Datetime("ns")).dt.replace_time_zone("UTC"))
    return (
        bars.with_columns(session=pl.col("bar_start").dt.date())
        .unique("bar_start", maintain_order=True)
        .sort("bar_start")
    )


@pytest.mark.shared
@pytest.mark.parametrize("name", ["EURUSD15", "BTCUSD15"])
def test_real_bars_go_through_the_whole_chain(shared_data, name):
    """Real files, a feature of past returns: a model, out-of-sample trades, money conserved."""
    bars = real_bars(shared_data / "ohlcv" / f"{name}.csv").head(3000)
    told = bars.select(
        "session",
        "bar_start",
        hint=pl.col("close").pct_change(4),
        noise=(pl.col("high") - pl.col("low")) / pl.col("close"),
    )
    strategy = chain_strategy(
        label="return(24)",
        exits={"stop": 0.0015, "target": 0.0015, "horizon_bars": 24},
        splits={"n_folds": 3, "min_train_sessions": 2, "embargo_bars": 1},
        decision={"threshold": 0.52, "side": "both"},
        execution={"spread_ticks": 0.0, "fee_per_unit": 0.0},
        qty=100.0 if name.startswith("EUR") else 1.0,
    )
    training, backtest = run_chain({"AA": (bars, told)}, strategy)
    again = TrainedModel.from_text(training.model.to_text())
    assert predict_session(again, told).equals(predict_session(training.model, told))
    result = backtest.result
    assert result.trades.height > 0
    assert result.equity["equity"][-1] == pytest.approx(100_000 + result.trades["net"].sum())
