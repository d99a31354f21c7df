"""How far the values of a feature have moved away from those that models were trained on."""

import numpy as np

from quant_assets.indicators.arrays import FloatArray

BINS = 10
_PRIOR = 0.5


def population_stability(
    reference: FloatArray, later: FloatArray, *, bins: int = BINS
) -> float | None:
    """Return the population stability index of later values against earlier ones.

    The sum over bins of (p - q) ln(p / q), where q and p are the shares of the reference and of
    the later values in a bin; bins are cut at the reference's quantiles, equal ones once. Siddiqi
    (2006), Credit Risk Scorecards. Each count is raised by one half, so that an empty bin has a
    share; where nothing has moved the index is about (bins - 1) (1 / n + 1 / m).

    Parameters
    ----------
    reference, later
        Values, shape (n,) and (m,); NaN is left out.

    Returns
    -------
    float or None
        0 and more; None where the reference has fewer values than bins, or there are none later.
    """
    known, new = (values[~np.isnan(values)] for values in (reference, later))
    if known.size < bins or not new.size:
        return None
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins))
    q, p = (_shares(values, edges) for values in (known, new))
    return float(np.sum((p - q) * np.log(p / q)))


def _shares(values: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the smoothed share of the values in each bin; an edge belongs to the bin above."""
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=edges.size + 1)
    raised = counts + _PRIOR
    return np.asarray(raised / raised.sum())
