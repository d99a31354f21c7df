"""The cells of a sweep: every combination, or draws, each a strategy or the reason why not."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.errors import StrategyError
from quant_assets.optimization.strategy_keys import spread_out, value_at, with_values
from quant_assets.optimization.sweep_spec import Choice, Range, SweepSpec
from quant_assets.signals.strategy import Strategy

_DRAWS_A_CELL = 100
"""How often a draw is repeated that breaks a constraint or was drawn before."""


@dataclass(frozen=True)
class Cell:
    """One combination of values.

    Parameters
    ----------
    number
        From 0 on, in the order of the grid or of the draws; it names the strategy.
    values
        By dotted key, in the order of the spec.
    strategy
        None where a strategy's rules refuse the values; `invalid` says why.
    """

    number: int
    values: Mapping[str, Any]
    strategy: Strategy | None
    invalid: str | None = None


def count_cells(spec: SweepSpec) -> int:
    """Return how many cells a sweep has, before its constraints; none is built.

    Raises
    ------
    StrategyError
        If they are more than `max_trials`, or fewer than are to be drawn.
    """
    sizes = {key: len(varied.values()) for key, varied in spec.vary.items()}
    if spec.kind == "grid":
        total = math.prod(sizes.values())
        shape = " x ".join(f"{size:,} {key}" for key, size in sizes.items())
    else:
        total, shape = spec.trials or 0, f"{spec.kind} draws"
        distinct = math.prod(sizes.values())
        # A range without steps, of size 0, has as many values as one likes.
        if 0 < distinct < total:
            raise StrategyError(
                asked=f"{total:,} trials of sweep {spec.name!r}",
                found=f"its values make {distinct:,} cells",
                remedy="Lower trials, or try them all with kind: grid.",
            )
    if total > spec.max_trials:
        raise StrategyError(
            asked=f"sweep {spec.name!r} of {total:,} cells ({shape})",
            found=f"{spec.max_trials:,} are the most",
            remedy="Vary less, draw with kind: random, or raise max_trials.",
        )
    return total


def sweep_cells(spec: SweepSpec, base: Mapping[str, Any]) -> list[Cell]:
    """Return the cells of a grid or random sweep that keep its constraints.

    Parameters
    ----------
    base
        Values of the base strategy.

    Raises
    ------
    StrategyError
        As `count_cells`; or if no cell is a strategy.
    """
    count_cells(spec)
    spread = spread_base(spec, base)
    values = grid_values(spec) if spec.kind == "grid" else random_values(spec, spread)
    cells = list(checked_cells(spec, spread, values))
    if not any(cell.strategy for cell in cells):
        reasons = sorted({cell.invalid or "" for cell in cells}) or ["every cell breaks one"]
        raise StrategyError(
            asked=f"cells of sweep {spec.name!r}",
            found=f"none is a strategy: {reasons[0]}",
            remedy="Correct its base, vary or constraints.",
        )
    return cells


def spread_base(spec: SweepSpec, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base's values, as keys within keys.

    Raises
    ------
    StrategyError
        If its label is none.
    """
    try:
        return spread_out(base)
    except ValueError as error:
        raise StrategyError(
            asked=f"the base of sweep {spec.name!r}",
            found=" ".join(str(error).split()),
            remedy="Correct its label.",
        ) from error


def checked_cells(
    spec: SweepSpec, base: Mapping[str, Any], values: Iterable[Mapping[str, Any]]
) -> Iterator[Cell]:
    """Yield a cell for each combination that keeps the constraints; its number counts all."""
    for number, chosen in enumerate(values):
        made = with_values(base, chosen)
        if keeps_constraints(spec, made):
            yield check_cell(spec, number, chosen, made)


def keeps_constraints(spec: SweepSpec, made: Mapping[str, Any]) -> bool:
    """Whether a cell's values keep all constraints; a key that is left out has its default."""
    if all(value_at(made, key) is not None for key in spec.compared_keys):
        return spec.allows(made)
    try:
        whole = Strategy.parse({**made, "name": spec.name}).model_dump(mode="json")
    except StrategyError:
        return spec.allows(made)
    return spec.allows(whole)


def check_cell(
    spec: SweepSpec, number: int, values: Mapping[str, Any], made: Mapping[str, Any]
) -> Cell:
    """Return a cell, its strategy checked."""
    try:
        named = {**made, "name": f"{spec.name}_{number:05d}"}
        return Cell(number, values, Strategy.parse(named))
    except StrategyError as error:
        return Cell(number, values, None, error.found)


def grid_values(spec: SweepSpec) -> Iterator[dict[str, Any]]:
    """Yield every combination, the last key's values changing fastest."""
    for chosen in itertools.product(*(varied.values() for varied in spec.vary.values())):
        yield dict(zip(spec.vary, chosen, strict=True))


def random_values(spec: SweepSpec, base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield draws that keep the constraints, each once; as many as asked for, if there are.

    The order in which a file lists its keys decides nothing.
    """
    draws = np.random.default_rng(spec.seed or 0)
    trials, seen = spec.trials or 0, set[str]()
    for _ in range(_DRAWS_A_CELL * trials):
        if len(seen) == trials:
            return
        drawn = {key: _draw(spec.vary[key], draws.random()) for key in sorted(spec.vary)}
        told = digest_of(drawn)
        if told not in seen and keeps_constraints(spec, with_values(base, drawn)):
            seen.add(told)
            yield {key: drawn[key] for key in spec.vary}


def _draw(varied: Range | Choice, share: float) -> Any:
    """Return the value that a draw from [0, 1) stands for."""
    values: Sequence[Any] = varied.values()
    if values:
        return values[int(share * len(values))]
    assert isinstance(varied, Range)  # noqa: S101 a choice has values
    if varied.is_whole and varied.scale == "linear":
        return int(varied.first) + int(share * (int(varied.last) - int(varied.first) + 1))
    return varied.at(share)
