"""Row groups of the published table as Parquet pages, made from runs without their rows.

Seven of the columns cost by the run: their indices are written as run lengths. In the two that
name the stop each row's index is copied, one to three bytes. A codec that all readers have then
compresses the pages. Bytes depend on the rows and the codec alone.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from quant_assets.bronze import page_kernels as kernels
from quant_assets.bronze.engine import Floats, Runs, Search
from quant_assets.bronze.kernels import DIRECTION, EXIT, FIRST_STOP, TARGET
from quant_assets.bronze.parquet_layout import (
    Chunk,
    Codec,
    Column,
    Dictionary,
    EncodedGroup,
)
from quant_assets.bronze.parquet_schema import published_schema
from quant_assets.bronze.parquet_thrift import varint
from quant_assets.bronze.schema import OUTCOMES, TRADE_TYPES
from quant_assets.market.errors import InputError

MAX_GROUP_ROWS = 16_000_000
"""Rows of a row group at most: so no index takes four bytes, which fastparquet reads wrongly."""

_BIT_PACK = 8  # values that are packed together
_ABOVE, _BELOW = 1.0, -1.0  # where the levels of a buy lie
_OF_STOPS = ("sl_price", "sl_ratio")


@dataclass(frozen=True)
class Cut:
    """The rows of a row group as runs, of which the first and the last may be cut.

    Parameters
    ----------
    runs : int32 array of shape (n_runs, 5)
        No more than are needed.
    first, length : int32 arrays of shape (n_runs,)
        Stops [first, first + length) of each run are its rows.
    """

    runs: Runs
    first: Runs
    length: Runs
    count: int
    skipped: int

    @classmethod
    def of(cls, search: Search, runs: Runs, count: int, *, skipped: int = 0) -> Self:
        """Cut `count` rows from runs, after `skipped` rows of the first run.

        Raises
        ------
        InputError
            If that is no row, more than a row group may hold, or more than the runs hold.
        """
        n_sl = search.sl_ratios.size
        first, length = np.empty((2, len(runs)), dtype=np.int32)
        begins = len(runs) > 0 and 0 <= skipped < n_sl - runs[0, FIRST_STOP]
        if not begins or not 1 <= count <= MAX_GROUP_ROWS:
            raise _refused(count, skipped, "which is no row group that can be cut from these runs")
        taken, rows = kernels.cut_runs(runs, skipped, count, n_sl, first, length)
        if rows < count:
            raise _refused(count, skipped, f"runs of {rows:,} rows")
        return cls(runs[:taken], first[:taken], length[:taken], count, skipped)


def encode_row_group(
    search: Search, runs: Runs, count: int, *, skipped: int = 0, codec: Codec = "zstd"
) -> EncodedGroup:
    """Return the row group of the rows that `Search.rows` gives for the same runs.

    Parameters
    ----------
    runs
        The first of them begins the rows.
    count
        Rows of the row group.
    skipped
        Rows of the first run that are left out.

    Raises
    ------
    InputError
        As `Cut.of` does.
    """
    cut = Cut.of(search, runs, count, skipped=skipped)
    columns = _indexed(search, cut)
    chunks = (
        # Compressed one after another, so that the pages of one column are there at a time.
        Chunk.of((_by_row if name in _OF_STOPS else _by_run)(*columns[name], cut), count, codec)
        for name in published_schema().names
    )
    return EncodedGroup(count, codec, tuple(chunks))


def _indexed(search: Search, cut: Cut) -> dict[str, tuple[Dictionary, Runs]]:
    """Return each column's dictionary, and in it the index of each run's first row."""
    stamps, close = search.candles.stamps_ns, search.candles.close
    sl_ratios, tp_ratios = search.sl_ratios, search.tp_ratios
    first, length = cut.first, cut.length
    direction, target = _field(cut.runs, DIRECTION), _field(cut.runs, TARGET)
    alone = np.ones_like(target)
    entries, entry_idx = kernels.number_entries(cut.runs)
    owners, price_of_entry = kernels.number_prices(close[entries].view(np.uint64))
    prices, price_idx = close[entries][owners], price_of_entry[entry_idx]
    places = 2 * price_idx + direction
    exits, exit_idx = kernels.number_exits(_field(cut.runs, EXIT))
    return {
        "entry_time": (stamps[entries], entry_idx),
        "trade_type": (TRADE_TYPES, direction),
        "entry_price": (prices.astype(np.float32), price_idx),
        "sl_price": _level_prices(prices, sl_ratios, _BELOW, places, first, length),
        "tp_price": _level_prices(prices, tp_ratios, _ABOVE, places, target, alone),
        "sl_ratio": _used(sl_ratios.astype(np.float32), first, length),
        "tp_ratio": _used(tp_ratios.astype(np.float32), target, alone),
        "exit_time": (stamps[exits], exit_idx),
        "outcome": (OUTCOMES[:1], np.zeros_like(target)),
    }


def _level_prices(
    prices: Floats, ratios: Floats, sign: float, places: Runs, least: Runs, length: Runs
) -> tuple[Dictionary, Runs]:
    """Return the prices of levels that occur, and the index of each run's first."""
    bounds = kernels.bound_levels(places, least, length, 2 * prices.size)
    levels, base = kernels.level_prices(bounds, prices, ratios, sign)
    return levels, base[places] + least


def _used(values: Dictionary, least: Runs, length: Runs) -> tuple[Dictionary, Runs]:
    """Return the values from the least to the greatest that occurs, and each run's index there."""
    low = int(least.min())
    return values[low : int((least + length).max())], least - np.int32(low)


def _field(runs: Runs, field: int) -> Runs:
    """Return one field of all runs."""
    return np.ascontiguousarray(runs[:, field])


def _by_run(dictionary: Dictionary, indices: Runs, cut: Cut) -> Column:
    """Return a column in which a run has one value; of words, some may not occur."""
    is_words = isinstance(dictionary, tuple)
    occurring = dictionary[indices.min() : indices.max() + 1] if is_words else dictionary
    bits = max(1, (len(dictionary) - 1).bit_length())
    head = _no_nulls(cut.count) + bytes([bits])
    page = np.empty(len(head) + kernels.BYTES_A_RUN * len(indices), dtype=np.uint8)
    page[: len(head)] = np.frombuffer(head, dtype=np.uint8)
    end = kernels.write_run_lengths(indices, cut.length, -(-bits // 8), page, len(head))
    return Column(dictionary, occurring, page[:end])


def _by_row(dictionary: Dictionary, indices: Runs, cut: Cut) -> Column:
    """Return a column in which the index ascends by one a row within a run.

    Indices of whole bytes are bit-packed as they stand; all rows are one bit-packed run.
    """
    width = max(1, -(-(len(dictionary) - 1).bit_length() // 8))
    packs = -(-cut.count // _BIT_PACK)
    head = _no_nulls(cut.count) + bytes([8 * width]) + varint(packs << 1 | 1)
    page = np.empty(len(head) + packs * _BIT_PACK * width, dtype=np.uint8)
    page[: len(head)] = np.frombuffer(head, dtype=np.uint8)
    page[-_BIT_PACK * width :] = 0  # what the last pack has beyond the rows
    ascending = kernels.ascending_indices(len(dictionary), width)
    kernels.copy_indices(indices, cut.length, width, ascending, page[len(head) :])
    return Column(dictionary, dictionary, page)


def _no_nulls(count: int) -> bytes:
    """Return the definition levels of a page without nulls: one run of ones."""
    levels = varint(count << 1) + b"\x01"
    return len(levels).to_bytes(4, "little") + levels


def _refused(count: int, skipped: int, found: str) -> InputError:
    return InputError(
        asked=f"a row group of {count:,} rows after {skipped:,} rows of the first run",
        found=found,
        remedy=f"Ask for 1 to {MAX_GROUP_ROWS:,} rows, and for no more than the runs stand for.",
    )
