"""From a vendor's instrument id on a day to our symbol and contract."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from quant_assets.market.contracts import is_contract, parse_contract
from quant_assets.market.errors import FileRejectedError, SymbolError
from quant_assets.market.instruments import Instrument
from quant_assets.market.tables import check_symbol
from quant_assets.market.timeframes import NS_PER_DAY
from quant_assets.storage.readers.dbn_header import Interval

UNMAPPED = -1
"""Code of a record whose id has no symbol on its day."""

Codes = npt.NDArray[np.int32]
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Target:
    """What the records of one raw symbol become.

    Parameters
    ----------
    symbol
        Our symbol: a futures root, an equity, a pair; None where no path may carry it.
    contract
        Contract with two digits of the year, for futures alone.
    qty_scale
        Units that one count of the vendor's sizes stands for.
    """

    raw_symbol: str
    symbol: str | None
    contract: str | None = None
    qty_scale: float = 1.0


@dataclass(frozen=True)
class LandedIds:
    """Instrument ids of one day that have a symbol of ours.

    Parameters
    ----------
    ids : int64 array, ascending
    codes : int32 array, ascending
        Codes of their symbols, each once.
    group_of_id : int64 array of shape of ids
        Place in `codes` of each id's.
    """

    ids: npt.NDArray[np.int64]
    codes: Codes
    group_of_id: npt.NDArray[np.int64]


def name_target(
    raw_symbol: str, *, on: date, instruments_by_symbol: Callable[[str], Instrument]
) -> Target:
    """Name the symbol and contract of a vendor's raw symbol.

    A futures code becomes root and contract; its one-digit year is resolved by the day it traded
    on. Spreads, options and what no path may carry have no symbol.
    """
    contract = None
    symbol = raw_symbol
    if is_contract(raw_symbol):
        parsed = parse_contract(raw_symbol, reference=on)
        contract, symbol = parsed.code, parsed.root
    elif any(is_contract(leg) for leg in raw_symbol.split("-")) or raw_symbol.endswith(".FUT"):
        return Target(raw_symbol, None)
    try:
        check_symbol(symbol)
    except SymbolError:
        return Target(raw_symbol, None)
    scale = instruments_by_symbol(symbol).qty_scale
    return Target(raw_symbol, symbol, contract, scale)


class Symbology:
    """Symbols of a file by instrument id and UTC day.

    `codes` gives each record a number, and `target` what stands behind a number; numbers are
    given out as symbols appear.
    """

    def __init__(
        self,
        intervals: Sequence[Interval],
        instruments_by_symbol: Callable[[str], Instrument],
    ) -> None:
        self._ids = np.array([span.instrument_id for span in intervals], dtype=np.uint32)
        self._first = np.array([span.first_day for span in intervals], dtype=np.int64)
        self._end = np.array([span.end_day for span in intervals], dtype=np.int64)
        self._raw = [span.raw_symbol for span in intervals]
        self._instruments = instruments_by_symbol
        self._targets: list[Target] = []
        self._code_of: dict[tuple[str, str | None], int] = {}
        self._days: dict[int, tuple[npt.NDArray[np.uint32], Codes]] = {}
        self._landed: dict[int, LandedIds] = {}

    def target(self, code: int) -> Target:
        """Return what stands behind a code."""
        return self._targets[code]

    def counts_in_unit(self, codes: Codes) -> npt.NDArray[np.float64] | float:
        """Return how many of the vendor's counts make one unit, for each code or for all.

        Sizes are divided by it: 1e8 counts of 1e-8 make one coin, and a division by a whole number
        rounds once.
        """
        present = present_codes(codes)
        each = np.array([_counts(self.target(int(code)).qty_scale) for code in present])
        return float(each[0]) if (each == each[0]).all() else each[np.searchsorted(present, codes)]

    def codes(self, ids: npt.NDArray[np.uint32], stamps_ns: npt.NDArray[np.int64]) -> Codes:
        """Return the code of each record; `UNMAPPED` where its day has no symbol for its id.

        Parameters
        ----------
        ids, stamps_ns : arrays of shape (n,), n > 0
            Instrument id, and the record's index stamp, UTC.
        """
        first, last = (int(edge) // NS_PER_DAY for edge in (stamps_ns.min(), stamps_ns.max()))
        if first == last:
            return self._codes_of_day(ids, first)
        days = stamps_ns // NS_PER_DAY
        codes = np.full(ids.size, UNMAPPED, dtype=np.int32)
        for day in np.unique(days):
            here = days == day
            codes[here] = self._codes_of_day(ids[here], int(day))
        return codes

    def landed_on(self, day: int) -> LandedIds:
        """Return the ids that have a symbol of ours on a day."""
        if day not in self._landed:
            ids, codes = self._table(day)
            has_symbol = [self.target(int(code)).symbol is not None for code in codes]
            is_landed = np.array(has_symbol, dtype=np.bool_)
            groups, group_of_id = np.unique(codes[is_landed], return_inverse=True)
            self._landed[day] = LandedIds(ids[is_landed].astype(np.int64), groups, group_of_id)
        return self._landed[day]

    def code_of_symbol(self, raw_symbol: str, day: int) -> int:
        """Return the code of a raw symbol that a record itself names."""
        on = _EPOCH + timedelta(days=day)
        target = name_target(raw_symbol, on=on, instruments_by_symbol=self._instruments)
        key = (raw_symbol, target.contract)
        if key not in self._code_of:
            self._code_of[key] = len(self._targets)
            self._targets.append(target)
        return self._code_of[key]

    def _codes_of_day(self, ids: npt.NDArray[np.uint32], day: int) -> Codes:
        known, codes = self._table(day)
        if known.size == 0:
            return np.full(ids.size, UNMAPPED, dtype=np.int32)
        if (ids == ids[0]).all():
            at = int(np.searchsorted(known, ids[0]))
            is_known = at < known.size and known[at] == ids[0]
            code = codes[at] if is_known else UNMAPPED
            return np.full(ids.size, code, dtype=np.int32)
        at_each = np.minimum(np.searchsorted(known, ids), known.size - 1)
        return np.where(known[at_each] == ids, codes[at_each], np.int32(UNMAPPED))

    def _table(self, day: int) -> tuple[npt.NDArray[np.uint32], Codes]:
        """Return the ids of a day, ascending, and their codes; kept, as days come in order."""
        if day not in self._days:
            rows = np.flatnonzero((self._first <= day) & (day < self._end))
            rows = rows[np.argsort(self._ids[rows], kind="stable")]
            codes = [self.code_of_symbol(self._raw[row], day) for row in rows]
            self._days[day] = self._unique(self._ids[rows], np.array(codes, dtype=np.int32), day)
        return self._days[day]

    def _unique(
        self, ids: npt.NDArray[np.uint32], codes: Codes, day: int
    ) -> tuple[npt.NDArray[np.uint32], Codes]:
        """Drop repeated pairs; an id with two symbols on one day cannot be told apart."""
        repeats = np.zeros(ids.size, dtype=np.bool_)
        repeats[1:] = ids[1:] == ids[:-1]
        clash = np.flatnonzero(repeats[1:] & (codes[1:] != codes[:-1]))
        if clash.size:
            row = int(clash[0])
            names = [self.target(int(codes[row + step])).raw_symbol for step in (0, 1)]
            raise FileRejectedError(
                rule="ambiguous_symbology",
                where="header",
                asked="tell the symbols of a DBN file apart",
                found=f"instrument id {ids[row]} is both {names[0]} and {names[1]} on "
                f"{_EPOCH + timedelta(days=day)}",
                remedy="Request each symbology in a file of its own.",
            )
        return ids[~repeats], codes[~repeats]


def present_codes(codes: Codes) -> npt.NDArray[np.int64]:
    """Return the codes that occur, ascending; a table of counts is far faster than sorting."""
    lowest, highest = int(codes.min()), int(codes.max())
    if lowest == highest:
        return np.array([lowest], dtype=np.int64)
    return np.flatnonzero(np.bincount(codes - lowest)) + lowest


def _counts(qty_scale: float) -> float:
    """Return the counts in one unit, whole where the scale is the inverse of a whole number."""
    counts = 1.0 / qty_scale
    return float(round(counts)) if abs(counts - round(counts)) < 1e-6 * counts else counts
