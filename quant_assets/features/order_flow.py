"""Volume and order flow: how much is traded, by whom, and at what mean price."""

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.indicators import order_flow
from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.kernels import ratio


@feature(
    name="volume_z_20",
    family=Family.ORDER_FLOW,
    unit="deviations",
    inputs=("volume",),
    look_back=19,
    parameters={"period": 20},
    source="Standard score, sample deviation",
)
def volume_z_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Volume off its mean of 20 bars, in standard deviations."""
    return order_flow.volume_z_score(bars["volume"], period=period)


@feature(
    name="delta_ratio",
    family=Family.ORDER_FLOW,
    unit="ratio",
    inputs=("buy_volume", "sell_volume"),
    look_back=0,
    parameters={"period": 1},
    source="Own: aggressor volume",
)
def delta_ratio(bars: BarArrays, *, period: int) -> FloatArray:
    """Aggressive buys less sells over both, of the bar; null without sides."""
    return order_flow.delta_ratio(bars["buy_volume"], bars["sell_volume"], period=period)


@feature(
    name="delta_ratio_20",
    family=Family.ORDER_FLOW,
    unit="ratio",
    inputs=("buy_volume", "sell_volume"),
    look_back=19,
    parameters={"period": 20},
    source="Own: aggressor volume",
)
def delta_ratio_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Aggressive buys less sells over both, of 20 bars; null without sides."""
    return order_flow.delta_ratio(bars["buy_volume"], bars["sell_volume"], period=period)


@feature(
    name="session_vwap_distance",
    family=Family.ORDER_FLOW,
    unit="ratio",
    inputs=("high", "low", "close", "vwap", "volume"),
    look_back=0,
    nulls="pass",
    source="Own: volume-weighted mean price, anchored at the session's first bar",
)
def session_vwap_distance(bars: BarArrays) -> FloatArray:
    """Close over the session's volume-weighted price so far, less 1."""
    vwap = order_flow.vwap_from_start(
        bars["high"], bars["low"], bars["close"], bars["vwap"], bars["volume"]
    )
    return ratio(bars["close"], vwap) - 1.0


@feature(
    name="delta_divergence_20",
    family=Family.ORDER_FLOW,
    unit="-2 to 2",
    inputs=("close", "buy_volume", "sell_volume"),
    look_back=0,
    parameters={"period": 20},
    source="Own: trends as correlations with time, of the session's bars alone",
)
def delta_divergence_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Trend of the close less trend of cumulative delta, over 20 bars of the session."""
    return order_flow.delta_divergence(
        bars["close"], bars["buy_volume"], bars["sell_volume"], period=period
    )


@feature(
    name="footprint_imbalance",
    family=Family.ORDER_FLOW,
    unit="-1 to 1",
    inputs=("footprint_imbalance_buy", "footprint_imbalance_sell"),
    look_back=0,
    nulls="pass",
    source="Own: diagonal imbalances of the footprint",
)
def footprint_imbalance(bars: BarArrays) -> FloatArray:
    """Buy less sell imbalances over both, of the bar; 0 where it has none."""
    return order_flow.imbalance_share(
        bars["footprint_imbalance_buy"], bars["footprint_imbalance_sell"]
    )


@feature(
    name="stacked_imbalance",
    family=Family.ORDER_FLOW,
    unit="count",
    inputs=("footprint_stacked_buy", "footprint_stacked_sell"),
    look_back=0,
    nulls="pass",
    source="Own: runs of three imbalances or more at adjacent prices",
)
def stacked_imbalance(bars: BarArrays) -> FloatArray:
    """Stacked buy less stacked sell imbalances of the bar."""
    return bars["footprint_stacked_buy"] - bars["footprint_stacked_sell"]


@feature(
    name="poc_distance",
    family=Family.ORDER_FLOW,
    unit="ratio",
    inputs=("close", "footprint_poc"),
    look_back=0,
    nulls="pass",
    source="Own: price of the bar's most volume",
)
def poc_distance(bars: BarArrays) -> FloatArray:
    """Close over the price at which the bar traded most, less 1."""
    return ratio(bars["close"], bars["footprint_poc"]) - 1.0
