"""What backtests of one market share: made once by a caller that runs many, anew by any other."""

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

Made = TypeVar("Made")


class Kept(Protocol):
    """Gives what was made under a name before, or makes it.

    A name tells all that the thing hangs on beside the market: its symbols' bars, finer bars,
    halts, closes and instruments. Whoever keeps things keeps those of one market apart from
    those of another, by their content; what is kept is never written to.
    """

    def __call__(self, what: str, on: Hashable, make: Callable[[], Made], /) -> Made:
        """Return what `make` returns, of kind `what`, by the values `on` that it hangs on."""
        ...


def made_anew(_what: str, _on: Hashable, make: Callable[[], Made], /) -> Made:
    """Keep nothing."""
    return make()
