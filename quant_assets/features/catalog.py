"""What a feature is, how one is declared, and the catalogue that holds them.

A feature is a value, made by a decorator from one function of a stretch of bars; declaring one
changes nothing elsewhere. A catalogue is a value too, collected from modules:

    @feature(
        name="close_to_high_10", family=Family.CUSTOM, unit="ratio",
        inputs=("close", "high"), look_back=9, parameters={"period": 10}, source="own",
    )
    def close_to_high_10(bars: BarArrays, *, period: int) -> FloatArray:
        '''Where the close stands under the highest price of the last bars.'''
        return ...

    catalog = standard_catalog().extended(*features_of(my_module))
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType, ModuleType
from typing import Any, Literal

import polars as pl

from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe

RECURSIVE_PERIODS = 8
"""Least look-back of a recursive indicator, in its own periods."""

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_KEYS = frozenset({"session", "bar_start", "contract"})


class Family(StrEnum):
    """What a feature looks at."""

    TREND = "trend"
    MOMENTUM = "momentum"
    VOLATILITY = "volatility"
    ORDER_FLOW = "order_flow"
    LEVELS = "levels"
    CLOCK = "clock"
    CROSS_ASSET = "cross_asset"
    REGIME = "regime"
    """A label, stored as a small whole number."""
    CUSTOM = "custom"
    """A user's own."""


@dataclass(frozen=True)
class BarArrays:
    """The bars a feature function sees: a stretch without a break, oldest first.

    Parameters
    ----------
    columns
        The declared inputs, read-only float64 arrays of shape (n,).
    bar_start_ns
        Start of each bar, int64 nanoseconds UTC, shape (n,).
    bar_of_session
        Row number counted from the session's first bar, which is 0; negative before it.
    timeframe
        Length of a bar.
    """

    columns: Mapping[str, FloatArray]
    bar_start_ns: IntArray
    bar_of_session: IntArray
    timeframe: Timeframe

    def __getitem__(self, name: str) -> FloatArray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.bar_start_ns)


Compute = Callable[..., FloatArray]
"""`compute(bars, **parameters)`: float64 of shape (n,); NaN and infinities become null."""


@dataclass(frozen=True)
class Feature:
    """A column of the features table and how it is computed.

    Parameters
    ----------
    name
        Column name: a-z, 0-9 and underscore.
    family, unit, meaning, source
        What it looks at, in which unit it stands, one sentence, and where the formula is from.
    inputs
        Bar columns that it reads. A row that lacks one of them has no value.
    look_back
        Bars before the session's first that it needs: a count, or a function of the timeframe.
    compute
        Function of `BarArrays` and the parameters.
    parameters
        Keyword arguments of `compute`.
    nulls
        `restart`: it starts anew after a row that lacks an input. `pass`: it is handed such rows
        as NaN and passes over them itself, as an anchored mean does.
    version
        Raised by the author when its values change their meaning.
    multiple
        Of a multi-timeframe feature: how many bars make one of the longer bars that its function
        sees. A value is that of the last longer bar that is complete at the bar's end.
    """

    name: str
    family: Family
    unit: str
    meaning: str
    source: str
    inputs: tuple[str, ...]
    look_back: int | Callable[[Timeframe], int]
    compute: Compute
    parameters: Mapping[str, float] = field(default_factory=dict)
    nulls: Literal["restart", "pass"] = "restart"
    version: int = 1
    multiple: int = 1

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in _KEYS:
            raise InputError(
                asked=f"declare a feature named {self.name[:70]!r}",
                found="not a free column name of a-z, 0-9 and underscore, first a letter",
                remedy="Give it another name.",
            )
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __call__(self, bars: BarArrays) -> FloatArray:
        """Compute it on a stretch of bars."""
        return self.compute(bars, **self.parameters)

    def look_back_bars(self, timeframe: Timeframe) -> int:
        """Return how many bars before the session's first it needs."""
        return self.look_back if isinstance(self.look_back, int) else self.look_back(timeframe)


def feature(
    *,
    name: str,
    family: Family,
    unit: str,
    inputs: tuple[str, ...],
    look_back: int | Callable[[Timeframe], int],
    source: str,
    parameters: Mapping[str, float] | None = None,
    recursive_period: int = 0,
    nulls: Literal["restart", "pass"] = "restart",
    version: int = 1,
    multiple: int = 1,
) -> Callable[[Compute], Feature]:
    """Make a function into a feature; its docstring's first line becomes the meaning.

    Parameters are those of `Feature`; `recursive_period` is the smoothing period of a recursive
    indicator.

    Raises
    ------
    InputError
        Where the look-back is negative, or shorter than eight periods of a recursive indicator.
    """
    least = RECURSIVE_PERIODS * recursive_period
    if isinstance(look_back, int) and look_back < least:
        raise InputError(
            asked=f"declare feature {name!r} with a look-back of {look_back} bars",
            found=f"it needs {least} at least",
            remedy=f"A recursive indicator declares {RECURSIVE_PERIODS} periods, others 0 or more.",
        )

    def declare(compute: Compute) -> Feature:
        return Feature(
            name=name,
            family=family,
            unit=unit,
            meaning=(compute.__doc__ or name).strip().splitlines()[0],
            source=source,
            inputs=inputs,
            look_back=look_back,
            compute=compute,
            parameters=parameters or {},
            nulls=nulls,
            version=version,
            multiple=multiple,
        )

    return declare


def features_of(module: ModuleType) -> tuple[Feature, ...]:
    """Return the features that a module declares, in its own order."""
    return tuple(value for value in vars(module).values() if isinstance(value, Feature))


@dataclass(frozen=True)
class Catalog:
    """The features one may ask for, in the order of their columns.

    Raises
    ------
    InputError
        Where two features share a name.
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        names = self.names
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise InputError(
                asked=f"put {len(names)} features into one catalogue",
                found=f"{', '.join(doubled)} stands in it more than once",
                remedy="Give each feature a name of its own.",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names in column order."""
        return tuple(one.name for one in self.features)

    def extended(self, *more: Feature) -> "Catalog":
        """Return a catalogue with further features behind; this one stays as it is."""
        return Catalog((*self.features, *more))

    def select(self, names: Iterable[str] | None = None) -> tuple[Feature, ...]:
        """Return the named features in the catalogue's order, whatever the order of the names.

        Raises
        ------
        InputError
            Where a name is unknown.
        """
        if names is None:
            return self.features
        wanted = set(names)
        for name in sorted(wanted - set(self.names)):
            close = difflib.get_close_matches(name, self.names, n=1)
            raise InputError(
                asked=f"feature {name!r}",
                found=f"none of the {len(self.features)} features of the catalogue",
                remedy=f"Did you mean {close[0]}?" if close else f"Use {', '.join(self.names)}.",
            )
        return tuple(one for one in self.features if one.name in wanted)

    def look_back_bars(self, names: Iterable[str] | None, timeframe: Timeframe) -> int:
        """Return the longest look-back of the named features, in bars."""
        return max((one.look_back_bars(timeframe) for one in self.select(names)), default=0)

    def describe(self, timeframe: Timeframe) -> pl.DataFrame:
        """Return one row a feature: name, family, unit, look-back, inputs, parameters, source."""
        return pl.DataFrame([_described(one, timeframe) for one in self.features])


def _described(one: Feature, timeframe: Timeframe) -> dict[str, Any]:
    """Return a feature's declaration as plain values."""
    return {
        "name": one.name,
        "family": str(one.family),
        "unit": one.unit,
        "look_back_bars": one.look_back_bars(timeframe),
        "inputs": list(one.inputs),
        "parameters": ", ".join(f"{key}={value}" for key, value in one.parameters.items()),
        "version": one.version,
        "multiple": one.multiple,
        "meaning": one.meaning,
        "source": one.source,
    }
