"""Levels: how far the close stands from prices that others look at, in average true ranges."""

from quant_assets.features.catalog import BarArrays, Family, Feature
from quant_assets.features.inputs import LEVEL_PREFIX
from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.kernels import ratio
from quant_assets.levels.schema import LEVEL_MEANINGS


def distance_atr(level: str) -> Feature:
    """Declare the distance of the close from a level: above zero where the close is higher."""
    column, atr = LEVEL_PREFIX + level, LEVEL_PREFIX + "atr"

    def compute(bars: BarArrays) -> FloatArray:
        return ratio(bars["close"] - bars[column], bars[atr])

    return Feature(
        name=f"{level}_distance_atr",
        family=Family.LEVELS,
        unit="atr",
        meaning=f"Close less {LEVEL_MEANINGS[level]}.",
        source="Own: levels and their average true range of 14 bars",
        inputs=("close", column, atr),
        look_back=0,
        compute=compute,
        # A row's value needs no other row, so there is nothing to start anew.
        nulls="pass",
    )


session_vwap = distance_atr("session_vwap")
week_vwap = distance_atr("week_vwap")
anchored_vwap = distance_atr("anchored_vwap")
session_poc = distance_atr("session_poc")
session_vah = distance_atr("session_vah")
session_val = distance_atr("session_val")
week_poc = distance_atr("week_poc")
contract_poc = distance_atr("contract_poc")
previous_day_high = distance_atr("previous_day_high")
previous_day_low = distance_atr("previous_day_low")
previous_day_close = distance_atr("previous_day_close")
previous_week_high = distance_atr("previous_week_high")
previous_week_low = distance_atr("previous_week_low")
opening_range_high = distance_atr("opening_range_high")
opening_range_low = distance_atr("opening_range_low")
session_open = distance_atr("session_open")
