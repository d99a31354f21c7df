"""Table of signals: what a strategy asks for at the close of each bar."""

import dataframely as dy

from quant_assets.market.columns import choice, day, flag, instant, real, word
from quant_assets.market.tables import Table

BLOCKED = ("unconfirmed", "regime")
"""Why a trade that was asked for is not: the second opinion, or the regime."""


def _side(meaning: str) -> dy.Int8:
    return dy.Int8(nullable=False, metadata={"unit": "side", "meaning": meaning})


class SignalsSchema(dy.Schema):
    """One row a bar that is decided on; known at the bar's end, acted on after it."""

    session = day("session of the bar")
    bar_start = instant("start of the bar at whose close it is decided", key=True)
    side = _side("side wanted after the bar: 1 long, -1 short, 0 none")
    asked = _side("the same before confirmation and regime filter")
    blocked = choice(BLOCKED, "what blocked the trade asked for", nullable=True)
    chance = real(
        "probability that a trade of the asked side meets its target; null of rules",
        unit="0 to 1",
        nullable=True,
    )
    is_oos = flag("whether nothing that decides was fitted on the bar or later ones")
    model_version = word("SHA-256 of the model that predicted; null of rules", nullable=True)


SIGNALS = Table(
    name="signals",
    schema=SignalsSchema,
    levels=("strategy", "timeframe", "symbol"),
    order=("bar_start",),
)
