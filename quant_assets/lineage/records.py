"""What a stored partition remembers of its making."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from quant_assets.lineage.fingerprint import digest_of

ABSENT = "absent"
"""Version of an input that was looked for and not there: its arrival makes the partition stale."""


@dataclass(frozen=True, order=True)
class SourceReceipt:
    """A vendor's file that rows were read from."""

    sha256: str
    name: str


@dataclass(frozen=True)
class Origin:
    """Whether prices come from a market or from a seed.

    Parameters
    ----------
    seed
        Seed of a synthetic market; None for real data.
    """

    synthetic: bool = False
    seed: int | None = None

    @classmethod
    def of(cls, origins: "Iterable[Origin]") -> Self:
        """Return the origin of what is made from several: one synthetic input makes all so."""
        invented = {one for one in origins if one.synthetic}
        found = sorted(invented, key=lambda one: -1 if one.seed is None else one.seed)
        return cls(synthetic=True, seed=found[0].seed) if found else cls()


REAL = Origin()
"""Prices that a market made."""


@dataclass(frozen=True)
class Lineage:
    """Inputs, parameters and code of one partition, as its footer holds them.

    Parameters
    ----------
    code_version
        SHA-256 over the syntax trees of the code that made it.
    parameters
        JSON values that the making depended on.
    inputs
        Name of each input (`bars/timeframe=15m/symbol=EURUSD/2014-05-01`) to its data version.
    sources
        Vendor files, for landed tables.
    final
        False while a look-forward was not complete.
    final_through
        Last session that the making read.
    stats
        Totals of the partition (volume, first and last stamp), which readers of the index use.
    """

    code_version: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[SourceReceipt, ...] = ()
    origin: Origin = REAL
    final: bool = True
    final_through: date | None = None
    stats: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs_hash(self) -> str:
        """SHA-256 over the inputs' names and versions."""
        return digest_of(dict(self.inputs))

    @property
    def params_hash(self) -> str:
        """SHA-256 over the parameters."""
        return digest_of(dict(self.parameters))

    def to_json(self) -> dict[str, Any]:
        """Return the lineage as JSON values."""
        return {
            "code_version": self.code_version,
            "parameters": dict(self.parameters),
            "inputs": dict(self.inputs),
            "sources": [[s.sha256, s.name] for s in sorted(self.sources)],
            "seed": self.origin.seed,
            "synthetic": self.origin.synthetic,
            "final": self.final,
            "final_through": self.final_through.isoformat() if self.final_through else None,
            "stats": dict(self.stats),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        through = raw["final_through"]
        return cls(
            code_version=raw["code_version"],
            parameters=raw["parameters"],
            inputs=raw["inputs"],
            sources=tuple(SourceReceipt(sha256=s[0], name=s[1]) for s in raw["sources"]),
            origin=Origin(synthetic=raw["synthetic"], seed=raw["seed"]),
            final=raw["final"],
            final_through=date.fromisoformat(through) if through else None,
            stats=raw["stats"],
        )


@dataclass(frozen=True)
class Hashes:
    """The three hashes that decide whether a stored partition is still what would be made."""

    inputs_hash: str
    params_hash: str
    code_version: str


def why_stale(stored: Hashes | None, wanted: Hashes) -> str | None:
    """Return why a partition must be made again, or None where it is fresh."""
    if stored is None:
        return "never made"
    if stored.code_version != wanted.code_version:
        return "code changed"
    if stored.params_hash != wanted.params_hash:
        return "parameters changed"
    if stored.inputs_hash != wanted.inputs_hash:
        return "inputs changed"
    return None
