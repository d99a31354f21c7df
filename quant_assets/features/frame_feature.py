"""Features as functions of a whole frame of bars, for those who compute on frames.

    @frame_feature(name="close_z_50", inputs=("close",))
    def close_z_50(bars: pl.DataFrame) -> pl.Expr:
        '''Close in standard deviations of its last 50 bars.'''
        close = pl.col("close")
        return (close - close.rolling_mean(50)) / close.rolling_std(50)

Such a function sees all sessions at once, so nothing keeps it from the future: it is judged by the
look-ahead law, and no stage of the lake computes it. What is to be stored is declared by `feature`,
which is held to the session-window rule.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import polars as pl

from quant_assets.market.errors import InputError

FRAME_KEYS = ("session", "bar_start")
"""Columns that every frame has, beside the declared inputs."""

FrameValues = pl.Series | pl.Expr | pl.DataFrame
FrameCompute = Callable[[pl.DataFrame], FrameValues]


@dataclass(frozen=True)
class FrameFeature:
    """A column that a function makes of a frame of bars.

    Parameters
    ----------
    name
        Name in reports.
    inputs
        Columns that it is handed beside `FRAME_KEYS`: those of bars, of what is joined to them, or
        any other number that one knows at the bar's end.
    compute
        Function from the bars of many sessions, oldest first, to a value a row: a series, an
        expression, or a frame of `bar_start` and one column of the feature's name.
    meaning
        One sentence.
    """

    name: str
    inputs: tuple[str, ...]
    compute: FrameCompute
    meaning: str = ""

    def __call__(self, bars: pl.DataFrame) -> pl.Series:
        """Return the feature's column, a row a bar; null where the function gave a bar no row.

        Raises
        ------
        InputError
            If the function returns another number of values than it was given bars, or two rows
            for one bar.
        """
        seen = bars[[*FRAME_KEYS, *self.inputs]]
        made = self.compute(seen)
        if isinstance(made, pl.DataFrame):
            made = seen.join(made, on="bar_start", how="left", maintain_order="left")[self.name]
        elif isinstance(made, pl.Expr):
            made = seen.select(made.alias(self.name)).to_series()
        values = made if isinstance(made, pl.Series) else pl.Series(np.asarray(made))
        if len(values) != seen.height:
            raise InputError(
                asked=f"frame feature {self.name!r} on {seen.height} bars",
                found=f"its function returned {len(values)} values",
                remedy="Return one value a bar, or a frame keyed by bar_start.",
            )
        return values.alias(self.name)


def frame_feature(*, name: str, inputs: tuple[str, ...]) -> Callable[[FrameCompute], FrameFeature]:
    """Make a function of a frame into a feature; its docstring's first line is the meaning."""

    def declare(compute: FrameCompute) -> FrameFeature:
        meaning = (compute.__doc__ or name).strip().splitlines()[0]
        return FrameFeature(name=name, inputs=inputs, compute=compute, meaning=meaning)

    return declare


def frame_features_of(module: ModuleType) -> tuple[FrameFeature, ...]:
    """Return the frame features that a module declares, in its own order."""
    return tuple(value for value in vars(module).values() if isinstance(value, FrameFeature))
