"""Returns of a trial by session, packed as the state database keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import numpy.typing as npt

_DAY = np.dtype("<i4")
_RETURN = np.dtype("<f8")
_WIDTH = _DAY.itemsize + _RETURN.itemsize


@dataclass(frozen=True)
class ReturnSeries:
    """Simple returns, one a session.

    Parameters
    ----------
    packed
        All days since 1970-01-01 as little-endian int32, then all returns as float64.

    Raises
    ------
    ValueError
        If the bytes are no whole number of sessions.
    """

    packed: bytes

    def __post_init__(self) -> None:
        if len(self.packed) % _WIDTH:
            raise ValueError(f"{len(self.packed)} bytes of returns are no whole number of sessions")

    @classmethod
    def of(cls, sessions: Sequence[date], returns: npt.ArrayLike) -> Self:
        """Pack sessions, ascending, and the return of each.

        Raises
        ------
        ValueError
            If there is not one return a session, or the sessions do not rise.
        """
        days = np.array(sessions, dtype="datetime64[D]").astype(np.int64)
        values = np.asarray(returns, dtype=_RETURN)
        if days.shape != values.shape or (np.diff(days) <= 0).any():
            raise ValueError("returns need one rising session each")
        return cls(days.astype(_DAY).tobytes() + values.tobytes())

    def __len__(self) -> int:
        return len(self.packed) // _WIDTH

    @property
    def packed_days(self) -> bytes:
        """Bytes of the days alone: equal for equal sessions."""
        return self.packed[: len(self) * _DAY.itemsize]

    @property
    def days(self) -> npt.NDArray[np.int32]:
        """Days since 1970-01-01, int32 of shape (n,)."""
        return np.frombuffer(self.packed, dtype=_DAY, count=len(self))

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """Simple returns, float64 of shape (n,)."""
        return np.frombuffer(
            self.packed, dtype=_RETURN, count=len(self), offset=len(self) * _DAY.itemsize
        )

    @property
    def sessions(self) -> tuple[date, ...]:
        """Sessions, ascending."""
        return tuple(self.days.astype("datetime64[D]").tolist())


NO_RETURNS = ReturnSeries(b"")
"""Of a trial whose returns were not kept."""
