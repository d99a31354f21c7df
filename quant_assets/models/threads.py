"""One thread for every numeric library: the bits do not hang on the machine's processors."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

N_THREADS = 1
"""Threads of training and prediction: one, since waiting threads cost more than they gain on
shared processors."""


class _Limit:
    """The limit of the whole process: libraries count their threads once, not once a caller."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._held: Any = None

    def enter(self) -> None:
        """Set the limit with the first caller."""
        with self._lock:
            if self._inside == 0:
                self._held = _libraries().limit(limits=N_THREADS)
            self._inside += 1

    def leave(self) -> None:
        """Lift the limit with the last caller: until then others still compute."""
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._held.restore_original_limits()


_LIMIT = _Limit()


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread inside the block, whoever else enters or leaves it."""
    _LIMIT.enter()
    try:
        yield
    finally:
        _LIMIT.leave()


@functools.cache
def _libraries() -> Any:
    """Find the loaded libraries once; a search takes milliseconds, a limit microseconds."""
    import lightgbm  # noqa: F401 its OpenMP must be loaded to be found
    import scipy.linalg  # noqa: F401 as above
    from sklearn.linear_model import LogisticRegression  # noqa: F401 as above
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
