"""Bars and wanted sides of all symbols as one timeline for the walk."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.backtests.asked import Asked, asked_of, placed
from quant_assets.backtests.history import SymbolHistory
from quant_assets.backtests.kept import Kept, made_anew
from quant_assets.market.errors import StrategyError
from quant_assets.market.timeframes import Timeframe

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Merged:
    """Bars of all symbols by instant and then symbol, whatever is wanted on them.

    Parameters
    ----------
    rows
        Columns symbol_number, symbol, session, contract, bar_start, open, high, low, close,
        volume, may_enter, is_last, is_end.
    starts_ns, numbers, group
        Of each row: start of its bar, number of its symbol, number of its instant; int64 (n,).
    """

    rows: pl.DataFrame
    starts_ns: np.ndarray
    numbers: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "Merged":
        """Return rows that stand in their order with their arrays."""
        return cls(
            rows=rows,
            starts_ns=rows["bar_start"].to_physical().to_numpy(),
            numbers=rows["symbol_number"].to_numpy(),
            group=rows["bar_start"].rle_id().to_numpy().astype(np.int64),
        )


@dataclass(frozen=True)
class Timeline:
    """Rows of all symbols, by instant and then symbol.

    Parameters
    ----------
    symbols
        Symbols by number.
    rows
        Columns symbol_number, symbol, session, contract, bar_start, open, high, low, close,
        volume, may_enter, is_last, is_end, wanted, is_oos, chance, model_version.
    starts_ns, numbers, group
        Of each row: start of its bar, number of its symbol, number of its instant; int64 (n,).
    last_oos_group
        Group of the last out-of-sample signal: equity is kept at least so far.
    """

    symbols: tuple[str, ...]
    rows: pl.DataFrame
    starts_ns: np.ndarray
    numbers: np.ndarray
    group: np.ndarray
    last_oos_group: int

    @property
    def first_ns(self) -> int:
        """Start of the first row: with the bars it tells the rows, whatever is wanted on them."""
        return int(self.starts_ns[0])


def build_timeline(
    histories: Mapping[str, SymbolHistory],
    *,
    timeframe: Timeframe,
    crosses: Mapping[str, bool],
    kept: Kept = made_anew,
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
    merged = kept(
        "merged", timeframe.ns, lambda: _merge(histories, timeframe=timeframe, crosses=crosses)
    )
    asked = [
        asked_of(name, merged.starts_ns[merged.numbers == number], histories[name].signals)
        for number, name in enumerate(symbols)
    ]
    first, last = _span(asked, symbols)
    rest = kept("rest", (timeframe.ns, first), lambda: _from(merged, first))
    found = int(np.searchsorted(rest.starts_ns, last, side="right")) - 1
    return Timeline(
        symbols=symbols,
        rows=rest.rows.hstack(placed(asked, merged.numbers, len(rest.numbers))),
        starts_ns=rest.starts_ns,
        numbers=rest.numbers,
        group=rest.group,
        last_oos_group=int(rest.group[found]),
    )


def _merge(
    histories: Mapping[str, SymbolHistory], *, timeframe: Timeframe, crosses: Mapping[str, bool]
) -> Merged:
    """Return the bars of all symbols in one frame, each row marked within its own symbol's."""
    parts = []
    for number, name in enumerate(sorted(histories)):
        history = histories[name]
        segments = _segments(
            _ordered(name, history.bars), history, timeframe=timeframe, crosses=crosses[name]
        )
        parts.append(
            segments.with_columns(
                pl.lit(number, dtype=pl.Int64).alias("symbol_number"), pl.lit(name).alias("symbol")
            )
        )
    return Merged.of(pl.concat(parts).sort("bar_start", "symbol_number"))


def _from(merged: Merged, first_ns: int) -> Merged:
    """Return the rows from an instant on; instants are numbered from it."""
    skipped = int(np.searchsorted(merged.starts_ns, first_ns))
    return Merged.of(merged.rows.slice(skipped).rechunk())


def _span(asked: list[Asked], symbols: tuple[str, ...]) -> tuple[int, int]:
    """Return the first and the last bar start that is out of sample, ns."""
    found = np.concatenate([one.starts_ns[one.is_oos] for one in asked])
    if not found.size:
        raise StrategyError(
            asked=f"a backtest of {', '.join(symbols)}",
            found="no signal is out of sample",
            remedy="Predict sessions after the first test span; see splits.min_train_sessions.",
        )
    return int(found.min()), int(found.max())


def _ordered(symbol: str, bars: pl.DataFrame) -> pl.DataFrame:
    """Return what the walk takes of a symbol's bars, in time order."""
    if bars.is_empty():
        raise StrategyError(
            asked=f"trade {symbol}",
            found="there are no bars",
            remedy=f"Make its bars: quant materialize bars --symbol {symbol}",
        )
    contract = pl.col("contract") if "contract" in bars.columns else pl.lit(None)
    return bars.select(
        "session", contract.cast(pl.String).alias("contract"), "bar_start", *PRICES, "volume"
    ).sort("bar_start")


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
