"""What a stage partitioned by symbol and session must say: its inputs, and how it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

import polars as pl

from quant_assets.lineage.records import REAL, Origin
from quant_assets.market.tables import Table
from quant_assets.workflows.view import LakeView


@dataclass(frozen=True, order=True)
class Key:
    """One partition: a symbol's session."""

    symbol: str
    session: date

    def __str__(self) -> str:
        return f"{self.session.isoformat()}|{self.symbol}"


class Status(StrEnum):
    """How a partition of a range ended."""

    MADE = "made"
    KEPT = "kept"
    """Fresh: inputs, parameters and code are those it was made from."""
    NO_SESSION = "no_session"
    """The date is no session of the symbol's calendar."""
    NOT_DUE = "not_due"
    """The stage has nothing to make of this symbol, for example no ticks were landed."""
    MISSING = "missing"
    """A session for which data was due and none is landed."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Something above could not be made."""


BROKEN = frozenset({Status.FAILED, Status.SKIPPED})
"""How a partition ended that could not be made."""


@dataclass(frozen=True)
class NotDue:
    """A plan's answer where nothing is to be made: why.

    Parameters
    ----------
    needs
        (asset, partition) pairs whose making would change the answer.
    """

    status: Status
    reason: str
    needs: tuple[tuple[str, Key], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a partition would be made from.

    Parameters
    ----------
    inputs
        Name of each input to its data version; what was looked for and absent counts.
    parameters
        JSON values that the making depends on.
    needs
        (asset, partition) pairs of neighbouring sessions; where one of them could not be made,
        this one is skipped.
    payload
        Whatever `make` wants to find again; it does not enter any hash.
    """

    inputs: Mapping[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[tuple[str, Key], ...] = ()
    payload: Any = None
    origin: Origin = REAL


@dataclass(frozen=True)
class MadeFile:
    """One file of a partition, not yet stored."""

    table: Table
    levels: Mapping[str, str]
    frame: pl.DataFrame
    stats: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """What a recipe made of one partition."""

    files: tuple[MadeFile, ...]
    final: bool = True
    final_through: date | None = None
    counts: Mapping[str, float] = field(default_factory=dict)
    """Totals for the run's metadata: summed over its partitions."""
    set_aside: tuple[MadeFile, ...] = ()
    """Files of the quarantine: stored first, and no part of the partition's version."""


class Recipe(Protocol):
    """One asset partitioned by symbol and session."""

    @property
    def asset(self) -> str:
        """Name of the asset."""
        ...

    @property
    def upstream(self) -> tuple[str, ...]:
        """Assets of the same partition; where one could not be made, this one is skipped."""
        ...

    @property
    def tables(self) -> tuple[Table, ...]:
        """Tables that its partitions are stored in."""
        ...

    @property
    def modules(self) -> tuple[str, ...]:
        """Where its code version starts from."""
        ...

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Say what the partition would be made from; reads the index, opens no file."""
        ...

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Make the partition."""
        ...
