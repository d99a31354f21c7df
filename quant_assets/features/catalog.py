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

from quant_assets.features.bar_arrays import BarArrays, Compute
from quant_assets.features.inputs import FEATURE_INPUTS
from quant_assets.indicators.arrays import FloatArray
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import NS_PER_DAY, Timeframe

__all__ = ["BarArrays", "Catalog", "Compute", "Family", "Feature", "feature", "features_of"]

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
class Feature:
    """A column of the features table and how it is computed.

    Parameters
    ----------
    name
        Column name: a-z, 0-9 and underscore.
    family, unit, meaning, source
        What it looks at, in which unit it stands, one sentence, and where the formula is from.
    inputs
        Columns that it reads, of `FEATURE_INPUTS`. A row that lacks one of them has no value.
    look_back
        Bars before the session's first that it needs: a count, or a function of the timeframe.
        Bars are the symbol's own, also where `multiple` is above 1.
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
        sees. A value is that of the last longer bar that is complete at the bar's end. Null where
        midnight cannot anchor the longer bars: see `longer_timeframe`.
    recursive_period
        Smoothing period of a recursive indicator, in the bars that its function sees; else 0.

    Raises
    ------
    InputError
        Where the name is no free column name, an input is unknown, the look-back is no count,
        negative, or shorter than eight periods of a recursive indicator, or a feature of longer
        bars is to be handed rows without a value.
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
    recursive_period: int = 0

    def __post_init__(self) -> None:
        _require_free_name(self.name)
        _require_known_inputs(self)
        _require_sound_multiple(self)
        # Whatever a function of the timeframe says, it has to say it of a minute.
        minute = Timeframe.from_minutes(1)
        bars = self.look_back(minute) if callable(self.look_back) else self.look_back
        _require_look_back(self, bars)
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __call__(self, bars: BarArrays) -> FloatArray:
        """Compute it on a stretch of bars."""
        return self.compute(bars, **self.parameters)

    def look_back_bars(self, timeframe: Timeframe) -> int:
        """Return how many bars before the session's first it needs.

        None where midnight cannot anchor its longer bars: it has no values there.
        """
        if self.longer_timeframe(timeframe) is None:
            return 0
        if isinstance(self.look_back, int):
            return self.look_back
        bars = self.look_back(timeframe)
        _require_look_back(self, bars)
        return bars

    def longer_timeframe(self, timeframe: Timeframe) -> Timeframe | None:
        """Return the length of the bars that its function sees: `multiple` times the own.

        None where that is neither the own length nor a divisor of a day, or where a bar is a
        session: midnight could not anchor such bars.
        """
        if self.multiple == 1:
            return timeframe
        longer_ns = timeframe.ns * self.multiple
        return Timeframe(longer_ns) if NS_PER_DAY % longer_ns == 0 else None


def _require_free_name(name: str) -> None:
    """Raise where a name cannot become a column of the features table."""
    if not _NAME.fullmatch(name) or name in _KEYS:
        raise InputError(
            asked=f"declare a feature named {name[:70]!r}",
            found="not a free column name of a-z, 0-9 and underscore, first a letter",
            remedy="Give it another name.",
        )


def _require_known_inputs(one: Feature) -> None:
    """Raise where a feature reads a column that no window has."""
    for name in one.inputs:
        if name not in FEATURE_INPUTS:
            close = difflib.get_close_matches(name, FEATURE_INPUTS, n=1)
            raise InputError(
                asked=f"declare feature {one.name!r} with the input {name!r}",
                found=f"none of the {len(FEATURE_INPUTS)} columns of bars and what is joined",
                remedy=f"Did you mean {close[0]}?"
                if close
                else f"Use {', '.join(FEATURE_INPUTS)}.",
            )


def _require_look_back(one: Feature, bars: int) -> None:
    """Raise where a look-back is no count, or too short for a recursive indicator."""
    least = RECURSIVE_PERIODS * one.recursive_period * one.multiple
    if type(bars) is not int or bars < least:
        raise InputError(
            asked=f"declare feature {one.name!r} with a look-back of {bars!r} bars",
            found=f"it needs {least} at least, as a whole number",
            remedy=f"A recursive indicator declares {RECURSIVE_PERIODS} periods, others 0 or more.",
        )


def _require_sound_multiple(one: Feature) -> None:
    """Raise where longer bars are no whole multiple, or could not be put together."""
    if type(one.multiple) is not int or one.multiple < 1:
        raise InputError(
            asked=f"declare feature {one.name!r} on bars {one.multiple!r} times as long",
            found="not a whole number from 1 on",
            remedy="Use 1 for the bars themselves.",
        )
    if one.nulls not in {"restart", "pass"} or (one.multiple > 1 and one.nulls == "pass"):
        raise InputError(
            asked=f"declare feature {one.name!r} with nulls={one.nulls!r}",
            found=f"bars {one.multiple} times as long; the rule is 'restart' or, on the bars "
            "themselves, 'pass'",
            remedy="Leave it out: a feature restarts behind a row that lacks an input.",
        )


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

    Parameters are those of `Feature`.

    Raises
    ------
    InputError
        Where the declaration contradicts itself: see `Feature`.
    """

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
            recursive_period=recursive_period,
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
