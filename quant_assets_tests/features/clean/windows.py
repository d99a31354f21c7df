"""Features of bars that know nothing later than their own bar."""

import numpy as np

from quant_assets.features.catalog import BarArrays, Family, feature


def own(name, *inputs, look_back, **more):
    """Declare a feature of one's own."""
    return feature(
        name=name,
        family=Family.CUSTOM,
        unit="1",
        inputs=inputs,
        look_back=look_back,
        source="own",
        **more,
    )


def trailing(values, period, of):
    """Return a function of the last values, NaN until there are enough."""
    padded = np.concatenate([np.full(period - 1, np.nan), values])
    return of(np.lib.stride_tricks.sliding_window_view(padded, period), axis=1)


@own("trailing_mean", "close", look_back=4, parameters={"period": 5})
def trailing_mean(bars: BarArrays, *, period):
    """Mean of the last five closes."""
    return trailing(bars["close"], period, np.mean)


@own("trailing_median", "close", look_back=6)
def trailing_median(bars: BarArrays):
    """Median of the last seven closes."""
    return trailing(bars["close"], 7, np.median)


@own("trailing_deviation", "close", look_back=9)
def trailing_deviation(bars: BarArrays):
    """Deviation of the last ten closes."""
    return trailing(bars["close"], 10, np.std)


@own("trailing_range", "high", "low", look_back=19)
def trailing_range(bars: BarArrays):
    """Highest less lowest price of the last twenty bars."""
    return trailing(bars["high"], 20, np.max) - trailing(bars["low"], 20, np.min)


@own("expanding_z_score", "volume", look_back=60)
def expanding_z_score(bars: BarArrays):
    """Volume in deviations of the volume so far."""
    volume, count = bars["volume"], np.arange(len(bars)) + 1.0
    mean = np.cumsum(volume) / count
    return (volume - mean) / np.sqrt(np.cumsum(volume**2) / count - mean**2)


@own("return_of_last_bar", "close", look_back=1)
def return_of_last_bar(bars: BarArrays):
    """Close over the close before, less 1."""
    close = bars["close"]
    return np.concatenate([[np.nan], close[1:] / close[:-1] - 1.0])


@own("recursive_mean", "close", look_back=160, recursive_period=20)
def recursive_mean(bars: BarArrays):
    """Exponential mean of the close."""
    mean, means = bars["close"][0], []
    for value in bars["close"]:
        mean += 0.1 * (value - mean)
        means.append(mean)
    return np.array(means)


@own("gap_filled_forward", "close", look_back=10, nulls="pass")
def gap_filled_forward(bars: BarArrays):
    """Close, where there is none the last one."""
    close = bars["close"]
    last = np.maximum.accumulate(np.where(np.isnan(close), -1, np.arange(len(close))))
    return np.where(last >= 0, close[np.maximum(last, 0)], np.nan)


@own("body_share", "open", "high", "low", "close", look_back=0)
def body_share(bars: BarArrays):
    """Body of the bar as a share of its range."""
    return (bars["close"] - bars["open"]) / (bars["high"] - bars["low"])


@own("signed_volume_so_far", "buy_volume", "sell_volume", look_back=0)
def signed_volume_so_far(bars: BarArrays):
    """Buys less sells, summed from the session's first bar."""
    delta = np.where(bars.bar_of_session >= 0, bars["buy_volume"] - bars["sell_volume"], 0.0)
    return np.cumsum(delta)


@own("spread", "bid_close", "ask_close", look_back=0)
def spread(bars: BarArrays):
    """Ask less bid."""
    return bars["ask_close"] - bars["bid_close"]


@own("log_close", "close", look_back=0)
def log_close(bars: BarArrays):
    """Logarithm of the close."""
    return np.log(bars["close"])


@own("hour", look_back=0)
def hour(bars: BarArrays):
    """Hour of the day, UTC."""
    return bars.bar_start_ns // 3_600_000_000_000 % 24


@own("place_in_session", look_back=0)
def place_in_session(bars: BarArrays):
    """Bars of the session before this one."""
    return bars.bar_of_session


@own("bars_since_high", "high", look_back=30)
def bars_since_high(bars: BarArrays):
    """Bars since the highest price of the last thirty."""
    return 29.0 - trailing(bars["high"], 30, np.argmax)


@own("close_in_true_ranges", "close", "level_atr", look_back=0)
def close_in_true_ranges(bars: BarArrays):
    """Close in average true ranges."""
    return bars["close"] / bars["level_atr"]


@own("is_imbalanced", "footprint_imbalance_buy", "footprint_imbalance_sell", look_back=0)
def is_imbalanced(bars: BarArrays):
    """Side of the bar's imbalance: 1, -1 or 0."""
    return bars["footprint_imbalance_buy"] - bars["footprint_imbalance_sell"]
