"""Where an indicator must start anew: after a missing value, and at another contract."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def unbroken_runs(
    missing: NDArray[np.bool_], starts: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Yield the half-open row ranges over which an indicator runs without a break.

    Parameters
    ----------
    missing
        Shape (n,); true where a row lacks a value: it belongs to no run.
    starts
        Shape (n,); true where a row begins something new, for example another contract.
    """
    usable = ~missing
    after_missing = np.ones(usable.shape[0], dtype=np.bool_)
    after_missing[1:] = missing[:-1]
    firsts = np.flatnonzero(usable & (after_missing | starts))
    before_break = np.ones(usable.shape[0], dtype=np.bool_)
    before_break[:-1] = missing[1:] | starts[1:]
    lasts = np.flatnonzero(usable & before_break)
    for first, last in zip(firsts, lasts, strict=True):
        yield int(first), int(last) + 1
