"""Signals of one symbol's session: what is wanted at each close, and what blocks it."""

import numpy as np
import polars as pl

from quant_assets.market.columns import PRICE_SCALE
from quant_assets.signals.decisions import decide_sides
from quant_assets.signals.filters import ConfirmSpec, RegimeFilter
from quant_assets.signals.kernels import cross_sides, random_sides, running_sums
from quant_assets.signals.schema import BLOCKED, SIGNALS
from quant_assets.signals.sources import RandomSignal, SmaCross
from quant_assets.signals.strategy import DecisionSpec

_BLOCKED = pl.Enum(list(BLOCKED))


def model_signals(predictions: pl.DataFrame, decision: DecisionSpec) -> pl.DataFrame:
    """Return the signals that a model's predictions make.

    Parameters
    ----------
    predictions
        In the columns of PREDICTIONS. A bar that is not out of sample has a row that asks for
        nothing.

    Returns
    -------
    DataFrame
        In the columns of SIGNALS, a row a prediction; `chance` is that of the asked side's trade.
    """
    sides = pl.Series(decide_sides(predictions, decision), dtype=pl.Int8)
    is_short_by_rest = (sides != 0) & (sides != predictions["side"])
    chance = pl.when(is_short_by_rest).then(1.0 - pl.col("proba")).otherwise(pl.col("proba"))
    return SIGNALS.check(
        predictions.select(
            "session",
            "bar_start",
            side=sides,
            asked=sides,
            blocked=pl.lit(None, dtype=_BLOCKED),
            chance=chance,
            is_oos="is_oos",
            model_version="model_version",
        )
    )


def rule_signals(bars: pl.DataFrame, sides: np.ndarray) -> pl.DataFrame:
    """Return the signals of a rule: every bar is out of sample, for nothing was fitted.

    Parameters
    ----------
    bars
        Columns session and bar_start of the session's bars.
    sides : int8 array of shape (n,)
        What the rule wants after each.
    """
    wanted = pl.Series(sides, dtype=pl.Int8)
    return SIGNALS.check(
        bars.select(
            "session",
            "bar_start",
            side=wanted,
            asked=wanted,
            blocked=pl.lit(None, dtype=_BLOCKED),
            chance=pl.lit(None, dtype=pl.Float64),
            is_oos=pl.lit(value=True),
            model_version=pl.lit(None, dtype=pl.String),
        )
    )


def sma_cross_sides(bars: pl.DataFrame, rule: SmaCross) -> np.ndarray:
    """Return what a cross of means wants after each bar, int8 of shape (n,).

    Parameters
    ----------
    bars
        Column close, and contract where there is one, in time order. The first `slow - 1` rows
        may be those of earlier sessions; a change of contract begins the means anew.
    """
    closes = fixed_prices(bars["close"])
    sides: np.ndarray = cross_sides(
        running_sums(closes), segment_starts(bars), rule.fast, rule.slow, rule.side == "both"
    )
    return sides


def draw_sides(bars: pl.DataFrame, rule: RandomSignal) -> np.ndarray:
    """Return what a random rule wants after each bar, int8 of shape (n,)."""
    starts_ns = np.ascontiguousarray(bars["bar_start"].to_physical().to_numpy())
    sides: np.ndarray = random_sides(starts_ns, rule.seed, rule.chance, rule.side == "both")
    return sides


def fixed_prices(prices: pl.Series) -> np.ndarray:
    """Return prices as int64 counts of 1e-9, rounded to the nearest."""
    counts: np.ndarray = np.rint(prices.to_numpy() * PRICE_SCALE).astype(np.int64)
    return counts


def segment_starts(bars: pl.DataFrame) -> np.ndarray:
    """Return for each row the first row of its contract's run, int64 of shape (n,)."""
    if "contract" not in bars.columns or bars.is_empty():
        return np.zeros(bars.height, dtype=np.int64)
    run = bars["contract"].rle_id().to_numpy()
    return np.searchsorted(run, run, side="left").astype(np.int64)


def confirm(signals: pl.DataFrame, second: pl.DataFrame, spec: ConfirmSpec) -> pl.DataFrame:
    """Keep the trades that a second opinion agrees with; the others are `unconfirmed`.

    Parameters
    ----------
    second
        Rows of the table and strategy that the spec names: of PREDICTIONS, or of SIGNALS.
    """
    agrees = pl.col("side_second") == pl.col("side")
    columns = ["bar_start", pl.col("side").alias("side_second")]
    if spec.table == "predictions":
        agrees &= (pl.col("proba_second") >= spec.threshold) & pl.col("is_oos_second")
        columns += [pl.col("proba").alias("proba_second"), pl.col("is_oos").alias("is_oos_second")]
    joined = signals.join(second.select(columns), on="bar_start", how="left", maintain_order="left")
    return _blocking(joined, ~agrees.fill_null(value=False), "unconfirmed")


def allow_regimes(signals: pl.DataFrame, regimes: pl.DataFrame, spec: RegimeFilter) -> pl.DataFrame:
    """Keep the trades of allowed regimes; the others are blocked by `regime`.

    Parameters
    ----------
    regimes
        Rows of table `regimes`: the label of a bar is known at its close, where the signal is.
    """
    label = pl.col(spec.column).alias("regime_label")
    joined = signals.join(
        regimes.select("bar_start", label), on="bar_start", how="left", maintain_order="left"
    )
    is_allowed = pl.col("regime_label").is_in(list(spec.allowed)).fill_null(value=False)
    return _blocking(joined, ~is_allowed, "regime")


def _blocking(joined: pl.DataFrame, is_blocked: pl.Expr, reason: str) -> pl.DataFrame:
    """Take away the sides that are blocked, and name why; what was blocked before stays so."""
    blocks = is_blocked & (pl.col("side") != 0)
    marked = joined.with_columns(
        blocked=pl.when(blocks).then(pl.lit(reason, dtype=_BLOCKED)).otherwise(pl.col("blocked")),
        side=pl.when(blocks).then(pl.lit(0, dtype=pl.Int8)).otherwise(pl.col("side")),
    )
    return SIGNALS.check(marked.select(list(SIGNALS.empty().columns)))
