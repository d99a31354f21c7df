"""Pruning: which features a fold leaves out and why, judged by its training rows alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from quant_assets.models.spec import PruningSpec

MAX_RANKED_ROWS = 5_000
"""Most rows that correlations are measured on, evenly spaced over the fold's."""

MIN_COMMON_ROWS = 10
"""Fewest rows that two features must share to be called correlated."""

N_REPEATS = 5
"""Shuffles of each feature in the permutation test."""

N_NULL_FITS = 8
"""Fits with shuffled labels in the null-importance test."""

NULL_QUANTILE = 0.75
"""Quantile of the null importances that a feature's own must pass (Kaggle's usual choice)."""


@dataclass
class Pruned:
    """Columns kept, by index, and the reason of each that is not, by name."""

    kept: list[int]
    dropped: dict[str, str] = field(default_factory=dict)

    def drop(self, reasons: dict[int, str], names: Sequence[str]) -> "Pruned":
        """Return what is left when some columns go."""
        kept = [column for column in self.kept if column not in reasons]
        told = {names[column]: reason for column, reason in sorted(reasons.items())}
        return Pruned(kept, self.dropped | told)


def prune_columns(matrix: np.ndarray, names: Sequence[str], spec: PruningSpec) -> Pruned:
    """Leave out what is constant, repeats an earlier feature, or goes with one.

    Parameters
    ----------
    matrix : float64 array of shape (rows, features)
        Training rows; NaN is null.
    """
    pruned = Pruned(list(range(matrix.shape[1])))
    if spec.constant:
        pruned = pruned.drop(_constant(matrix, pruned.kept), names)
    if spec.duplicate:
        pruned = pruned.drop(_duplicate(matrix, pruned.kept, names), names)
    if spec.correlation is not None:
        step = max(1, -(-matrix.shape[0] // MAX_RANKED_ROWS))
        reasons = _correlated(matrix[::step], pruned.kept, names, limit=spec.correlation)
        pruned = pruned.drop(reasons, names)
    return pruned


def prune_unhelpful(
    columns: np.ndarray, *, loss: Callable[[np.ndarray], float], seed: int
) -> dict[int, str]:
    """Return the columns whose shuffling does not worsen the loss, with the reason.

    Parameters
    ----------
    columns : float64 array of shape (rows, kept features)
        Rows that the judged estimator was not trained on.
    loss
        Loss of that estimator on such a matrix.
    """
    base = loss(columns)
    reasons = {}
    for column in range(columns.shape[1]):
        rng = np.random.default_rng([seed, 1, column])
        worse = []
        for _ in range(N_REPEATS):
            shuffled = columns.copy()
            shuffled[:, column] = rng.permutation(shuffled[:, column])
            worse.append(loss(shuffled) - base)
        mean = sum(worse) / N_REPEATS
        if mean <= 0.0:
            reasons[column] = f"permutation: log loss of the tail changes by {mean:.2g}"
    return reasons


def prune_unimportant(
    gains: Sequence[float],
    *,
    null_gains: Callable[[np.random.Generator], Sequence[float]],
    seed: int,
) -> dict[int, str]:
    """Return the columns no more important than with shuffled labels, with the reason.

    Parameters
    ----------
    gains
        Importance of each column with the labels as they are.
    null_gains
        Fits with labels shuffled by the generator, and returns the importances.
    """
    fits = [null_gains(np.random.default_rng([seed, 2, number])) for number in range(N_NULL_FITS)]
    limits = np.quantile(np.array(fits), NULL_QUANTILE, axis=0)
    return {
        column: f"null importance: {gain:.3g}, with shuffled labels up to {limit:.3g}"
        for column, (gain, limit) in enumerate(zip(gains, limits.tolist(), strict=True))
        if gain <= limit
    }


def _constant(matrix: np.ndarray, columns: Sequence[int]) -> dict[int, str]:
    """Find columns with one value or none."""
    reasons = {}
    for column in columns:
        there = matrix[:, column][~np.isnan(matrix[:, column])]
        if not there.size:
            reasons[column] = "constant: null in every row"
        elif (there == there[0]).all():
            reasons[column] = f"constant: {float(there[0])!r} in every row that has a value"
    return reasons


def _duplicate(matrix: np.ndarray, columns: Sequence[int], names: Sequence[str]) -> dict[int, str]:
    """Find columns that repeat an earlier one bit by bit."""
    first: dict[bytes, int] = {}
    reasons = {}
    for column in columns:
        # Adding zero makes one of the two zeros, and null is null whatever its bits.
        values = matrix[:, column] + 0.0
        values[np.isnan(values)] = np.nan
        earlier = first.setdefault(values.tobytes(), column)
        if earlier != column:
            reasons[column] = f"duplicate of {names[earlier]}"
    return reasons


def _correlated(
    matrix: np.ndarray, columns: Sequence[int], names: Sequence[str], *, limit: float
) -> dict[int, str]:
    """Find columns whose Spearman correlation with an earlier kept one passes the limit."""
    if len(columns) < 2:
        return {}
    rho = spearman(matrix[:, list(columns)])
    kept: list[int] = []
    reasons = {}
    for later, column in enumerate(columns):
        earlier = next((i for i in kept if abs(rho[i, later]) > limit), None)
        if earlier is None:
            kept.append(later)
        else:
            value = rho[earlier, later]
            reasons[column] = f"correlated with {names[columns[earlier]]}: {value:.4f}"
    return reasons


def spearman(matrix: np.ndarray) -> np.ndarray:
    """Return the rank correlation of each pair of columns on the rows that both have.

    Columns with the same nulls are ranked together, so that a hundred features need few rankings.
    A pair with fewer than `MIN_COMMON_ROWS` rows, or constant on them, has correlation 0.

    Returns
    -------
    float64 array of shape (features, features)
    """
    there = ~np.isnan(matrix)
    groups: dict[bytes, list[int]] = {}
    for column in range(matrix.shape[1]):
        groups.setdefault(there[:, column].tobytes(), []).append(column)
    rho = np.eye(matrix.shape[1])
    members = list(groups.values())
    for number, first in enumerate(members):
        for second in members[number:]:
            rows = there[:, first[0]] & there[:, second[0]]
            ours, theirs = _unit_ranks(matrix[rows][:, first]), _unit_ranks(matrix[rows][:, second])
            block = ours.T @ theirs
            rho[np.ix_(first, second)] = block
            rho[np.ix_(second, first)] = block.T
    return rho


def _unit_ranks(columns: np.ndarray) -> np.ndarray:
    """Return average ranks, centred and of length 1; zeros for a column without spread."""
    from scipy.stats import rankdata

    if columns.shape[0] < MIN_COMMON_ROWS:
        return np.zeros(columns.shape)
    ranks = rankdata(columns, axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.sqrt((ranks * ranks).sum(axis=0))
    return np.asarray(np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0.0))
