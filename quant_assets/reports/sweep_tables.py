"""Tables of a sweep: its best trials, and the cells that gave no result."""

from collections.abc import Sequence

import polars as pl

from quant_assets.reports.meanings import COSTS, METRICS, figure_text, title_of
from quant_assets.reports.numbers import count
from quant_assets.reports.sections import PROSE, SORTED, TEXT, Column, Section, TextTable
from quant_assets.reports.sweep_frames import key_values

COMPLETED = "completed"
N_TRIALS_SHOWN = 500
N_CELLS_SHOWN = 200
_HASH_DIGITS = 10
_TOLD = frozenset(
    {"sharpe", "total_return", "max_drawdown", "net", "n_trades", "hit_rate", "profit_factor"}
)
"""Metrics of a backtest that have a column; the others would make the table too wide to read."""


def winners_section(done: pl.DataFrame, *, varied: Sequence[str], metric: str) -> Section:
    """Return the best completed trials, best first; `done` is in that order."""
    shown = done.head(N_TRIALS_SHOWN)
    figures = [
        name
        for name, dtype in done.schema.items()
        if dtype.is_numeric() and name not in {metric, *varied} and _is_told(name)
    ]
    columns = [Column("rank"), *_key_columns(done, varied), Column(title_of(metric))]
    columns += [Column(title_of(name)) for name in figures]
    texts = [[count(place + 1) for place in range(shown.height)]]
    texts += [key_values(shown[key]).texts for key in varied]
    texts += [
        [_figure(shown, name, at) for at in range(shown.height)] for name in (metric, *figures)
    ]
    if "trial_id" in done.columns:
        columns.append(Column("trial", TEXT))
        texts.append([(one or "-")[:_HASH_DIGITS] for one in shown["trial_id"]])
    title = f"Best {count(shown.height)} of {count(done.height)} completed trials"
    if done.is_empty():
        return Section(title, note="No cell was completed.")
    rows = list(zip(*texts, strict=True))
    return Section(title, note=SORTED, table=TextTable("trials", columns, rows, sortable=True))


def unfinished_section(trials: pl.DataFrame, *, varied: Sequence[str]) -> list[Section]:
    """Return the cells without a result and why, and how many there are of each reason."""
    rest = trials.filter(pl.col("state") != COMPLETED)
    if rest.is_empty():
        return []
    reason = pl.col("reason") if "reason" in rest.columns else pl.lit(None, dtype=pl.String)
    told = rest.with_columns(reason.fill_null("-").alias("reason"))
    counted = (
        told.group_by("state", "reason")
        .len()
        .sort("len", "state", "reason", descending=[True, False, False])
    )
    counts = [[state, why, count(n)] for state, why, n in counted.head(N_CELLS_SHOWN).iter_rows()]
    shown = told.sort("state", *varied).head(N_CELLS_SHOWN)
    texts = [shown["state"].to_list(), *(key_values(shown[key]).texts for key in varied)]
    rows = list(zip(*texts, shown["reason"].to_list(), strict=True))
    columns = [Column("state", TEXT), *_key_columns(rest, varied), Column("reason", PROSE)]
    by_reason = (Column("state", TEXT), Column("reason", PROSE), Column("cells"))
    return [
        Section(
            f"Cells without a result: {count(rest.height)}, by reason",
            table=TextTable("reasons", by_reason, counts),
        ),
        Section(
            f"{count(shown.height)} of {count(rest.height)} cells without a result",
            note=SORTED,
            table=TextTable("unfinished", columns, rows, sortable=True),
        ),
    ]


def _key_columns(trials: pl.DataFrame, varied: Sequence[str]) -> list[Column]:
    """Return a column for each varied key."""
    return [Column(key, "" if trials.schema[key].is_numeric() else TEXT) for key in varied]


def _is_told(name: str) -> bool:
    """Whether a figure has a column: a few of a backtest's metrics, and all that is none."""
    return name in _TOLD or name not in METRICS | COSTS


def _figure(frame: pl.DataFrame, name: str, at: int) -> str:
    """Return a figure as text: whole numbers whole."""
    value = frame[name][at]
    return count(value) if frame.schema[name].is_integer() else figure_text(name, value)
