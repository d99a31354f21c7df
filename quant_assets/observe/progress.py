"""Progress of ranges: whoever runs the work listens, whoever does it reports."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Reported(Protocol):
    """What is told of a partition: how it ended, and its key."""

    @property
    def status(self) -> str:
        """How it ended, one word."""
        ...

    @property
    def key(self) -> object:
        """Which partition."""
        ...


class Listener(Protocol):
    """Called after each partition with the asset, its outcome, its place and the total."""

    def __call__(self, asset: str, outcome: Reported, place: int, total: int) -> None:
        """Take note of one partition."""
        ...


_listeners: list[Listener] = []


def report(asset: str, outcome: Reported, place: int, total: int) -> None:
    """Tell everyone who listens in this process."""
    for listener in _listeners:
        listener(asset, outcome, place, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a listener hear all reports of this process while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
