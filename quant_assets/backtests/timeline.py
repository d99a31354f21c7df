"""Bars and wanted sides of all symbols as one timeline for the walk."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.backtests.history import SymbolHistory
from quant_assets.market.errors import StrategyError
from quant_assets.market.timeframes import Timeframe

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Timeline:
    """Rows of all symbols, by instant and then symbol.

    Parameters
    ----------
    symbols
        Symbols by number.
    rows
        Columns symbol_number, symbol, session, contract, bar_start, open, high, low, close,
        volume, wanted, chance, may_enter, is_last, is_end, model_version.
    group
        Number of each row's instant.
    last_oos_group
        Group of the last out-of-sample signal: equity is kept at least so far.
    """

    symbols: tuple[str, ...]
    rows: pl.DataFrame
    group: np.ndarray
    last_oos_group: int


def build_timeline(
    histories: Mapping[str, SymbolHistory],
    *,
    timeframe: Timeframe,
    crosses: Mapping[str, bool],
) -> Timeline:
    """Merge bars and signals, from the first out-of-sample bar on.

    Parameters
    ----------
    crosses
        Whether a position of a symbol may be held into the next session.

    Raises
    ------
    StrategyError
        If a symbol has no bars, an out-of-sample signal has no bar, or nothing is out of sample.
    """
    symbols = tuple(sorted(histories))
    parts = []
    for number, name in enumerate(symbols):
        history = histories[name]
        segments = _segments(
            _wanted(name, history), history, timeframe=timeframe, crosses=crosses[name]
        )
        parts.append(
            segments.with_columns(
                pl.lit(number, dtype=pl.Int64).alias("symbol_number"), pl.lit(name).alias("symbol")
            )
        )
    rows = pl.concat(parts).sort("bar_start", "symbol_number")
    oos = rows.filter("is_oos")["bar_start"]
    if oos.is_empty():
        raise StrategyError(
            asked=f"a backtest of {', '.join(symbols)}",
            found="no signal is out of sample",
            remedy="Predict sessions after the first test span; see splits.min_train_sessions.",
        )
    rows = rows.filter(pl.col("bar_start") >= oos.min())
    group = rows["bar_start"].rle_id().to_numpy().astype(np.int64)
    last = int(np.flatnonzero((rows["bar_start"] <= oos.max()).to_numpy())[-1])
    return Timeline(symbols=symbols, rows=rows, group=group, last_oos_group=int(group[last]))


def _wanted(symbol: str, history: SymbolHistory) -> pl.DataFrame:
    """Return a symbol's bars with the side wanted at each close, 0 where nothing is asked for."""
    bars = history.bars
    if bars.is_empty():
        raise StrategyError(
            asked=f"trade {symbol}",
            found="there are no bars",
            remedy=f"Make its bars: quant materialize bars --symbol {symbol}",
        )
    decided = history.signals.select(
        "bar_start",
        "is_oos",
        "chance",
        "model_version",
        wanted=pl.when("is_oos").then("side").otherwise(pl.lit(0, dtype=pl.Int8)),
    )
    orphans = decided.filter("is_oos").join(bars, on="bar_start", how="anti").height
    if orphans or decided["bar_start"].n_unique() != decided.height:
        raise StrategyError(
            asked=f"trade {symbol}",
            found=f"{orphans} signals have no bar, or a bar has two signals",
            remedy="Make features and signals again: they do not belong to these bars.",
        )
    contract = pl.col("contract") if "contract" in bars.columns else pl.lit(None)
    kept = bars.select(
        "session", contract.cast(pl.String).alias("contract"), "bar_start", *PRICES, "volume"
    )
    return (
        kept.join(decided, on="bar_start", how="left")
        .with_columns(pl.col("wanted").fill_null(0), pl.col("is_oos").fill_null(value=False))
        .sort("bar_start")
    )


def _segments(
    bars: pl.DataFrame, history: SymbolHistory, *, timeframe: Timeframe, crosses: bool
) -> pl.DataFrame:
    """Mark where entries may fill and where positions must end.

    A segment is a stretch in which a position may be held: a run of one contract and, where
    sessions are not crossed, of one session up to its close. The last bar of a segment closes
    what is open and fills no entry; nor does a segment's first bar, whose signal is of another.
    `is_end` marks the last bar of a contract, after which nothing of it can be sold.
    """
    end_ns = bars["bar_start"].to_physical().to_numpy() + timeframe.ns
    inside = np.ones(bars.height, dtype=np.bool_)
    keys = [pl.col("contract").rle_id()]
    if not crosses:
        keys.append(pl.col("session").rle_id())
        until = bars["session"].replace_strict(
            dict(history.closes), default=None, return_dtype=pl.Int64
        )
        inside = end_ns <= until.fill_null(np.iinfo(np.int64).max).to_numpy()
    marked = bars.with_columns(inside=pl.Series(inside, dtype=pl.Boolean))
    segment = marked.select(pl.struct(*keys, "inside").rle_id().alias("id"))["id"].to_numpy()
    changes = np.diff(segment) != 0
    is_first = np.append(True, changes)
    is_last = np.append(changes, True)
    contract = bars["contract"].rle_id().to_numpy()
    return marked.with_columns(
        may_enter=pl.Series(inside & ~is_first & ~is_last, dtype=pl.Boolean),
        is_last=pl.Series(is_last, dtype=pl.Boolean),
        is_end=pl.Series(np.append(np.diff(contract) != 0, True), dtype=pl.Boolean),
    ).drop("inside")
