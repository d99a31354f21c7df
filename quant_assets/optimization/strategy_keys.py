"""Dotted keys of a strategy: which there are, and its values with some of them replaced."""

import copy
import difflib
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from quant_assets.models.label_spec import LabelSpec
from quant_assets.signals.strategy import Strategy

_NOT_VARIED = "name"
"""A strategy's name decides nothing: another name is no other trial."""


@cache
def strategy_keys() -> frozenset[str]:
    """Return every dotted key that a strategy may have, of whichever signal, risk and label.

    A key that holds keys of free choice, such as the parameters of an estimator, ends with `.*`.
    """
    return frozenset(_keys_of(Strategy, "")) - {_NOT_VARIED}


def is_strategy_key(key: str) -> bool:
    """Whether a dotted key is one of a strategy's."""
    if key in strategy_keys():
        return True
    parent, _, last = key.rpartition(".")
    return bool(last) and f"{parent}.*" in strategy_keys()


def nearest(key: str, known: Sequence[str]) -> str:
    """Return `; did you mean X?` for the key that is most like one, or nothing."""
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def nearest_strategy_key(key: str) -> str:
    """Return `; did you mean X?` for the strategy's key that is most like one, or nothing."""
    return nearest(key, sorted(one for one in strategy_keys() if not one.endswith(".*")))


def spread_out(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return a strategy's values with a label in its text form spread into keys.

    Raises
    ------
    ValueError
        If the label's text is none.
    """
    values = copy.deepcopy(dict(base))
    if isinstance(values.get("label"), str):
        values["label"] = LabelSpec.model_validate(values["label"]).to_mapping()
    return values


def with_values(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a strategy's values with some replaced.

    Parameters
    ----------
    base
        As `spread_out` returns it.
    values
        By dotted key; what lies between is made where it is not there.
    """
    made = dict(base)
    for key, value in values.items():
        *path, last = key.split(".")
        place = made
        for name in path:
            # Only what is changed is copied: the base is shared by all cells.
            inner = place.get(name)
            place[name] = dict(inner) if isinstance(inner, Mapping) else {}
            place = place[name]
        place[last] = value
    return made


def value_at(values: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key, None where there is none."""
    found: Any = values
    for name in key.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def _keys_of(model: type[BaseModel], prefix: str) -> set[str]:
    """Return the dotted keys of a model and of all models that its fields may hold."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        found.add(key)
        for kind in _members(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= _keys_of(kind, f"{key}.")
            elif get_origin(kind) is dict:
                found.add(f"{key}.*")
    return found


def _members(annotation: Any) -> list[Any]:
    """Return the alternatives of an annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [one for part in get_args(annotation) for one in _members(part)]
    return [annotation]
