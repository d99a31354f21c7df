"""What a typed batch holds: its rows, and nothing of the numbers that they were made from."""

from weakref import ref

import numpy as np
import pyarrow as pa
import pytest

from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.sqlite_frames import Typed
from quant_assets.storage.readers.sqlite_stamps import StampReader
from quant_assets.storage.readers.sqlite_tables import BAR_COLUMNS, OPEN_INTEREST, TICK_COLUMNS

ROWS = 5


@pytest.mark.parametrize(
    ("kind", "columns"), [(Landed.TICKS, TICK_COLUMNS), (Landed.BARS, BAR_COLUMNS)]
)
def test_a_typed_batch_lets_the_numbers_of_its_batch_go(
    kind: Landed, columns: tuple[str, ...]
) -> None:
    """A table waits typed until it was read to its end: it must not wait twice."""
    names = [*columns[1:], OPEN_INTEREST]
    numbers = np.full((len(names), ROWS), 7.0)
    held = ref(numbers)
    texts = pa.array([f"2013-10-07 10:00:{second:02d}" for second in range(ROWS)])
    rowids = pa.array(np.arange(ROWS, dtype=np.int64))
    batch = pa.RecordBatch.from_arrays(
        [texts, *(pa.array(column) for column in numbers), rowids],
        names=[columns[0], *names, "rowid"],
    )
    typed = Typed(batch, kind=kind, stamps=StampReader("UTC"))
    del numbers, batch
    assert held() is None
    assert typed.volumes.tolist() == [7.0] * ROWS
    assert typed.open_interest is not None
    assert typed.frame.height == typed.stamps_ns.size == ROWS
