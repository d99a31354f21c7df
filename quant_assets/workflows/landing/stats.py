"""Totals of a landed partition, which stand in its index row: readers need not open the file."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bars.kernels import sum_by_group
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE
from quant_assets.ticks.kernels import sum_by_day

IST_OFFSET_NS = 330 * NS_PER_MINUTE
"""India is five and a half hours ahead of UTC, all year and all years of our data."""

_START = np.zeros(1, dtype=np.int64)

OFFSETS_NS = {"utc": 0, "ist": IST_OFFSET_NS}


def partition_stats(frame: pl.DataFrame, *, time: str, volume: str) -> dict[str, Any]:
    """Return volume, first and last stamp, and the volume by UTC and by Indian date.

    Parameters
    ----------
    frame
        Rows of one partition, not empty.
    time, volume
        Their columns of stamps and quantities; quantities are summed in row order.

    Returns
    -------
    dict
        `{"volume": float, "first": ISO, "last": ISO, "volume_by_date": {"utc": {date: v},
        "ist": {date: v}}}`, JSON values alone.
    """
    stamps = frame[time].to_physical().to_numpy()
    amounts = frame[volume].to_numpy()
    return {
        "volume": float(sum_by_group(amounts, _START, np.array([amounts.size]))[0]),
        "first": iso(int(stamps.min())),
        "last": iso(int(stamps.max())),
        "volume_by_date": {
            basis: _by_date(stamps + offset if offset else stamps, amounts)
            for basis, offset in OFFSETS_NS.items()
        },
    }


def iso(stamp_ns: int) -> str:
    """Write an instant in ISO 8601, UTC, with nanoseconds where it has any."""
    text = str(np.datetime_as_string(np.datetime64(stamp_ns, "ns"), unit="ns"))
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}+00:00" if fraction else f"{whole}+00:00"


def _by_date(stamps: npt.NDArray[np.int64], amounts: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return the sum of the amounts of each date that has a row, in row order."""
    first, last = (int(edge) // NS_PER_DAY for edge in (stamps.min(), stamps.max()))
    sums, counts = sum_by_day(stamps, amounts, first, last - first + 1)
    return {
        str(np.datetime64(first + int(place), "D")): float(sums[place])
        for place in np.flatnonzero(counts)
    }
