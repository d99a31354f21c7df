"""Strategies that the package brings: one that runs, for each class and bar length."""

import math

from quant_assets.market.timeframes import Timeframe
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.spec import SplitSpec
from quant_assets.signals.strategy import DecisionSpec, Strategy

_DAILY_MOVE = {"fx": 0.004, "crypto": 0.03, "equity": 0.015, "metal": 0.011}
"""Usual standard deviation of a day's return by class; futures are the rest."""

_MINUTES_A_DAY = {"equity": 390.0}
_QTY = {"fx": 10_000.0, "crypto": 0.1, "equity": 100.0}
_HORIZON_BARS = 24

_LEAST_SESSIONS = {"crypto": 2}
"""Sessions before the first test fold, else 1; files of a market that never closes begin midway."""


def default_strategy(asset_class: str, timeframe: str) -> Strategy:
    """Return a strategy that runs for a class of instruments and a bar length.

    The target is half the usual move over the horizon, so that it is met often enough to learn
    from; the stop is half the target, so that a random walk meets the target first in about a
    third of the cases; the threshold asks for a little more.
    """
    bar = Timeframe.parse(timeframe)
    minutes = min(bar.minutes, _MINUTES_A_DAY.get(asset_class, 1440.0))
    share = minutes / _MINUTES_A_DAY.get(asset_class, 1440.0)
    horizon = 10 if bar.is_daily else _HORIZON_BARS
    move = _DAILY_MOVE.get(asset_class, 0.011) * math.sqrt(share * horizon)
    target = float(f"{move / 2:.2g}")
    sessions = 250 if bar.is_daily else _LEAST_SESSIONS.get(asset_class, 1)
    return Strategy(
        name=f"{asset_class}_{bar.name}_barriers",
        timeframe=bar.name,
        label=LabelSpec(sl=float(f"{target / 2:.2g}"), tp=target, horizon_bars=horizon),
        splits=SplitSpec(n_folds=3, min_train_sessions=sessions, embargo_bars=1),
        decision=DecisionSpec(threshold=0.36, side="long"),
        capital=100_000.0,
        qty=_QTY.get(asset_class, 1.0),
    )
