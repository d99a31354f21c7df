"""Whether what is stored of a partition is what would be made now."""

from collections.abc import Iterable

from quant_assets.lineage.fingerprint import combined_version, digest_of
from quant_assets.lineage.records import Hashes, why_stale
from quant_assets.storage.index import Entry
from quant_assets.storage.source_code import code_version
from quant_assets.workflows.recipe import Key, Plan, Recipe
from quant_assets.workflows.view import LakeView

FILES = "files"
"""Statistic of each file of a partition: how many files the partition has."""


def recipe_code_version(recipe: Recipe) -> str:
    """Return the code version of a recipe: its modules and what they import, and its schemas."""
    schemas = tuple((table.name, table.version) for table in recipe.tables)
    return code_version(recipe.modules, schemas)


def staleness(recipe: Recipe, plan: Plan, stored: list[Entry]) -> str | None:
    """Return why what is stored is not what would be made now; None where it is."""
    if not stored:
        return "never made"
    if any(entry.stats.get(FILES, len(stored)) != len(stored) for entry in stored):
        return "not all of its files are there"
    wanted = Hashes(
        inputs_hash=digest_of(dict(plan.inputs)),
        params_hash=digest_of(dict(plan.parameters)),
        code_version=recipe_code_version(recipe),
    )
    reasons = (why_stale(entry.hashes, wanted) for entry in stored)
    return next((reason for reason in reasons if reason), None)


def stored_entries(recipe: Recipe, view: LakeView, key: Key) -> list[Entry]:
    """Return the index entries of a partition over all tables of its asset."""
    return [e for table in recipe.tables for e in view.at(table.name, key.symbol, key.session)]


def partition_version(entries: Iterable[Entry]) -> str:
    """Return the data version of a partition: over its files in sorted order."""
    return combined_version({entry.name: entry.data_version for entry in entries})
