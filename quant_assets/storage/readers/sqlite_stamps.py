"""Text stamps of a column to UTC: by their own offset, or by the file's zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from quant_assets.market.errors import FileRejectedError
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_SECOND
from quant_assets.storage.readers.sqlite_kernels import BAD, NAIVE, parse_stamps

DEFAULT_ZONE = "Asia/Kolkata"
"""Zone of tick databases whose stamps carry none."""

RULES = ("", "bad_stamp", "ambiguous_local_time", "nonexistent_local_time")
"""What can be wrong with a stamp, by the number in `Stamps.faults`; 0 is a good one."""

_BAD, _AMBIGUOUS, _NONEXISTENT = 1, 2, 3

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stamps:
    """Stamps of one batch.

    Parameters
    ----------
    utc_ns : int64 array of shape (n,)
        Nanoseconds UTC; meaningless where there is a fault.
    faults : uint8 array of shape (n,)
        Index into `RULES`.
    """

    utc_ns: Ints
    faults: npt.NDArray[np.uint8]


class StampReader:
    """Reads stamps of one file.

    Parameters
    ----------
    zone
        IANA zone of stamps without one.

    Raises
    ------
    FileRejectedError
        Rule `unknown_zone`.
    """

    def __init__(self, zone: str) -> None:
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise FileRejectedError(
                rule="unknown_zone",
                where="",
                asked=f"read stamps in zone {zone!r}",
                found="there is no such zone",
                remedy=f"Give an IANA zone such as {DEFAULT_ZONE}.",
            ) from error
        self._name = zone
        self._offset_of_day: dict[int, int] = {}

    def read(self, texts: pa.StringArray) -> Stamps:
        """Return the stamps of a text column; null is a bad stamp."""
        stamps_ns = np.empty(len(texts), dtype=np.int64)
        kinds = np.empty(len(texts), dtype=np.uint8)
        _, offsets, data = texts.buffers()
        starts = np.frombuffer(offsets, dtype=np.int32)[texts.offset :][: len(texts) + 1]
        content = np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, dtype=np.uint8)
        parse_stamps(content, starts, stamps_ns, kinds)
        if texts.null_count:
            kinds[texts.is_null().to_numpy(zero_copy_only=False)] = BAD
        return self._to_utc(stamps_ns, kinds)

    def _to_utc(self, stamps_ns: Ints, kinds: npt.NDArray[np.uint8]) -> Stamps:
        faults = np.zeros(len(kinds), dtype=np.uint8)
        faults[kinds == BAD] = _BAD
        naive = kinds == NAIVE
        if naive.all():
            return Stamps(*self._from_zone(stamps_ns, faults))
        if naive.any():
            stamps_ns[naive], faults[naive] = self._from_zone(stamps_ns[naive], faults[naive])
        return Stamps(stamps_ns, faults)

    def _from_zone(
        self, local_ns: Ints, faults: npt.NDArray[np.uint8]
    ) -> tuple[Ints, npt.NDArray[np.uint8]]:
        """Turn local time into UTC, in its place where the offset is the same all through it."""
        if not local_ns.size:
            return local_ns, faults
        first, last = (int(edge) // NS_PER_DAY for edge in (local_ns.min(), local_ns.max()))
        offsets = {self._offset(day) for day in range(first - 1, last + 3)}
        if len(offsets) == 1:
            local_ns -= offsets.pop() * NS_PER_SECOND
            return local_ns, faults
        return self._by_rules(local_ns, faults)

    def _offset(self, day: int) -> int:
        """Return the offset in seconds at midnight UTC of a day."""
        if day not in self._offset_of_day:
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
            offset = at.astimezone(self._zone).utcoffset() or timedelta(0)
            self._offset_of_day[day] = int(offset.total_seconds())
        return self._offset_of_day[day]

    def _by_rules(
        self, local_ns: Ints, faults: npt.NDArray[np.uint8]
    ) -> tuple[Ints, npt.NDArray[np.uint8]]:
        """Turn local time into UTC where the clocks change; what they repeat or skip is a fault."""
        local = pl.Series("local", local_ns).cast(pl.Datetime("ns"))
        utc = {}
        for choice in ("earliest", "latest"):
            aware = local.dt.replace_time_zone(
                self._name,
                ambiguous=pl.repeat(choice, local.len(), eager=True),
                non_existent="null",
            )
            utc[choice] = aware.cast(pl.Int64)
        skipped = utc["earliest"].is_null().to_numpy()
        repeated = (utc["earliest"] != utc["latest"]).fill_null(value=False).to_numpy()
        faults[skipped & (faults == 0)] = _NONEXISTENT
        faults[repeated & (faults == 0)] = _AMBIGUOUS
        return utc["earliest"].fill_null(0).to_numpy(), faults
