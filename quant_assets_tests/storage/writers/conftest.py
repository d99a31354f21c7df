"""A disk that fills up."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

MAX_BYTES = 20_000


@contextmanager
def _limited() -> Iterator[None]:
    """Let no file of this process grow beyond some bytes, as on a full disk."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def small_disk() -> Callable[[], AbstractContextManager[None]]:
    """Give a context in which writes of more than `MAX_BYTES` bytes fail."""
    return _limited
