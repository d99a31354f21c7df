"""Fitting regimes: a Gaussian mixture, clusters of volatility, and labels that stay the same.

A state is a function of the rows it is fitted on, of the settings and of the state before it.
"""

from dataclasses import dataclass, replace

import numpy as np

from quant_assets.features.regime_kernels import cut_line
from quant_assets.features.regime_mixture import Mixture, fit_mixture
from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.settings.model import RegimeSettings

MOST_ROWS = 8_000
"""More complete rows are thinned to this many, evenly: neighbouring bars share 19 of 20 returns."""

_TOLERANCE, _MOST_STEPS = 1e-4, 300
"""Gain in mean log likelihood below which a fit has settled, and steps after which it ends."""

_AS_LIKELY = 0.1
"""Mean log likelihood of a row by which fits may differ and still tell regimes apart as well: of
these the one that is most alike to the state before is taken, so that regimes go on.
"""

_FLOOR = 1e-6
"""Added to variances, in squared deviations of the window, so that no component is a point."""

_N_INGREDIENTS = 3
_VOLATILITY, _VOLUME = 0, 2
"""Columns of the ingredients."""

_LEAST_WITH_VOLUME = 0.5
"""Share of rows with a volume below which volume is left out of the mixture."""

_FLAT = 1e-9
"""Deviation, against the mean's size, below which an ingredient counts as constant."""


@dataclass(frozen=True, eq=False)
class RegimeState:
    """Fitted regimes; a label is the place of its component or cluster.

    Parameters
    ----------
    uses
        Columns of the ingredients that the mixture knows, ascending, shape (d,).
    center, scale
        Mean and deviation of those ingredients over the window, shape (d,); a constant one has
        scale 1.
    weights, means, covariances
        Mixture in the ingredients' own units, shapes (k,), (k, d) and (k, d, d).
    cluster_shares, cluster_centers, cluster_variances
        Clusters of log volatility, the calmest first, shape (m,).
    n_rows
        Complete rows of the window, before thinning.
    """

    uses: tuple[int, ...]
    center: FloatArray
    scale: FloatArray
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    cluster_shares: FloatArray
    cluster_centers: FloatArray
    cluster_variances: FloatArray
    n_rows: int


def fit_state(
    rows: FloatArray, *, rules: RegimeSettings, previous: RegimeState | None = None
) -> RegimeState | None:
    """Fit regimes to the ingredients of past bars.

    Parameters
    ----------
    rows
        Ingredients of bars in time order, shape (n, 3), NaN where there is none.
    rules
        Numbers of regimes, and fewest complete rows.
    previous
        State before, whose labels are kept; None lets 0 be the regime of the lowest volatility.

    Returns
    -------
    RegimeState or None
        None where complete rows are too few, or have fewer volatilities than there are regimes.
    """
    uses = _used(rows)
    complete = rows[np.isfinite(rows[:, list(uses)]).all(axis=1)]
    if complete.shape[0] < rules.least_rows:
        return None
    thinned = _thinned(complete)
    mixed = np.ascontiguousarray(thinned[:, list(uses)])
    volatility = np.sort(thinned[:, _VOLATILITY])
    if _too_alike(volatility, rules):
        return None
    center, scale = mixed.mean(axis=0), _scales(mixed)
    shares, centers, variances = _clusters(volatility, rules.volatility_clusters)
    fits = _mixtures((mixed - center) / scale, rules.mixture_components)
    states = [
        RegimeState(
            uses=uses,
            center=center,
            scale=scale,
            weights=fit.weights,
            means=center + fit.means * scale,
            covariances=fit.covariances * np.outer(scale, scale),
            cluster_shares=shares,
            cluster_centers=centers,
            cluster_variances=variances,
            n_rows=complete.shape[0],
        )
        for fit in fits
    ]
    ordered = [relabelled(state, order_of(state, previous)) for state in states]
    return _most_alike(ordered, previous)


def order_of(state: RegimeState, previous: RegimeState | None) -> IntArray:
    """Return which of a state's components gets label 0, 1 and so on.

    Components are matched to those of the state before so that the sum of squared distances of
    their means is least (Kuhn 1955), in that state's deviations and over the ingredients that
    both know. Without one of as many components they go by mean log volatility, ascending.
    """
    if previous is None or previous.weights.shape != state.weights.shape:
        order: IntArray = np.lexsort(state.means.T[::-1])
        return order
    from scipy.optimize import linear_sum_assignment

    _, matched = linear_sum_assignment(_distances(state, previous))
    return np.asarray(matched, dtype=np.int64)


def relabelled(state: RegimeState, order: IntArray) -> RegimeState:
    """Return the state with its components in another order."""
    return replace(
        state,
        weights=state.weights[order],
        means=state.means[order],
        covariances=state.covariances[order],
    )


def _distances(state: RegimeState, previous: RegimeState) -> FloatArray:
    """Return squared distances of a state's means (columns) from those of the one before."""
    shared = [name for name in previous.uses if name in state.uses]
    before = [previous.uses.index(name) for name in shared]
    now = [state.uses.index(name) for name in shared]
    apart = previous.means[:, None, before] - state.means[None, :, now]
    squares: FloatArray = ((apart / previous.scale[before]) ** 2).sum(axis=2)
    return squares


def _most_alike(states: list[RegimeState], previous: RegimeState | None) -> RegimeState:
    """Return which of several likely states goes on from the one before; the first without one."""
    if previous is None or previous.weights.shape != states[0].weights.shape:
        return states[0]
    return min(states, key=lambda state: float(np.trace(_distances(state, previous))))


def _used(rows: FloatArray) -> tuple[int, ...]:
    """Return the ingredients that are there: volume is left out where it mostly is missing."""
    without = np.isfinite(rows[:, :_VOLUME]).all(axis=1)
    whole = without & np.isfinite(rows[:, _VOLUME])
    has_volume = whole.sum() >= max(1.0, _LEAST_WITH_VOLUME * without.sum())
    return tuple(range(_N_INGREDIENTS if has_volume else _VOLUME))


def _thinned(rows: FloatArray) -> FloatArray:
    """Return at most `MOST_ROWS` rows, evenly spaced from the first on."""
    if rows.shape[0] <= MOST_ROWS:
        return rows
    places = np.arange(MOST_ROWS) * rows.shape[0] // MOST_ROWS
    thinned: FloatArray = rows[places]
    return thinned


def _too_alike(volatility: FloatArray, rules: RegimeSettings) -> bool:
    """Whether rows differ in fewer volatilities than there are regimes."""
    regimes = max(rules.mixture_components, rules.volatility_clusters)
    return bool(np.unique(volatility).shape[0] < regimes)


def _scales(rows: FloatArray) -> FloatArray:
    """Return the deviation of each column, 1 where it is constant."""
    deviations = rows.std(axis=0)
    is_flat = deviations <= _FLAT * np.abs(rows).max(axis=0)
    scales: FloatArray = np.where(is_flat, 1.0, deviations)
    return scales


def _mixtures(rows: FloatArray, components: int) -> list[Mixture]:
    """Return the Gaussian mixtures, with full covariances, that are about as likely as the best.

    Fits begin with the clusters of each ingredient alone, volatility first: the usual random
    starts end in poorer places, and in another one from window to window. One thread and nothing
    drawn: the bits do not depend on the machine's load or settings. A fit that has not settled
    after all steps is taken as it is.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        starts = (_start(rows, column, components) for column in range(rows.shape[1]))
        fits = [_fitted(rows, start) for start in starts if start]
    best = max(fit.likelihood for fit in fits)
    return [fit for fit in fits if fit.likelihood >= best - _AS_LIKELY]


def _start(rows: FloatArray, column: int, components: int) -> list[FloatArray] | None:
    """Return the parts into which one ingredient's clusters cut the rows.

    None where the ingredient has too few values.
    """
    order = np.argsort(rows[:, column], kind="stable")
    ordered = np.ascontiguousarray(rows[order, column])
    if np.unique(ordered).shape[0] < components:
        return None
    return np.split(rows[order], cut_line(ordered, components)[1:])


def _fitted(rows: FloatArray, parts: list[FloatArray]) -> Mixture:
    """Return the mixture that is fitted from the moments of some parts of the rows."""
    floor = _FLOOR * np.eye(rows.shape[1])
    begin = Mixture(
        weights=np.array([part.shape[0] for part in parts]) / rows.shape[0],
        means=np.array([part.mean(axis=0) for part in parts]),
        covariances=np.array([np.atleast_2d(np.cov(part.T, bias=True)) + floor for part in parts]),
        likelihood=-np.inf,
    )
    found = fit_mixture(rows, begin, floor=_FLOOR, tolerance=_TOLERANCE, most_steps=_MOST_STEPS)
    # Rounding leaves the two triangles a bit apart; densities read the lower one.
    lower = np.tril(found.covariances)
    return replace(found, covariances=lower + np.tril(lower, -1).transpose(0, 2, 1))


def _clusters(ordered: FloatArray, clusters: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return shares, centres and variances of the clusters of ascending values."""
    parts = np.split(ordered, cut_line(ordered, clusters)[1:])
    return (
        np.array([part.size / ordered.size for part in parts]),
        np.array([part.mean() for part in parts]),
        np.array([part.var() for part in parts]),
    )
