"""Labels by name: triple barrier, forward return, and meta-label, as checked and frozen values."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

LabelKind = Literal["tb", "return", "meta"]

MAX_NAME = 64
"""Longest name of a folder of the lake."""

_CALL = re.compile(r"^\s*([a-z]+)\s*\(([^()]*)\)\s*$")
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "tb": ("sl", "tp", "horizon_bars"),
    "return": ("horizon_bars", "threshold"),
    "meta": ("primary", "sl", "tp", "horizon_bars"),
}


class LabelSpec(BaseModel):
    """What a model learns: keys and values, or text such as `tb(0.004, 0.008, 24)`.

    Parameters
    ----------
    kind
        `tb`: whether a long, entered at the bar's close, meets its target before its stop and its
        time limit. `return`: whether the return over the horizon is above the threshold. `meta`:
        whether the trade of a first rule, on the side that it tells, meets its target first.
    sl, tp
        Distance of stop and target as ratios of the entry price; of `tb` and `meta`.
    horizon_bars
        Time limit, in bars after the entry's.
    threshold
        Return that must be passed; of `return`. None is zero, and zero is kept as None: the same
        label has one name.
    primary
        Column of the strategy's source whose sign is the side of the first rule's trade; of
        `meta`. Zero and null are no trade and have no label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: LabelKind = "tb"
    sl: float | None = Field(default=None, gt=0.0, lt=1.0)
    tp: float | None = Field(default=None, gt=0.0, lt=10.0)
    horizon_bars: int = Field(ge=1, le=100_000)
    threshold: float | None = Field(default=None, gt=-1.0, lt=10.0)
    primary: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,62}$")

    @model_validator(mode="before")
    @classmethod
    def _text_is_taken(cls, value: object) -> object:
        """Read `kind(argument, ...)`."""
        return _parsed(value) if isinstance(value, str) else value

    @field_validator("threshold")
    @classmethod
    def _zero_is_none(cls, value: float | None) -> float | None:
        """Tell a threshold of zero, of either sign, as it is told when left out."""
        return value or None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        needed = {name for name in _ARGUMENTS[self.kind] if name != "threshold"}
        known = set(_ARGUMENTS[self.kind])
        given = {
            name for name in ("sl", "tp", "threshold", "primary") if getattr(self, name) is not None
        }
        missing, foreign = sorted(needed - given - {"horizon_bars"}), sorted(given - known)
        if missing or foreign:
            faults = [f"lacks {', '.join(missing)}"] * bool(missing)
            faults += [f"has no {', '.join(foreign)}"] * bool(foreign)
            raise ValueError(f"a label of kind {self.kind} {' and '.join(faults)}")
        return self

    @model_validator(mode="after")
    def _has_a_name_for_a_folder(self) -> Self:
        """Refuse numbers with so many digits that their name is no folder's."""
        if len(self.dataset) > MAX_NAME:
            raise ValueError(
                f"its name {self.dataset[:MAX_NAME]}... has {len(self.dataset)} characters, a "
                f"folder takes {MAX_NAME}: give fewer digits or a shorter primary"
            )
        return self

    @property
    def dataset(self) -> str:
        """Name of the label's dataset, a folder of the lake: `tb_0.004_0.008_24`."""
        return "_".join([self.kind, *(_plain(value) for value in self._arguments)])

    @property
    def least_return(self) -> float:
        """Return that must be passed, zero unless a threshold is given."""
        return 0.0 if self.threshold is None else self.threshold

    @property
    def stop_ratio(self) -> float:
        """Distance of the stop as a ratio of the entry price; infinite where there is none."""
        return math.inf if self.sl is None else self.sl

    @property
    def target_ratio(self) -> float:
        """Distance of the target as a ratio of the entry price; infinite where there is none."""
        return math.inf if self.tp is None else self.tp

    def to_mapping(self) -> dict[str, Any]:
        """Return what the label hangs on; a triple barrier is told as it was before other kinds."""
        mapping = self.model_dump(mode="json", exclude_none=True)
        if self.kind == "tb":
            del mapping["kind"]
        return mapping

    @property
    def _arguments(self) -> list[Any]:
        """Return the arguments in the order of the text form."""
        values = [getattr(self, name) for name in _ARGUMENTS[self.kind]]
        return [value for value in values if value is not None]


def _parsed(text: str) -> dict[str, Any]:
    """Return keys and values of a label's text form."""
    found = _CALL.match(text)
    kind = found.group(1) if found else text.strip()
    if not found or kind not in _ARGUMENTS:
        forms = ", ".join(f"{name}({', '.join(names)})" for name, names in _ARGUMENTS.items())
        raise ValueError(f"label {text!r} is none of {forms}")
    inside = found.group(2).strip()
    words = [word.strip() for word in inside.split(",")] if inside else []
    names = _ARGUMENTS[kind]
    if "" in words:
        raise ValueError(f"label {text!r} leaves an argument empty")
    if len(words) > len(names):
        raise ValueError(f"{text!r} has {len(words)} arguments, {kind} takes {', '.join(names)}")
    return {"kind": kind, **dict(zip(names, words, strict=False))}


def _plain(value: Any) -> str:
    """Write a number without an exponent and without trailing zeros; text as it is."""
    if isinstance(value, str):
        return value
    return format(Decimal(repr(value)).normalize(), "f")
