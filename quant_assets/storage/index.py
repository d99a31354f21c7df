"""The lake's index: which files there are, what they hold and what they were made from."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from quant_assets.lineage.records import Hashes, Origin
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import PARTITIONS


@dataclass(frozen=True)
class Entry:
    """One session of one file; files that hold several sessions have an entry for each."""

    table: str
    hive: str
    session: str
    symbol: str
    path: str
    data_version: str
    inputs_hash: str
    params_hash: str
    code_version: str
    rows: int
    final: bool
    final_through: str | None
    status: str
    synthetic: bool
    seed: int | None
    stats: dict[str, Any]

    @property
    def hashes(self) -> Hashes:
        """The hashes that freshness is decided by."""
        return Hashes(self.inputs_hash, self.params_hash, self.code_version)

    @property
    def origin(self) -> Origin:
        """Whether it comes from a market or from a seed."""
        return Origin(synthetic=self.synthetic, seed=self.seed)

    @property
    def day(self) -> date:
        """The session as a date."""
        return date.fromisoformat(self.session)

    @property
    def name(self) -> str:
        """Name by which lineage speaks of it."""
        return "/".join(part for part in (self.table, self.hive, self.session) if part)

    @property
    def levels(self) -> dict[str, str]:
        """The Hive levels by name."""
        pairs = (part.partition("=") for part in self.hive.split("/") if part)
        return {name: value for name, _, value in pairs}


class Index:
    """The table `partitions` of the state database."""

    def __init__(self, state: State) -> None:
        self._state = state

    def put(self, entries: list[Entry]) -> None:
        """Record entries, in one transaction."""
        self._state.upsert(PARTITIONS, [asdict(entry) for entry in entries])

    def entries(self, table: str, **equal: str) -> list[Entry]:
        """Return the entries of a table, sorted by levels and session."""
        return [Entry(**row) for row in self._state.select(PARTITIONS, table=table, **equal)]

    def holds(self, name: str, version: str) -> bool:
        """Whether an entry stands under a name, as lineage speaks of it, at a data version."""
        table, *levels = name.split("/")
        session = levels.pop() if levels and "=" not in levels[-1] else ""
        found = self.entries(table, hive="/".join(levels), session=session)
        return any(entry.data_version == version for entry in found)

    def drop(self, entry: Entry) -> None:
        """Forget one entry."""
        self._state.delete(PARTITIONS, table=entry.table, hive=entry.hive, session=entry.session)

    def tables(self) -> list[str]:
        """Return the names of the tables that hold anything."""
        return self._state.distinct(PARTITIONS.c.table)
