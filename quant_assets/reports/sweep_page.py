"""The report of a sweep: one HTML page about its trials, which needs nothing but itself."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from quant_assets.market.errors import InputError
from quant_assets.optimization.cscv import Overfitting
from quant_assets.reports.meanings import title_of
from quant_assets.reports.numbers import amount, count, percent, script_json
from quant_assets.reports.page import render
from quant_assets.reports.pictures import BLUE, RED
from quant_assets.reports.sections import FONT, script_charts
from quant_assets.reports.sweep_charts import (
    marginal_sections,
    overfitting_section,
    parallel_section,
    plateau_section,
)
from quant_assets.reports.sweep_frames import pair_cells
from quant_assets.reports.sweep_tables import COMPLETED, unfinished_section, winners_section
from quant_assets.reports.templates import SWEEP

PLATEAU = "plateau"
_STATISTICS = ("best", "mean")
_NEUTRAL = "#dcdcdc"
"""Of the middle of a signed scale: a cell at zero is no empty cell, which is white."""


def build_sweep_report(
    trials: pl.DataFrame,
    *,
    varied: Sequence[str],
    metric: str,
    title: str,
    synthetic: bool,
    pbo: Overfitting | None = None,
    command: str = "quant sweep",
) -> str:
    """Return the page as HTML; the same input gives the same bytes.

    Parameters
    ----------
    trials
        One row a cell of the sweep: a column for each varied key; `metric` (null where a cell was
        not completed) and any further metrics; `state` (completed, failed, invalid, ...);
        `trial_id`, `reason` and `plateau` where they are known.
    varied
        Names of the keys' columns.
    metric
        The column that trials are ranked by; more is better.
    pbo
        What cross-validation of its trials said; None where it was not done.

    Raises
    ------
    InputError
        If a column is missing.
    """
    from plotly.offline import get_plotlyjs

    _check_columns(trials, [*varied, metric, "state"])
    done = trials.filter(pl.col("state") == COMPLETED).sort(
        metric, *varied, descending=[True, *[False] * len(varied)], nulls_last=True
    )
    pairs = pair_cells(done, varied=varied, metric=metric)
    sections = [
        *marginal_sections(done, varied=varied, metric=metric),
        *parallel_section(done, varied=varied, metric=metric),
        *plateau_section(done, plateau=PLATEAU, metric=metric),
        overfitting_section(pbo),
        winners_section(done, varied=varied, metric=metric),
        *unfinished_section(trials, varied=varied),
    ]
    ranked_by = f"{', '.join(varied)} varied, ranked by {title_of(metric)}"
    keys = list(dict.fromkeys(key for pair in pairs for key in pair["keys"]))
    return render(
        SWEEP,
        title=title,
        subtitle=f"{count(trials.height)} cells, {ranked_by}",
        synthetic=synthetic,
        metric=title_of(metric),
        summary=_summary(trials, done, metric, pbo),
        pairs=pairs,
        pickers=[
            ("across", "across", keys),
            ("up", "up", keys),
            ("statistic", "cell", _STATISTICS),
        ],
        heat_json=script_json({"pairs": pairs, "metric": title_of(metric), **_SCALES}),
        sections=sections,
        charts_json=script_json(script_charts(sections)),
        footer=f"Made by: {command}",
        plotly_js=get_plotlyjs(),
    )


_SCALES = {
    "signed": [[0, RED], [0.5, _NEUTRAL], [1, BLUE]],
    "unsigned": [[0, "#e6eef8"], [1, BLUE]],
    "font": FONT,
}


def _check_columns(trials: pl.DataFrame, needed: Sequence[str]) -> None:
    """Refuse a table that lacks a column."""
    if missing := [name for name in needed if name not in trials.columns]:
        raise InputError(
            asked=f"a report of the sweep by {', '.join(needed)}",
            found=f"no column {', '.join(missing)}",
            remedy=f"Name columns of the trials: {', '.join(trials.columns)}.",
        )


def _summary(
    trials: pl.DataFrame, done: pl.DataFrame, metric: str, told: Overfitting | None
) -> list[tuple[str, str, str]]:
    """Return title, value and meaning of what stands at the top."""
    values = done[metric].drop_nulls().to_numpy()
    best, median = (float(values.max()), float(np.median(values))) if values.size else (None, None)
    states = trials.group_by("state").len().sort("state")
    luck = "probability that the best in sample is below the median out of sample"
    return [
        *((f"cells {name}", count(n), "cells in this state") for name, n in states.iter_rows()),
        (f"best {title_of(metric)}", amount(best, 3), "the highest of all completed trials"),
        (f"median {title_of(metric)}", amount(median, 3), "half of the completed trials lie above"),
        ("overfitting (PBO)", percent(told.pbo if told else None, 1), luck),
    ]
