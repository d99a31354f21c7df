"""The page of a sweep: its cells, what they showed, and whether the best one is believed."""

from collections.abc import Sequence

from quant_assets.optimization.cscv import Overfitting, cross_validate_trials
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.optimization.trials import Trial
from quant_assets.reports.sweep_page import build_sweep_report
from quant_assets.workflows.sweep import RankedCell
from quant_assets.workflows.sweep_cells import cells_frame
from quant_assets.workflows.trials import all_trials
from quant_assets.workflows.workspace import Workspace


def sweep_html(workspace: Workspace, spec: SweepSpec, cells: Sequence[RankedCell]) -> str:
    """Return the page of a sweep."""
    ids = {one.result.trial_id for one in cells}
    trials = [trial for trial in all_trials(workspace) if trial.trial_id in ids]
    return build_sweep_report(
        cells_frame(spec, cells),
        varied=list(spec.vary),
        metric=spec.metric,
        title=f"Sweep {spec.name}",
        synthetic=_is_synthetic(workspace, trials),
        pbo=_overfitting(trials),
        command=f"quant sweep {spec.name}.yaml",
    )


def _overfitting(trials: Sequence[Trial]) -> Overfitting | None:
    """Return the probability of overfitting of the sweep; None without a trial."""
    return cross_validate_trials([trial.series for trial in trials]) if trials else None


def _is_synthetic(workspace: Workspace, trials: Sequence[Trial]) -> bool:
    """Whether any symbol's bars come from a seed."""
    symbols = {symbol for trial in trials for symbol in trial.symbols}
    return any(
        entry.synthetic
        for symbol in sorted(symbols)
        for entry in workspace.lake.index.entries("bars", symbol=symbol)
    )
