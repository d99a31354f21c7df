"""Time from a decision to the order's arrival, as numbers for the kernels."""

import math

import numpy as np
import numpy.typing as npt

from quant_assets.execution.latency_kernels import (
    CONSTANT,
    EMPIRICAL,
    LOGNORMAL,
    UNIFORM,
    order_latency,
)
from quant_assets.signals.execution_spec import LatencySpec

_MS_NS = 1e6
_LEAST_SHARE = 1e-290

Rules = npt.NDArray[np.float64]


def latency_rules(spec: LatencySpec) -> tuple[Rules, Rules]:
    """Return a spec as the two arrays that `latency_kernels.order_latency` takes.

    Returns
    -------
    rules : float64 array of shape (5,)
        Kind, then what it needs: the constant in ns, or the logarithm of the median in ns, the
        deviation, the normal's share below the cut, and the cut in ns.
    samples : float64 array of shape (n,)
        Sorted samples in ns; empty but for kind `empirical`.
    """
    rules = np.zeros(5, dtype=np.float64)
    rules[0] = {"uniform": UNIFORM, "constant": CONSTANT, "empirical": EMPIRICAL}.get(
        spec.kind, LOGNORMAL
    )
    rules[1] = spec.arrival_ms * _MS_NS
    if spec.kind == "lognormal_truncated":
        _cut_lognormal(rules, spec)
    samples = spec.samples_ms if spec.kind == "empirical" else ()
    return rules, np.sort(np.asarray(samples, dtype=np.float64)) * _MS_NS


def _cut_lognormal(rules: Rules, spec: LatencySpec) -> None:
    """Write the rules of a log-normal way that never takes longer than the cut."""
    most_ns = spec.most_ms * _MS_NS
    cut = (math.log(spec.most_ms) - math.log(spec.arrival_ms)) / spec.spread
    share = 0.5 * math.erfc(-cut / math.sqrt(2.0))
    if share < _LEAST_SHARE:
        # A cut so far below the median leaves a distribution that is all at the cut.
        rules[:2] = CONSTANT, most_ns
        return
    rules[1:] = math.log(rules[1]), spec.spread, share, most_ns


def arrivals(
    decided_ns: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    spec: LatencySpec | None,
    *,
    seed: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return when orders arrive, and how long after a fill it is known, both in ns.

    Parameters
    ----------
    decided_ns, numbers : int64 arrays of shape (n,)
        Times of the decisions, and the numbers that draws hang on.
    spec
        None: orders take no time.
    """
    if spec is None:
        return decided_ns, np.zeros(len(decided_ns), dtype=np.int64)
    rules, samples = latency_rules(spec)
    ways = [order_latency(rules, samples, seed, int(number)) for number in numbers]
    there, back = np.array(ways, dtype=np.int64).reshape(-1, 2).T
    return decided_ns + there, back
