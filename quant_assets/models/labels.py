"""Labels of one session; a label knows the future and says how much of it."""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import TrainingError
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.label_spec import LabelSpec
from quant_assets.paths.barriers import label_barriers

LABEL_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "bar_start": UTC_NS,
    "label": pl.Int8,
    "label_end": UTC_NS,
    "label_return": pl.Float64,
    "label_bars": pl.UInt32,
    "final": pl.Boolean,
    "side": pl.Int8,
    "entry_bar": pl.UInt32,
}
"""Columns of a session's labels, in order."""


class _Decided(NamedTuple):
    """Label (int8), deciding bar (int64) and return (float64) of each entry."""

    label: np.ndarray
    end_idx: np.ndarray
    value: np.ndarray


def refuse_long_horizon(n_bars: int, spec: LabelSpec, *, symbol: str) -> None:
    """Raise where no label of a symbol can reach its horizon.

    Parameters
    ----------
    n_bars
        Bars of the symbol that there are, of all sessions.

    Raises
    ------
    TrainingError
        If the horizon is as long as the bars, or longer: the first entry has one bar fewer ahead.
    """
    if spec.horizon_bars >= n_bars:
        raise TrainingError(
            asked=f"a label over {spec.horizon_bars} bars",
            found=f"{n_bars} bars of {symbol} in all",
            remedy="Shorten label.horizon_bars, or land more sessions.",
        )


def label_session(
    bars: pl.DataFrame,
    *,
    session: date,
    timeframe: Timeframe,
    spec: LabelSpec,
    cross_session: bool,
    close_ns: int | None,
    side: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Label each bar of a session by what follows its close, where a trade would enter.

    Parameters
    ----------
    bars
        Columns session, bar_start, high, low, close, in time order: the session's rows and those
        that follow. A column contract, where present, ends a label at a change of contract.
    spec
        What is asked of the bars that follow.
    cross_session
        Whether the label may look into the next session. If not, it ends with the session.
    close_ns
        Official close of the session. Without `cross_session` no bar that ends after it is looked
        at, and bars that end at or after it have no row: nothing can follow their entry.
    side
        Trades of the first rule, read for kind `meta` alone: bar_start, and side, an integer that
        is 1 long, -1 short, 0 or null none. A bar that it leaves out has no trade.

    Returns
    -------
    DataFrame
        One row a labelled bar, in time order:

        - label. `tb`: 1 if a long meets its target first, -1 its stop, 0 the time limit. `meta`:
          the same of the trade on the first rule's side; bars without a trade have no row.
          `return`: 1 if the return to the horizon's bar, or to the last one before a cut, is above
          the threshold, else -1. A bar that touches both barriers counts as a stop.
        - label_end, the END of the bar that decided; label_bars, the count of bars up to it.
        - label_return, relative to the entry's close; of `meta` in the trade's direction.
        - final, False where the data ended before the horizon, before a barrier and before a cut.
        - side, 1 but for `meta`; entry_bar, the bar's place in the session, from 0.

        A `return` that a change of contract leaves without a single bar has no row. Where the data
        ended instead, it has one that is not final: it will be told later.

    Raises
    ------
    TrainingError
        If the bars are not in time order, or rows stand before the session's; if a meta-label
        comes without sides, or with two for one bar, or with one that is none of the three.
    """
    start_ns = bars["bar_start"].to_physical().to_numpy()
    n_session = _count_session_rows(bars, start_ns, session)
    sides = _sides(bars["bar_start"].head(n_session), spec, side)
    if n_session == 0:
        return pl.DataFrame(schema=LABEL_COLUMNS)
    end_ns = start_ns + timeframe.ns
    reach = _last_reachable(bars, n_session)
    n_entries = n_session
    if not cross_session:
        last_inside = n_session - 1
        if close_ns is not None:
            last_inside = int(np.searchsorted(end_ns[:n_session], close_ns, side="right")) - 1
        reach = np.minimum(reach, last_inside)
        n_entries = max(last_inside, 0)
    is_cut = (reach < bars.height - 1) | (not cross_session)
    return _label_rows(
        bars,
        spec,
        end_ns=end_ns,
        reach=reach[:n_entries],
        is_cut=is_cut[:n_entries],
        side=sides[:n_entries],
    )


def _label_rows(
    bars: pl.DataFrame,
    spec: LabelSpec,
    *,
    end_ns: np.ndarray,
    reach: np.ndarray,
    is_cut: np.ndarray,
    side: np.ndarray,
) -> pl.DataFrame:
    """Decide the first entries, and say which labels there are and which may still change."""
    n_entries = reach.shape[0]
    entry = np.arange(n_entries, dtype=np.int64)
    final = (entry + spec.horizon_bars <= reach) | is_cut
    if spec.kind == "return":
        decided = _pass_threshold(bars["close"].to_numpy(), spec, reach)
        is_row = (decided.end_idx > entry) | ~is_cut
    else:
        decided = _meet_barriers(bars, spec, reach, side)
        is_row = side != 0
        final |= decided.label != 0
    columns = {
        "bar_start": bars["bar_start"].head(n_entries),
        "label": pl.Series(decided.label, dtype=pl.Int8),
        "label_end": pl.Series(end_ns[decided.end_idx]).cast(UTC_NS),
        "label_return": pl.Series(decided.value, dtype=pl.Float64),
        "label_bars": pl.Series(decided.end_idx - entry).cast(pl.UInt32),
        "final": pl.Series(final),
        "side": pl.Series(side, dtype=pl.Int8),
        "entry_bar": pl.Series(entry).cast(pl.UInt32),
    }
    return pl.DataFrame(columns, schema=LABEL_COLUMNS).filter(pl.Series(is_row))


def _meet_barriers(
    bars: pl.DataFrame, spec: LabelSpec, reach: np.ndarray, side: np.ndarray
) -> _Decided:
    """Return what the trade of each entry meets first: a short where its side is -1."""
    high, low, close = (
        bars[name].to_numpy().astype(np.float64) for name in ("high", "low", "close")
    )

    def met(*, is_short: bool) -> _Decided:
        return _Decided(
            *label_barriers(
                high,
                low,
                close,
                n_entries=reach.shape[0],
                stop_ratio=spec.stop_ratio,
                target_ratio=spec.target_ratio,
                horizon_bars=spec.horizon_bars,
                last_bar=reach,
                is_short=is_short,
            )
        )

    long, sells = met(is_short=False), side < 0
    if not sells.any():
        return long
    short = met(is_short=True)
    return _Decided(
        np.where(sells, short.label, long.label),
        np.where(sells, short.end_idx, long.end_idx),
        np.where(sells, short.value, long.value),
    )


def _pass_threshold(close: np.ndarray, spec: LabelSpec, reach: np.ndarray) -> _Decided:
    """Return whether each entry's return to its last bar is above the threshold."""
    price = close.astype(np.float64)
    entry = np.arange(reach.shape[0], dtype=np.int64)
    end_idx = np.minimum(entry + spec.horizon_bars, reach)
    value = price[end_idx] / price[: reach.shape[0]] - 1.0
    label = np.where(value > spec.least_return, 1, -1).astype(np.int8)
    return _Decided(label, end_idx, value)


def _sides(starts: pl.Series, spec: LabelSpec, side: pl.DataFrame | None) -> np.ndarray:
    """Return the trade's side of each of the session's bars as int8: 1, -1, or 0 for none."""
    if spec.kind != "meta":
        return np.ones(starts.len(), dtype=np.int8)
    asked = f"a meta-label on {spec.primary}"
    remedy = "Give bar_start and side of the session's bars: 1 long, -1 short, 0 or null none."
    if side is None or not side["side"].dtype.is_integer():
        found = "no sides" if side is None else f"sides of type {side['side'].dtype}"
        raise TrainingError(asked=asked, found=found, remedy=remedy)
    told = side.select("bar_start", pl.col("side").fill_null(0))
    if told["bar_start"].is_duplicated().any() or not told["side"].is_between(-1, 1).all():
        raise TrainingError(
            asked=asked, found="a bar with two sides, or a side that is none", remedy=remedy
        )
    joined = pl.DataFrame({"bar_start": starts}).join(
        told, on="bar_start", how="left", maintain_order="left"
    )
    return joined["side"].fill_null(0).cast(pl.Int8).to_numpy()


def _count_session_rows(bars: pl.DataFrame, start_ns: np.ndarray, session: date) -> int:
    """Return how many rows the session has; they stand first, and all are in time order."""
    inside = (bars["session"] == session).to_numpy()
    count = int(inside.sum())
    if not inside[:count].all() or (np.diff(start_ns) <= 0).any():
        raise TrainingError(
            asked=f"label session {session}",
            found="its bars do not stand first, or are not in rising time order",
            remedy="Give the session's bars in time order, then those that follow.",
        )
    return count


def _last_reachable(bars: pl.DataFrame, n_session: int) -> np.ndarray:
    """Return for each row of the session the last row of its contract."""
    last = bars.height - 1
    if "contract" not in bars.columns:
        return np.full(n_session, last, dtype=np.int64)
    run = bars["contract"].rle_id().to_numpy()
    return np.searchsorted(run, run[:n_session], side="right").astype(np.int64) - 1
