"""`contract.parquet`: one row a bar with its footprint inside, a row group a day."""

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.contracts.model import ContractHead, Day, in_order
from quant_assets.contracts.objects import FLAT_TYPES, flat_of
from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.lineage.records import Lineage
from quant_assets.storage.commit import FOOTER_KEY
from quant_assets.storage.readers.contract_json import iter_contract_rows, read_contract_opening
from quant_assets.storage.writers.files import replace_file

FILE_TABLE = "contract_parquet"
"""How the footer names what the file is."""

_WRITE_BYTES = 1 << 20


def write_contract_parquet(
    path: Path, head: ContractHead, days: Iterable[Day], *, lineage: Lineage
) -> None:
    """Write a contract period as one flat table; a reader sees the old file or the new one.

    One day is held at a time. Columns are those of `CONTRACT_TABLE` and `footprint`, a list of
    records by price; head and lineage stand in the footer, which `quant peek` shows.

    Raises
    ------
    InputError
        If days do not ascend; what stood at `path` still stands.
    CommitError
        If the disk is full or refuses.
    """
    rows = (flat_of(day, contract=head.contract) for day in in_order(days))
    replace_file(path, partial(_write, head=head, days=rows, lineage=lineage))


def json_to_parquet(source: Path, target: Path) -> None:
    """Turn a `contract.json` into a `contract.parquet` that holds the same, whatever its size.

    Raises
    ------
    InputError
        If the JSON is damaged or foreign; what stood at `target` still stands.
    CommitError
        If the disk is full or refuses.
    """
    opening = read_contract_opening(source)
    days = iter_contract_rows(source)
    replace_file(target, partial(_write, head=opening.head, days=days, lineage=opening.lineage))


def _write(
    path: Path, *, head: ContractHead, days: Iterable[pl.DataFrame], lineage: Lineage
) -> None:
    """Write the whole file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _arrow(pl.DataFrame(schema=FLAT_TYPES)).schema
    footer = {
        "table": FILE_TABLE,
        "schema_version": CONTRACT_TABLE.version,
        "contract": asdict(head),
        "lineage": lineage.to_json(),
    }
    told = schema.with_metadata({FOOTER_KEY: canonical_json(footer)})
    with _buffered(path) as file, pq.ParquetWriter(file, told, compression="zstd") as writer:
        for rows in days:
            flat = _arrow(rows)
            writer.write_table(pa.Table.from_batches(flat.to_batches(), told), rows.height)


def _buffered(path: Path) -> Any:
    """Open a file that is written in few strokes: a row group has many columns, all short."""
    import pyarrow as pa

    return pa.BufferedOutputStream(pa.OSFile(str(path), "wb"), _WRITE_BYTES)


def _arrow(frame: pl.DataFrame) -> Any:
    """Return a frame in Arrow types that every reader of Parquet knows."""
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
