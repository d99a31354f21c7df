"""A sweep from its file to queued jobs, and from finished jobs to its best trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.errors import StrategyError
from quant_assets.optimization.plateau import plateau_scores
from quant_assets.optimization.search_space import Cell, count_cells, sweep_cells
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.job_queue import Job, JobQueue
from quant_assets.storage.sweep_store import CellResult, CellRow, SweepStore
from quant_assets.storage.yaml_text import load_yaml
from quant_assets.workflows.strategies import FOLDER, strategy, with_symbols
from quant_assets.workflows.sweep_jobs import Reads, jobs_of
from quant_assets.workflows.workspace import Workspace

PAGES = "reports"
"""Folder of the data root that pages lie in."""


@dataclass(frozen=True)
class Queued:
    """What a sweep came to when it was queued.

    Parameters
    ----------
    cells, invalid
        Cells that are strategies, and cells that a strategy's rules refuse.
    new
        Jobs that were never queued before.
    known
        Jobs that an earlier sweep, or this one, has queued.
    """

    cells: int
    invalid: int
    new: int
    known: int


@dataclass(frozen=True)
class RankedCell:
    """A cell with its rank and its plateau score."""

    result: CellResult
    score: float | None
    plateau: float | None


def find_sweep(root: Path, given: Path) -> Path:
    """Return a sweep's file: the path given, or the file of that name under `strategies`."""
    named = root / FOLDER / f"{given}.yaml"
    return named if not given.suffix and not given.exists() and named.is_file() else given


def read_sweep(path: Path) -> SweepSpec:
    """Read a sweep's file.

    Raises
    ------
    StrategyError
        If it is no YAML mapping, or holds a wrong key or value.
    """
    try:
        raw = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise StrategyError(
            asked=f"a sweep from {path.name}",
            found=" ".join(str(error).split()),
            remedy="Name a YAML file that can be read, and mend it at that place.",
        ) from error
    if not isinstance(raw, dict):
        raise StrategyError(
            asked=f"a sweep from {path.name}",
            found=f"a {type(raw).__name__} at the top level",
            remedy="Write keys and values: name, base, vary.",
        )
    spec = SweepSpec.parse(raw)
    count_cells(spec)
    return spec


def base_values(workspace: Workspace, spec: SweepSpec) -> dict[str, Any]:
    """Return the values of a sweep's base, the symbols that it trades written out.

    Raises
    ------
    StrategyError
        If there is no such strategy, or no bars of a symbol that it names.
    """
    if isinstance(spec.base, str):
        return strategy(workspace, spec.base).to_mapping()
    return dict(spec.base)


def cells_of(workspace: Workspace, spec: SweepSpec) -> list[Cell]:
    """Return the cells of a grid or random sweep, their symbols written out.

    Raises
    ------
    StrategyError
        As `sweep_cells` and `base_values`; or if a cell trades a symbol without bars.
    """
    cells = sweep_cells(spec, base_values(workspace, spec))
    return with_written_symbols(workspace, cells)


def refuse_unsound(workspace: Workspace, spec: SweepSpec) -> None:
    """Refuse a spec that gives no strategy, before anything is made for it.

    Its base must stand in it: a name may be of a strategy that exists once its symbols have bars.

    Raises
    ------
    StrategyError
        As `sweep_cells`.
    """
    if not isinstance(spec.base, str):
        sweep_cells(spec, base_values(workspace, spec))


def with_written_symbols(workspace: Workspace, cells: Sequence[Cell]) -> list[Cell]:
    """Return cells whose strategies name the symbols that they trade; raises as `with_symbols`."""
    known: dict[tuple[Any, str], tuple[str, ...] | None] = {}

    def written(one: Strategy) -> Strategy:
        key = (one.symbols, one.timeframe)
        if key not in known:
            known[key] = with_symbols(workspace, one).symbols
        return one.model_copy(update={"symbols": known[key]})

    return [
        Cell(
            cell.number,
            cell.values,
            written(cell.strategy) if cell.strategy else None,
            cell.invalid,
        )
        for cell in cells
    ]


def queue_cells(
    workspace: Workspace,
    queue: JobQueue,
    spec: SweepSpec,
    cells: Sequence[Cell],
    reads: Reads,
    *,
    more: bool = False,
) -> Queued:
    """Store a sweep's cells and queue the jobs that were never queued before.

    Jobs of one kin lie beside each other, so that what they share is made once.

    Parameters
    ----------
    more
        Whether the cells are added to those that the sweep has.
    """
    jobs = jobs_of(cells, reads, sweep=spec.name)
    rows = [
        CellRow(c.number, c.values, jobs[c.number].job_id if c.strategy else None, c.invalid)
        for c in cells
    ]
    store, distinct = SweepStore(workspace.state), {job.job_id: job for job in jobs.values()}
    if not more and store.holds(spec.name, spec.to_mapping(), rows):
        return Queued(len(jobs), len(cells) - len(jobs), 0, len(distinct))
    store.put(spec.name, spec.to_mapping(), rows, more=more)
    new = queue.enqueue(_by_kin(list(distinct.values())))
    return Queued(len(jobs), len(cells) - len(jobs), new, len(distinct) - new)


def ranked_cells(workspace: Workspace, spec: SweepSpec) -> list[RankedCell]:
    """Return all cells of a sweep, the best first; equal ones by number.

    Cells without the metric come last. Only a grid has neighbours, and so plateau scores.
    """
    results = SweepStore(workspace.state).results(spec.name)
    scores = [one.metrics.get(spec.metric) for one in results]
    values = [one.values for one in results]
    plateaus = plateau_scores(values, scores) if spec.kind == "grid" else [None] * len(results)
    cells = [RankedCell(*one) for one in zip(results, scores, plateaus, strict=True)]
    return sorted(
        cells,
        key=lambda one: (one.score is None, -(one.score or 0.0), one.result.cell),
    )


def sweep_page(workspace: Workspace, spec: SweepSpec, cells: Sequence[RankedCell]) -> Path:
    """Return the page of a sweep, written unless it stands and would tell the same."""
    store, path = SweepStore(workspace.state), workspace.root / PAGES / f"sweep_{spec.name}.html"
    results = [[c.result.job_id, c.result.trial_id, c.result.message] for c in cells]
    told = digest_of([spec.to_mapping(), results])
    if not path.exists() or store.reported(spec.name) != told:
        # Pages bring charts along, which take longer to import than a finished sweep to look at.
        from quant_assets.workflows.pages import write_page
        from quant_assets.workflows.sweep_pages import sweep_html

        write_page(path, sweep_html(workspace, spec, cells))
        store.note_report(spec.name, told)
    return path


def _by_kin(jobs: Sequence[Job]) -> list[Job]:
    """Return jobs by the first of their kin; those without one stay where they are."""
    first: dict[str, int] = {}
    for place, job in enumerate(jobs):
        first.setdefault(job.kin or job.job_id, place)
    return sorted(jobs, key=lambda job: first[job.kin or job.job_id])
