"""The session-window rule: which bars a feature of a session may see, and where it starts.

A feature of session s with look-back B is computed on the last min(B, available) bars before the
first bar of s, and on the bars of s. It starts anew there, for each feature on its own window, so
its bits do not depend on what else the frame holds. Within the window it starts anew after a row
that lacks one of its inputs and where the contract changes, the reference's too if it reads that,
and so do its longer bars, if it looks at those (`multi_timeframe`). Warm-up is null, as are NaN and
infinities.

The rule serves batch and stream: no value looks beyond its own bar, so the bars of an unfinished
session give the same bits as the finished one.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from quant_assets.features.catalog import Catalog, Family, Feature
from quant_assets.features.standard import standard_catalog
from quant_assets.features.stretch import Stretch
from quant_assets.indicators.arrays import FlagArray, FloatArray, IntArray
from quant_assets.indicators.columns import nullable_columns
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe


def required_look_back_bars(
    names: Sequence[str] | None, timeframe: Timeframe, *, catalog: Catalog | None = None
) -> int:
    """Return how many bars before the session the named features need at most; None is all."""
    return (catalog or standard_catalog()).look_back_bars(names, timeframe)


def compute_features(
    window: pl.DataFrame,
    *,
    session: date,
    timeframe: Timeframe,
    names: Sequence[str] | None = None,
    catalog: Catalog | None = None,
) -> pl.DataFrame:
    """Compute the features of one session.

    Parameters
    ----------
    window
        Bars with their `session` and, where a chosen feature reads them, the columns that `joined`
        puts beside them; in any order. Those of the session and as many before as there are,
        `required_look_back_bars` at least where they exist. More bars, also later ones, change
        nothing.
    session
        Session whose bars get a row each.
    timeframe
        Length of a bar.
    names
        Features wanted; None is all of the catalogue.
    catalog
        Where features are looked up; default the package's.

    Returns
    -------
    DataFrame
        `session`, `bar_start` and one nullable column a feature, in the catalogue's order: Int8
        for labels (family `regime`, null where a value is no label), else Float64.

    Raises
    ------
    InputError
        A name is unknown, a column is missing, two bars share a start, or a feature's function
        returns another shape than its bars'.
    """
    chosen = (catalog or standard_catalog()).select(names)
    require_columns(window, chosen)
    longest = max((one.look_back_bars(timeframe) for one in chosen), default=0)
    bars, start_ns, n_history = _cut(window, session=session, look_back=longest)
    stretch = Stretch.from_frame(
        bars, start_ns=start_ns, n_history=n_history, timeframe=timeframe, chosen=chosen
    )
    keys = pl.DataFrame(
        [bars["session"].slice(n_history), bars["bar_start"].slice(n_history).cast(UTC_NS)]
    )
    return keys.hstack(_columns(chosen, stretch.values(chosen)))


def _columns(chosen: Sequence[Feature], values: FloatArray) -> list[pl.Series]:
    """Return a column a feature; the one place where NaN becomes null."""
    for row, one in zip(values, chosen, strict=True):
        if one.family is Family.REGIME:
            row[~_is_label(row)] = np.nan
    parts = nullable_columns([one.name for one in chosen], values)
    return [
        part.cast(pl.Int8) if one.family is Family.REGIME else part
        for part, one in zip(parts, chosen, strict=True)
    ]


def _is_label(values: FloatArray) -> FlagArray:
    """Whether values are whole numbers from -127 to 127."""
    is_label: FlagArray = (values == np.trunc(values)) & (np.abs(values) <= 127.0)
    return is_label


def require_columns(window: pl.DataFrame, chosen: Sequence[Feature]) -> None:
    """Raise where the bars lack a column that a feature reads."""
    present = set(window.columns)
    needed = {"session", "bar_start"}.union(*(one.inputs for one in chosen))
    if needed <= present:
        return
    for name, inputs in [("the session-window rule", ("session", "bar_start"))] + [
        (f"feature {one.name!r}", one.inputs) for one in chosen
    ]:
        missing = [column for column in inputs if column not in present]
        if missing:
            raise InputError(
                asked=f"bars for {name}",
                found=f"columns {', '.join(missing)} are missing",
                remedy=f"The bars have {', '.join(window.columns)}.",
            )


def _cut(
    window: pl.DataFrame, *, session: date, look_back: int
) -> tuple[pl.DataFrame, IntArray, int]:
    """Return the session's bars behind the last `look_back` bars before.

    With them come their starts in nanoseconds, and how many bars stand before the session.
    """
    start_ns = _start_ns(window)
    in_order = _rises(start_ns)
    if not in_order:
        window = window.sort("bar_start")
        start_ns = _start_ns(window)
    inside = np.flatnonzero((window["session"] == session).to_numpy())
    if inside.size == 0:
        return window.clear(), start_ns[:0], 0
    first = int(inside[0])
    history = max(0, first - look_back)
    if inside[-1] - first + 1 == inside.size:
        rows, starts = window[history : first + inside.size], start_ns[history : inside[-1] + 1]
    else:  # bars of another session stand between them
        kept = np.concatenate([np.arange(history, first), inside])
        rows, starts = window[kept], start_ns[kept]
    if not (in_order or _rises(starts)):
        raise InputError(
            asked=f"features of session {session.isoformat()}",
            found="two bars share a start",
            remedy="Give the bars of one symbol and one timeframe.",
        )
    return rows, starts, first - history


def _start_ns(bars: pl.DataFrame) -> IntArray:
    """Return the starts of bars in nanoseconds UTC."""
    return bars["bar_start"].cast(UTC_NS).cast(pl.Int64).to_numpy()


def _rises(start_ns: IntArray) -> bool:
    """Whether each bar starts after the one before."""
    return bool((start_ns[1:] > start_ns[:-1]).all())
