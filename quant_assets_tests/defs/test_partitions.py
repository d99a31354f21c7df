"""Symbol x date as Dagster lists them: once for all steps, and never those of other symbols."""

from datetime import date

import dagster as dg

from quant_assets.defs.partitions import SYMBOLS, listed_once, symbol_dates
from quant_assets.settings.model import PartitionSettings

START = date(2025, 1, 1)


def _listed(instance: dg.DagsterInstance) -> list[str]:
    """Return the symbol-dates as a step of a run lists them."""
    with listed_once(instance):
        made = symbol_dates(PartitionSettings(start=START))
        return made.get_partition_keys(dynamic_partitions_store=instance)


def test_the_symbol_dates_are_listed_once_and_are_those_that_dagster_lists():
    """The very list comes back, also for a definition made anew; its keys are the plain ones."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(SYMBOLS.name, ["ES", "GC"])
        plain = symbol_dates(PartitionSettings(start=START))
        wanted = list(plain.get_partition_keys(dynamic_partitions_store=instance))
        first = _listed(instance)
        assert first == wanted
        assert len(first) >= 2 * 365
        assert _listed(instance) is first


def test_a_symbol_that_is_added_is_listed():
    """Also on another instance: what was listed belongs to its symbols."""
    with dg.DagsterInstance.ephemeral() as one, dg.DagsterInstance.ephemeral() as other:
        one.add_dynamic_partitions(SYMBOLS.name, ["ES"])
        other.add_dynamic_partitions(SYMBOLS.name, ["GC"])
        assert {key.split("|")[1] for key in _listed(one)} == {"ES"}
        assert {key.split("|")[1] for key in _listed(other)} == {"GC"}
        one.add_dynamic_partitions(SYMBOLS.name, ["NQ"])
        assert {key.split("|")[1] for key in _listed(one)} == {"ES", "NQ"}
        one.delete_dynamic_partition(SYMBOLS.name, "ES")
        assert {key.split("|")[1] for key in _listed(one)} == {"NQ"}
