"""Triple-barrier labels of one session; a label knows the future and says how much of it."""

from datetime import date

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
}
"""Columns of a session's labels, in order."""


def crosses_sessions(asset_class: str, timeframe: Timeframe) -> bool:
    """Return whether a position may be held into the next session.

    FX, crypto and futures may; equities are cut at their close, save on daily bars, where one bar
    is one session and nothing would be left.
    """
    return asset_class != "equity" or timeframe.is_daily


def dataset_name(*, sl: float, tp: float, horizon_bars: int) -> str:
    """Return the name of a label's dataset: equal barriers, equal name."""
    return LabelSpec(sl=sl, tp=tp, horizon_bars=horizon_bars).dataset


def label_session(
    bars: pl.DataFrame,
    *,
    session: date,
    timeframe: Timeframe,
    sl: float,
    tp: float,
    horizon_bars: int,
    cross_session: bool,
    close_ns: int | None,
) -> pl.DataFrame:
    """Label each bar of a session by what a long trade, entered at its close, meets first.

    Parameters
    ----------
    bars
        Columns session, bar_start, high, low, close, in time order: the session's rows and those
        that follow. A column contract, where present, ends a label at a change of contract.
    sl, tp
        Distance of stop and target as ratios of the entry price, both positive.
    horizon_bars
        Bars looked at after the entry's bar; the last one closes what is still open.
    cross_session
        Whether the label may look into the next session. If not, it ends with the session.
    close_ns
        Official close of the session. Without `cross_session` no bar that ends after it is looked
        at, and bars that end at or after it have no row: nothing can follow their entry.

    Returns
    -------
    DataFrame
        One row a labelled bar: bar_start; label (1 target first, -1 stop first, 0 time);
        label_end, the END of the bar that decided; label_return, relative to the entry's close;
        label_bars, the count of bars to the barrier; final, False where the data ended before the
        horizon and before a barrier. A bar that touches both barriers counts as a stop.

    Raises
    ------
    TrainingError
        If the bars are not in time order, or rows stand before the session's.
    """
    start_ns = bars["bar_start"].to_physical().to_numpy()
    n_session = _count_session_rows(bars, start_ns, session)
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
        LabelSpec(sl=sl, tp=tp, horizon_bars=horizon_bars),
        end_ns=end_ns,
        reach=reach[:n_entries],
        is_cut=is_cut[:n_entries],
    )


def _label_rows(
    bars: pl.DataFrame,
    spec: LabelSpec,
    *,
    end_ns: np.ndarray,
    reach: np.ndarray,
    is_cut: np.ndarray,
) -> pl.DataFrame:
    """Run the barrier kernel for the first entries and say which labels may still change."""
    n_entries = reach.shape[0]
    entry = np.arange(n_entries, dtype=np.int64)
    label, end_idx, value = label_barriers(
        bars["high"].to_numpy().astype(np.float64),
        bars["low"].to_numpy().astype(np.float64),
        bars["close"].to_numpy().astype(np.float64),
        n_entries=n_entries,
        stop_ratio=spec.stop_ratio,
        target_ratio=spec.target_ratio,
        horizon_bars=spec.horizon_bars,
        last_bar=np.maximum(reach, entry),
    )
    final = (label != 0) | (entry + spec.horizon_bars <= reach) | is_cut
    columns = {
        "bar_start": bars["bar_start"].head(n_entries),
        "label": pl.Series(label, dtype=pl.Int8),
        "label_end": pl.Series(end_ns[end_idx]).cast(UTC_NS),
        "label_return": pl.Series(value, dtype=pl.Float64),
        "label_bars": pl.Series(end_idx - entry).cast(pl.UInt32),
        "final": pl.Series(final),
    }
    return pl.DataFrame(columns, schema=LABEL_COLUMNS)


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
