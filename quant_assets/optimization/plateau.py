"""Plateau score: how good the neighbours of a cell are, beside the cell itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from quant_assets.lineage.fingerprint import digest_of


def plateau_scores(
    cells: Sequence[Mapping[str, Any]], scores: Sequence[float | None]
) -> list[float | None]:
    """Return the plateau score of each cell of a grid.

    Parameters
    ----------
    cells
        Values of each cell by key; all have the same keys.
    scores
        Metric of each cell, the larger the better; None where it has none.

    Returns
    -------
    list
        Of cell c with metric m(c) > 0: the mean of m over N(c), divided by m(c). N(c) are the cells
        with a metric that differ from c in one key alone, by one step: the next smaller or the next
        larger of the numbers that the key takes anywhere among the cells. Keys of which a value is
        no number have no order and no steps. 1 is a plateau, near 0 or below a lonely peak. None
        where m(c) is not above 0, or N(c) is empty.
    """
    steps = {key: _steps([cell[key] for cell in cells]) for key in (cells[0] if cells else ())}
    places = [_place(cell, steps) for cell in cells]
    known = {place: score for place, score in zip(places, scores, strict=True) if score is not None}
    ordered = [axis for axis, key in enumerate(steps) if steps[key]]
    return [_score(place, known, ordered) for place in places]


def _score(
    place: tuple[Any, ...], known: Mapping[tuple[Any, ...], float], ordered: Sequence[int]
) -> float | None:
    """Return the score of one place."""
    own = known.get(place)
    if own is None or own <= 0.0:
        return None
    around = [
        known[beside]
        for axis in ordered
        for step in (-1, 1)
        if (beside := (*place[:axis], place[axis] + step, *place[axis + 1 :])) in known
    ]
    return sum(around) / len(around) / own if around else None


def _steps(values: Sequence[Any]) -> dict[float, int]:
    """Return the place of each number among those that a key takes; none of other values."""
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return {}
    return {value: place for place, value in enumerate(sorted(set(values)))}


def _place(cell: Mapping[str, Any], steps: Mapping[str, Mapping[float, int]]) -> tuple[Any, ...]:
    """Return where a cell lies: a step of each key with an order, a digest of other values."""
    return tuple(of[cell[key]] if of else digest_of(cell[key]) for key, of in steps.items())
