"""Reads `contract.parquet` back as objects, a row group at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.contracts.json_values import FaultyValueError, head_from_json
from quant_assets.contracts.model import Contract, Day, in_order
from quant_assets.contracts.objects import FLAT_TYPES, day_of_flat
from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import InputError
from quant_assets.storage.commit import read_footer
from quant_assets.storage.readers.contract_json import ContractOpening
from quant_assets.storage.writers.contract_parquet import FILE_TABLE


def read_parquet_opening(path: Path) -> ContractOpening:
    """Return what a file is of and was made from, from its footer.

    Raises
    ------
    InputError
        If the file is no `contract.parquet`, or damaged there.
    """
    with _readable(path):
        footer = read_footer(path)
        if footer.get("table") != FILE_TABLE:
            raise FaultyValueError("footer", f"it is not that of a {FILE_TABLE}")
        return ContractOpening(
            head_from_json(footer["contract"]), Lineage.from_json(footer["lineage"])
        )


def iter_parquet_days(path: Path) -> Iterator[Day]:
    """Yield the days of a file, one held at a time.

    Raises
    ------
    InputError
        Where the file is damaged or its columns are others; days before it have been given.
    """
    import pyarrow.parquet as pq

    with _readable(path), pq.ParquetFile(path) as file:
        yield from in_order(_day(file, number) for number in range(file.num_row_groups))


def read_contract_parquet(path: Path) -> Contract:
    """Return the whole contract period as objects; raises as `iter_parquet_days`."""
    return Contract.of(read_parquet_opening(path).head, iter_parquet_days(path))


def _day(file: Any, number: int) -> Day:
    """Read the day of a row group."""
    rows = pl.DataFrame(pl.from_arrow(file.read_row_group(number)))
    if dict(rows.schema) != FLAT_TYPES or rows["session"].n_unique() != 1:
        raise FaultyValueError(f"row group {number}", "it is not one day of a contract")
    return day_of_flat(rows)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of whatever cannot be read that it is this file."""
    import pyarrow as pa

    damaged: tuple[Any, ...] = (pa.ArrowException, pl.exceptions.ComputeError, OSError)
    try:
        yield
    except InputError as error:
        raise _unreadable(path, f"{error.asked}: {error.found}") from error
    except (*damaged, FaultyValueError, KeyError, TypeError) as error:
        raise _unreadable(path, " ".join(str(error).split())[:200]) from error


def _unreadable(path: Path, found: str) -> InputError:
    """Say what is wrong with a file."""
    return InputError(
        asked=f"read a contract from {path.name}",
        found=found,
        remedy="Delete it, and make it again: quant materialize contract_parquet",
    )
