"""Next-bar fills: an order decided at a bar's close meets the market on the bar after it.

The bars' prices are mid prices. An entry fills at the open of the next bar plus or minus half the
spread. Stops and targets rest from that open on. Exits that are known before their bar begins, the
time limit and the session's end, fill at that bar's close, less half the spread. The functions
that decide are in `execution.kernels`; here are their meanings for whoever reads a result.
"""

from dataclasses import dataclass

from quant_assets.execution.kernels import (
    CLOSE,
    HALT,
    SIGNAL,
    STOP,
    TARGET,
    TIME,
    exit_inside_bar,
    fill_price,
)

REASON_OF_CODE = {
    TARGET: "target",
    STOP: "stop",
    TIME: "time",
    SIGNAL: "signal",
    CLOSE: "close",
    HALT: "halt",
}
"""Code of the kernels to the stored word."""


@dataclass(frozen=True)
class Fill:
    """One fill: price in quote currency, and the reason where it ends a position."""

    price: float
    reason: str | None = None


@dataclass(frozen=True)
class Barriers:
    """Stop and target of a position, as the prices at which it would be filled."""

    stop: float
    target: float

    @classmethod
    def around(cls, entry_price: float, *, side: int, sl: float, tp: float) -> "Barriers":
        """Return the barriers of a filled entry; ratios are of the entry's fill price."""
        return cls(stop=entry_price * (1.0 - side * sl), target=entry_price * (1.0 + side * tp))


def enter_at_open(open_price: float, *, side: int, half_spread: float) -> Fill:
    """Return the fill of an entry decided at the close before: 1 buys, -1 sells short."""
    return Fill(float(fill_price(open_price, half_spread, side)))


def leave_inside(
    *,
    open_price: float,
    high: float,
    low: float,
    side: int,
    barriers: Barriers,
    half_spread: float,
) -> Fill | None:
    """Return the fill of a stop or target inside a bar, or None where neither is met."""
    code, price = exit_inside_bar(
        open_price, high, low, side, barriers.stop, barriers.target, half_spread
    )
    if code not in REASON_OF_CODE:
        return None
    return Fill(float(price), REASON_OF_CODE[code])
