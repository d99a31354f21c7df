"""Why an order, or a rest of it, was not filled: words as stored, whole numbers for kernels.

The number of a reason is its place in `Reason`; 0 stands for an order that was filled whole.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why nothing, or not all, was filled."""

    FILLED = "filled"
    """All was filled."""
    HALT_LULD = "halt_luld"
    """Paused at a limit-up limit-down band."""
    HALT_NEWS = "halt_news"
    """Halted for news."""
    HALT_MARKET_WIDE = "halt_market_wide"
    """A market-wide circuit breaker."""
    SUSPENDED = "suspended"
    """Trading is suspended."""
    HALT_OTHER = "halt_other"
    """Halted for another reason, or for none that was told."""
    HALT_INFERRED = "halt_inferred"
    """No record tells of a halt; the silence does."""
    SESSION_CLOSED = "session_closed"
    """The market does not trade at that time."""
    NO_QUOTE = "no_quote"
    """No quote stood, nor came in time."""
    STALE_QUOTE = "stale_quote"
    """The last quote was too old, or from before a halt."""
    CROSSED_QUOTE = "crossed_quote"
    """The bid stood above the ask."""
    LOCKED_QUOTE = "locked_quote"
    """The bid stood at the ask."""
    EMPTY_QUOTE = "empty_quote"
    """The quote offered no size on the side that was asked for."""
    LIQUIDITY = "liquidity"
    """What was offered in time was too little."""
    COLLAR = "collar"
    """The rest would have paid more than the collar allows."""
    SHORT_RESTRICTED = "short_restricted"
    """Short sales are restricted to prices above the bid."""
    NO_BORROW = "no_borrow"
    """No shares to sell short."""
    BUYING_POWER = "buying_power"
    """The account cannot carry the position."""
    BAD_SIZE = "bad_size"
    """The size is no positive multiple of the step."""
    BAD_PRICE = "bad_price"
    """The price is no number, or off the tick."""
    EXPIRED = "expired"
    """The limit was not met in time."""


REASONS = tuple(reason.value for reason in Reason)
"""The words, each at the place of its number."""

_CODES = {reason: code for code, reason in enumerate(Reason)}


def code_of(reason: Reason) -> int:
    """Return the number that stands for a reason in kernels."""
    return _CODES[reason]


FILLED = code_of(Reason.FILLED)
SESSION_CLOSED = code_of(Reason.SESSION_CLOSED)
NO_QUOTE = code_of(Reason.NO_QUOTE)
STALE_QUOTE = code_of(Reason.STALE_QUOTE)
CROSSED_QUOTE = code_of(Reason.CROSSED_QUOTE)
LOCKED_QUOTE = code_of(Reason.LOCKED_QUOTE)
EMPTY_QUOTE = code_of(Reason.EMPTY_QUOTE)
LIQUIDITY = code_of(Reason.LIQUIDITY)
COLLAR = code_of(Reason.COLLAR)
BAD_SIZE = code_of(Reason.BAD_SIZE)
BAD_PRICE = code_of(Reason.BAD_PRICE)
EXPIRED = code_of(Reason.EXPIRED)

EXIT_REASONS = ("target", "stop", "time", "signal", "close", "halt")
"""Why a position ended, as stored."""
