"""One thread for every numeric library: the bits do not hang on the machine's processors."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

N_THREADS = 1
"""Threads of training and prediction: one, since waiting threads cost more than they gain on
shared processors."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread inside the block."""
    with _libraries().limit(limits=N_THREADS):
        yield


@functools.cache
def _libraries() -> Any:
    """Find the loaded libraries once; a search takes milliseconds, a limit microseconds."""
    import lightgbm  # noqa: F401 its OpenMP must be loaded to be found
    import scipy.linalg  # noqa: F401 as above
    from sklearn.linear_model import LogisticRegression  # noqa: F401 as above
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
