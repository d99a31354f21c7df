"""Plateau scores against a loop over all pairs of cells."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quant_assets.optimization.plateau import plateau_scores


def oracle(cells: list[dict[str, Any]], scores: list[float | None]) -> list[float | None]:
    """Compare every cell with every other one."""
    found: list[float | None] = []
    for cell, own in zip(cells, scores, strict=True):
        around = []
        for other, score in zip(cells, scores, strict=True):
            differing = [key for key in cell if cell[key] != other[key]]
            if score is None or len(differing) != 1:
                continue
            key = differing[0]
            taken = sorted({one[key] for one in cells}, key=str)
            if any(isinstance(value, str) for value in taken):
                continue
            taken = sorted(taken)
            if abs(taken.index(cell[key]) - taken.index(other[key])) == 1:
                around.append(score)
        defined = own is not None and own > 0 and around
        found.append(sum(around) / len(around) / own if defined else None)
    return found


@given(st.data())
def test_it_is_the_mean_of_the_neighbours_over_the_cells_own(data: st.DataObject) -> None:
    """On grids with holes, of numbers and of words, whatever the order of the cells."""
    xs = data.draw(st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True))
    ys = data.draw(st.lists(st.floats(0.1, 9.0), min_size=1, max_size=3, unique=True))
    grid = [{"x": x, "y": y, "z": z} for x in xs for y in ys for z in ("a", "b")]
    cells = data.draw(st.permutations(grid).map(lambda order: order[: 2 * len(order) // 3 + 1]))
    score = st.none() | st.floats(-3.0, 3.0)
    scores = data.draw(st.lists(score, min_size=len(cells), max_size=len(cells)))
    for got, wanted in zip(plateau_scores(cells, scores), oracle(cells, scores), strict=True):
        assert (got is None) == (wanted is None)
        assert got is None or math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-12)


def test_a_plateau_scores_one_and_a_lonely_peak_near_nothing() -> None:
    """A cell among equals; a cell among worthless ones; a loser has no score."""
    line = [{"x": x} for x in (1, 2, 4, 8)]
    assert plateau_scores(line, [1.0, 1.0, 1.0, 1.0]) == [1.0] * 4
    assert plateau_scores(line, [0.1, 2.0, 0.3, -1.0]) == [20.0, 0.1, 0.5 / 0.3, None]
    assert plateau_scores([], []) == []
