"""A sweep's trials as the charts need them: values of keys in order, and means by two keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import polars as pl

MOST_VALUES = 20
MOST_KEYS = 8


@dataclass(frozen=True)
class KeyValues:
    """Values of one varied key.

    Parameters
    ----------
    texts
        The value of each row as it is written.
    ordered
        Those that occur, once each: figures by size, all else by text.
    """

    texts: list[str]
    ordered: list[str]

    @property
    def places(self) -> list[int]:
        """Place of each row's value among the ordered ones."""
        at = {text: place for place, text in enumerate(self.ordered)}
        return [at[text] for text in self.texts]


def key_values(column: pl.Series, *, most: int | None = None) -> KeyValues:
    """Return the values of a varied key; a null is written `-` and comes first.

    Parameters
    ----------
    most
        Where more figures than this differ, as in a random search, they are put into as many
        ranges of about equally many trials, and written as their ends.
    """
    if column.dtype.is_numeric():
        figures = column.cast(pl.Float64)
        if most is not None and figures.n_unique() > most:
            return _ranges(figures, most)
        texts = ["-" if value is None else f"{value:.10g}" for value in figures]
        order = sorted(set(zip(figures.fill_null(-np.inf), texts, strict=True)))
        return KeyValues(texts, list(dict.fromkeys(text for _, text in order)))
    texts = ["-" if value is None else _word(value) for value in column.to_list()]
    return KeyValues(texts, sorted(set(texts), key=lambda text: (text != "-", text)))


def _ranges(figures: pl.Series, most: int) -> KeyValues:
    """Return figures as ranges of about equally many rows; equal figures share a range."""
    known = figures.drop_nulls().to_numpy()
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, most + 1), method="lower"))
    last = max(1, edges.size - 1)
    names = [f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges)]
    places = np.clip(np.searchsorted(edges, figures.fill_null(0.0), side="right") - 1, 0, last - 1)
    texts = [
        "-" if value is None else names[place] for value, place in zip(figures, places, strict=True)
    ]
    here = set(texts)
    return KeyValues(texts, [name for name in ("-", *names) if name in here])


def _word(value: Any) -> str:
    """Return a value that is no figure as one text: lists by their items."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def pair_cells(trials: pl.DataFrame, *, varied: Sequence[str], metric: str) -> list[dict[str, Any]]:
    """Return for each two keys the best, the mean and the count of trials in each cell.

    Parameters
    ----------
    trials
        Completed trials, with a column for each key and one for the metric.

    Returns
    -------
    list
        Of each pair `keys` (first across), `labels` of both, `others` (the keys that are
        marginalised) and `best`, `mean` and `counts` as rows of cells, the second key's first
        value at the bottom; a cell without trials is None. At most eight keys are paired.
    """
    known = trials.drop_nulls(metric)
    values = known[metric].to_numpy().astype(np.float64)
    told = {key: key_values(known[key], most=MOST_VALUES) for key in varied[:MOST_KEYS]}
    return [
        {
            "keys": [across, up],
            "labels": [told[across].ordered, told[up].ordered],
            "others": [key for key in varied if key not in {across, up}],
        }
        | _cells(values, told[across], told[up])
        for across, up in combinations(told, 2)
    ]


def _cells(values: np.ndarray, across: KeyValues, up: KeyValues) -> dict[str, Any]:
    """Return best, mean and count of each cell."""
    shape = (len(up.ordered), len(across.ordered))
    at = (np.array(up.places, dtype=np.int64), np.array(across.places, dtype=np.int64))
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, at, 1)
    total = np.zeros(shape)
    np.add.at(total, at, values)
    best = np.full(shape, -np.inf)
    np.maximum.at(best, at, values)
    held = counts > 0
    mean = np.where(held, total / np.maximum(counts, 1), np.nan)
    return {
        "best": _rows(np.where(held, best, np.nan)),
        "mean": _rows(mean),
        "counts": counts.tolist(),
    }


def _rows(cells: np.ndarray) -> list[list[float | None]]:
    """Return cells as rows with six digits, None for NaN."""
    return [[None if np.isnan(value) else float(f"{value:.6g}") for value in row] for row in cells]
