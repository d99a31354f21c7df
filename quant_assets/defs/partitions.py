"""The two dimensions of every ranged asset, symbol and date; and strategies, and contracts."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from functools import cache

import dagster as dg

from quant_assets.settings.model import PartitionGrain, PartitionSettings
from quant_assets.workflows.recipe import Key

SYMBOLS = dg.DynamicPartitionsDefinition(name="symbol")
"""Symbols that hold landed data; ingest adds them."""

STRATEGIES = dg.DynamicPartitionsDefinition(name="strategy")
"""Strategies by name; a model belongs to a strategy's universe and cut-off."""

CONTRACTS = dg.DynamicPartitionsDefinition(name="contract")
"""Contract periods by name, `GCZ13` or `EURUSD-2014Q2`; each is one file for other programs."""

RANGES = dg.BackfillPolicy.multi_run(max_partitions_per_run=250)
"""One run a range: a run a symbol-date costs thirty times as much."""


def date_partitions(settings: PartitionSettings) -> dg.TimeWindowPartitionsDefinition:
    """Return the date dimension at the grain of the settings; the current window is included."""
    start = settings.start.isoformat()
    if settings.grain is PartitionGrain.DAY:
        return dg.DailyPartitionsDefinition(start_date=start, end_offset=1)
    if settings.grain is PartitionGrain.MONTH:
        return dg.MonthlyPartitionsDefinition(start_date=start, end_offset=1)
    return dg.TimeWindowPartitionsDefinition(
        start=start, cron_schedule="0 0 1 1 *", fmt="%Y-%m-%d", end_offset=1
    )


def symbol_dates(settings: PartitionSettings) -> dg.MultiPartitionsDefinition:
    """Return symbol x date; keys read `2024-01-15|ES`."""
    return dg.MultiPartitionsDefinition({"date": date_partitions(settings), "symbol": SYMBOLS})


def listed_once(instance: dg.DagsterInstance) -> AbstractContextManager[object]:
    """Let Dagster list the symbol-dates of today once, and not for each input of each step.

    It keeps its last list by the very instant that it was asked at. Here all runs of a day ask at
    the same one, as long as the symbols are the same.
    """
    symbols = tuple(SYMBOLS.get_partition_keys(dynamic_partitions_store=instance))
    asked_at = _first_asked(datetime.now(UTC).date(), symbols)
    return dg.partition_loading_context(asked_at, dynamic_partitions_store=instance)


@cache
def _first_asked(_today: date, _symbols: tuple[str, ...]) -> datetime:
    """Return when the symbol-dates of a day and some symbols were first asked for."""
    return datetime.now(UTC)


def partition_key(key: Key, grain: PartitionGrain) -> str:
    """Return the Dagster partition that a symbol's session belongs to."""
    first = key.session
    if grain is not PartitionGrain.DAY:
        first = first.replace(day=1)
    if grain is PartitionGrain.YEAR:
        first = first.replace(month=1)
    return f"{first.isoformat()}|{key.symbol}"


def sessions_of(partition: str, grain: PartitionGrain) -> list[Key]:
    """Return the symbol's calendar days inside a Dagster partition, ascending."""
    text, symbol = partition.split("|", 1)
    first = date.fromisoformat(text)
    if grain is PartitionGrain.DAY:
        return [Key(symbol, first)]
    after = first.replace(day=1) + timedelta(days=32 if grain is PartitionGrain.MONTH else 366)
    end = after.replace(day=1) if grain is PartitionGrain.MONTH else date(first.year + 1, 1, 1)
    return [Key(symbol, first + timedelta(days=n)) for n in range((end - first).days)]


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags that make a run materialize the partitions from `first` to `last`."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def look_back_mapping(sessions: int) -> dg.MultiPartitionMapping:
    """Return the neighbourhood that a look-back of some sessions lies in.

    The step itself asks the lake for the last sessions of the symbol's calendar; here are only
    the calendar days that surely hold them.
    """
    days = -(-sessions * 7 // 5) + 4
    return _date_offset(-days, 0)


def look_forward_mapping(sessions: int) -> dg.MultiPartitionMapping:
    """Return the neighbourhood that a look-forward of some sessions lies in."""
    return _date_offset(0, -(-sessions * 7 // 5) + 4)


def _date_offset(start: int, end: int) -> dg.MultiPartitionMapping:
    """Map a symbol to itself and a date to a window around it."""
    return dg.MultiPartitionMapping(
        {
            "symbol": dg.DimensionPartitionMapping("symbol", dg.IdentityPartitionMapping()),
            "date": dg.DimensionPartitionMapping(
                "date",
                dg.TimeWindowPartitionMapping(
                    start_offset=start,
                    end_offset=end,
                    allow_nonexistent_upstream_partitions=True,
                ),
            ),
        }
    )


def contiguous(days: Iterable[date]) -> list[tuple[date, date]]:
    """Return runs of neighbouring dates as (first, last), ascending."""
    runs: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs
