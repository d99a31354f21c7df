"""Spans in which nothing fills: from the venue's status records, or inferred from silence.

Execution alone reads them: a strategy learns of a halt when its record is received.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.execution.reasons import Reason, code_of

HALT_SPANS = {"start_ns": pl.Int64(), "end_ns": pl.Int64(), "reason": pl.String()}
"""Columns of spans: half-open, in order, none over another; the reason is a `Reason`."""

_STOPS = frozenset({"HALT", "PAUSE", "SUSPEND", "NOT_AVAILABLE_FOR_TRADING"})
_PHASES = frozenset({"PRE_OPEN", "PRE_CROSS", "CROSS", "PRE_CLOSE", "CLOSE", "POST_CLOSE"})
_RESTING_ONLY = frozenset({"PRE_OPEN", "PRE_CROSS", "CROSS"})
_RESUMES = "TRADING"
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class _Record:
    """One status record: `is_trading` is None where the venue does not say."""

    at_ns: int
    action: str
    reason: str
    is_trading: bool | None

    @property
    def stops(self) -> bool:
        """Whether nothing trades from here on until TRADING."""
        return self.action in _STOPS

    @property
    def closes(self) -> bool:
        """Whether nothing trades from here on, though nothing was stopped."""
        if self.is_trading is None:
            return self.action in _RESTING_ONLY
        return not self.is_trading

    def resumes(self, *, was_stopped: bool) -> bool:
        """Whether trading goes on: at TRADING, and without a halt also where the flag says so."""
        if self.is_trading is False or self.stops:
            return False
        return self.action == _RESUMES or (self.is_trading is True and not was_stopped)

    @property
    def cause(self) -> Reason:
        """Why nothing trades."""
        for start, cause in _CAUSES.items():
            if self.reason.startswith(start):
                return cause
        if self.action == "SUSPEND":
            return Reason.SUSPENDED
        return Reason.SESSION_CLOSED if self.action in _PHASES else Reason.HALT_OTHER


_CAUSES = {
    "LULD": Reason.HALT_LULD,
    "NEWS": Reason.HALT_NEWS,
    "MARKET_WIDE": Reason.HALT_MARKET_WIDE,
    "SEC_TRADING_SUSPENSION": Reason.SUSPENDED,
    "SCHEDULED": Reason.SESSION_CLOSED,
}
"""How the vendor's reasons begin, and what they are here."""


def halts_of_status(status: pl.DataFrame, *, session_end_ns: int) -> pl.DataFrame:
    """Return the spans of a session in which nothing fills, by its status records.

    HALT, PAUSE, SUSPEND and NOT_AVAILABLE_FOR_TRADING stop trading until TRADING; a further one
    begins a span of its own reason. A record that says trading is off, or an auction's phase that
    takes resting orders alone, begins a span of reason `session_closed` until trading is on. What
    never resumes lasts to the session's end.

    Parameters
    ----------
    status
        Rows of RAW_STATUS of one symbol and session: ts, action, reason, is_trading, and seq where
        there is one.
    session_end_ns
        Start of the next session; no span reaches beyond it.

    Returns
    -------
    DataFrame
        In the columns of HALT_SPANS.
    """
    spans: list[tuple[int, int, str]] = []
    begun_ns, cause, was_stopped = 0, None, False
    for record in _records(status):
        if record.at_ns >= session_end_ns:
            break
        begins = record.stops or (cause is None and record.closes)
        if cause is not None and (begins or record.resumes(was_stopped=was_stopped)):
            _close(spans, begun_ns, record.at_ns, cause)
            cause = None
        if begins:
            begun_ns, cause, was_stopped = record.at_ns, record.cause, record.stops
    if cause is not None:
        _close(spans, begun_ns, session_end_ns, cause)
    return pl.DataFrame(spans, schema=HALT_SPANS, orient="row")


def _records(status: pl.DataFrame) -> Iterator[_Record]:
    """Return the records in the order of their time and source."""
    order = [name for name in ("ts", "seq") if name in status.columns]
    rows = status.sort(order, maintain_order=True).select(
        pl.col("ts").cast(pl.Int64),
        pl.col("action", "reason").cast(pl.String),
        "is_trading",
    )
    return (_Record(*row) for row in rows.iter_rows())


def _close(spans: list[tuple[int, int, str]], start_ns: int, end_ns: int, cause: Reason) -> None:
    """Add a span, or lengthen the last one where it goes on for the same reason."""
    if start_ns >= end_ns:
        return
    if spans and spans[-1][1:] == (start_ns, cause.value):
        start_ns = spans.pop()[0]
    spans.append((start_ns, end_ns, cause.value))


def within_session(
    halts: pl.DataFrame | None, *, start_ns: int, end_ns: int, horizon_ns: int
) -> pl.DataFrame:
    """Return halts cut to a session, with all around it closed.

    Parameters
    ----------
    halts
        In the columns of HALT_SPANS; None is none.
    start_ns, end_ns
        The session, half-open.
    horizon_ns
        How far before and after it spans of reason `session_closed` reach.
    """
    spans = [] if halts is None else halts.sort("start_ns").rows()
    inside = [(max(start, start_ns), min(end, end_ns), why) for start, end, why in spans]
    closed = Reason.SESSION_CLOSED.value
    rows = [
        (start_ns - horizon_ns, start_ns, closed),
        *(span for span in inside if span[0] < span[1]),
        (end_ns, end_ns + horizon_ns, closed),
    ]
    return pl.DataFrame(rows, schema=HALT_SPANS, orient="row")


def inferred_halts(
    times: pl.Series,
    *,
    open_ns: int,
    close_ns: int,
    width_s: int = 1,
    trailing_s: int = 1800,
    least_silence_s: int = 300,
    most_log10_chance: float = -12.0,
) -> pl.DataFrame:
    """Return silences of regular hours that chance does not explain, as spans.

    With p the share of traded slots in the trailing time before a silence of n slots, chance
    explains it with probability (1 - p)^n. A silence is a halt from `least_silence_s` on and where
    that probability's logarithm lies below `most_log10_chance`. Without records this is the only
    sign; on 9 real symbol-days the longest silence was 78 s, of 1e-9.

    Parameters
    ----------
    times
        Times of trades, or starts of bars that hold one; Datetime of UTC, in any order.
    open_ns, close_ns
        Regular hours, half-open; times outside count for nothing.
    width_s
        Width of a slot: 1 for trades and second bars, else the bars' own.
    trailing_s
        Time that p is taken over. Right after the open it reaches before it, where nothing counts,
        so that p is low there and few silences are halts.

    Returns
    -------
    DataFrame
        In the columns of HALT_SPANS, of reason `halt_inferred`.
    """
    width_ns = width_s * _SECOND_NS
    stamps = times.cast(pl.Datetime("ns", "UTC")).cast(pl.Int64).to_numpy()
    inside = stamps[(stamps >= open_ns) & (stamps < close_ns)]
    slots = np.unique((inside - open_ns) // width_ns)
    n_trailing = max(trailing_s // width_s, 1)
    log10_quiet = np.log10(1.0 - _traded_share(slots, n_trailing))
    nexts = np.append(slots[1:], -(-(close_ns - open_ns) // width_ns))
    silence = nexts - slots - 1
    is_halt = (silence * width_s >= least_silence_s) & (silence * log10_quiet < most_log10_chance)
    ends = np.minimum(open_ns + nexts[is_halt] * width_ns, close_ns)
    return pl.DataFrame(
        {
            "start_ns": open_ns + (slots[is_halt] + 1) * width_ns,
            "end_ns": ends,
            "reason": [Reason.HALT_INFERRED.value] * int(is_halt.sum()),
        },
        schema=HALT_SPANS,
    )


def _traded_share(slots: npt.NDArray[np.int64], n_trailing: int) -> npt.NDArray[np.float64]:
    """Return the share of traded slots up to and with each; below 1 however dense."""
    firsts = np.searchsorted(slots, slots - n_trailing, side="right")
    shares: npt.NDArray[np.float64] = (np.arange(len(slots)) + 1 - firsts) / (n_trailing + 1.0)
    return shares


def span_arrays(
    halts: pl.DataFrame | None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return spans as starts, ends and codes of reasons for kernels, in order of time; None: none.

    Returns
    -------
    int64 arrays of shape (n_spans,)
    """
    if halts is None:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    rows = halts.sort("start_ns")
    codes = np.array([code_of(Reason(word)) for word in rows["reason"]], dtype=np.int64)
    return rows["start_ns"].to_numpy(), rows["end_ns"].to_numpy(), codes
