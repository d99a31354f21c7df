"""The table that a strategy learns from: its rows of a session, as features."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from quant_assets.contracts.learning import learning_frame
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.view import LakeView, versions_or_absent


@dataclass(frozen=True)
class Sources:
    """The tables that strategies of a session ask for.

    Parameters
    ----------
    entries
        Table to its entry; of one that is not made nothing.
    inputs, needs
        All that are asked for, absent ones too: once they are there they are used.
    """

    entries: dict[str, Entry]
    inputs: dict[str, str]
    needs: tuple[tuple[str, Key], ...]

    @property
    def absent(self) -> str:
        """Names of the tables that are asked for and not made."""
        return ", ".join(asset for asset, _ in self.needs if asset not in self.entries)


def find_sources(view: LakeView, here: Entry, names: Iterable[str]) -> Sources:
    """Return what stands of the tables that are asked for, at the timeframe of the session's bars.

    A table that nobody asks for is not looked at, so that nobody waits for it.
    """
    wanted = sorted(set(names))
    levels = {"timeframe": here.levels["timeframe"]}
    found = {name: view.at(name, here.symbol, here.day, **levels) for name in wanted}
    inputs: dict[str, str] = {}
    for name, entries in found.items():
        inputs |= versions_or_absent(name, here.symbol, here.day, entries)
    return Sources(
        entries={name: entries[0] for name, entries in found.items() if entries},
        inputs=inputs,
        needs=tuple((name, Key(here.symbol, here.day)) for name in wanted),
    )


def rows_to_learn(view: LakeView, source: Entry) -> pl.DataFrame:
    """Return a session's rows of a table as features: session, bar_start, then a Float64 each."""
    return learning_frame(view.read(source))
