"""Cells of a sweep as a table: a row each, with its values, its metrics and its state."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from quant_assets.backtests.metrics import METRIC_NAMES
from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.workflows.sweep import RankedCell


def cells_frame(spec: SweepSpec, cells: Sequence[RankedCell]) -> pl.DataFrame:
    """Return the cells as the page wants them: a row each, a column a varied key and a metric."""
    values = [
        pl.Series(key, _plain([one.result.values.get(key) for one in cells])) for key in spec.vary
    ]
    metrics = [
        pl.Series(name, [one.result.metrics.get(name) for one in cells], dtype=pl.Float64)
        for name in METRIC_NAMES
    ]
    texts: dict[str, list[str | None]] = {
        "state": [one.result.state.value if one.result.state else "invalid" for one in cells],
        "trial_id": [one.result.trial_id for one in cells],
        "reason": [one.result.message or None for one in cells],
    }
    words = [pl.Series(name, column, dtype=pl.String) for name, column in texts.items()]
    plateau = pl.Series("plateau", [one.plateau for one in cells], dtype=pl.Float64)
    return pl.DataFrame([*values, *metrics, *words, plateau])


def _plain(values: list[Any]) -> list[Any]:
    """Return numbers as they are where all are numbers, else each value as text."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return [float(v) for v in values] if any(isinstance(v, float) for v in values) else values
    return [v if isinstance(v, str) else canonical_json(v) for v in values]
