"""DBN records that cannot be landed: found by rule, counted by rule and symbol."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quant_assets.storage.readers.base import Landed, SetAside
from quant_assets.storage.readers.dbn_layouts import UNDEF_PRICE, Layout, Words
from quant_assets.storage.readers.dbn_symbology import UNMAPPED, Codes, Symbology, present_codes

PRICE_BOUND = 10**18
"""Largest price in 1e-9 of the quote currency, which is 1e9; beyond it a record is damaged."""

_SHOWN_WORDS = 10


@dataclass
class _Aside:
    """Records set aside under one rule for one name: the first stands for all."""

    place: int
    raw: str
    symbol: str | None
    count: int = 0


class Asides:
    """Records of one file that are set aside."""

    def __init__(self, kind: Landed) -> None:
        self._kind = kind
        self._found: dict[tuple[str, str], _Aside] = {}

    def events(self) -> Iterator[SetAside]:
        """Give one event for each rule and name, in order of appearance."""
        for (rule, _), aside in self._found.items():
            yield SetAside(
                rule=rule,
                place=str(aside.place),
                raw=aside.raw,
                count=aside.count,
                symbol=aside.symbol,
                kind=self._kind,
            )

    def good_rows(
        self, words: Words, places: npt.NDArray[np.uint64], codes: Codes, names: Symbology
    ) -> npt.NDArray[np.bool_] | None:
        """Set the bad records of a block aside; return which are good, or None for all.

        A record is bad if its symbol cannot be told (`unmapped_instrument`) or carried
        (`unsupported_symbol`).
        """
        refused = [code for code in present_codes(codes) if not _is_landed(int(code), names)]
        if not refused:
            return None
        for code in refused:
            rows = np.flatnonzero(codes == code)
            if code != UNMAPPED:
                raw_symbol = names.target(int(code)).raw_symbol
                self._add("unsupported_symbol", raw_symbol, rows, words, places)
                continue
            ids = words.view(np.uint32)[rows, 1]
            for each in np.unique(ids):
                self._add("unmapped_instrument", f"id {each}", rows[ids == each], words, places)
        return ~np.isin(codes, refused)

    def good_values(
        self, words: Words, places: npt.NDArray[np.uint64], layout: Layout
    ) -> npt.NDArray[np.bool_] | None:
        """Set records aside whose stamp or price cannot be; return which are good, None for all.

        Rules: `bad_stamp` where the time of the event is undefined or beyond 2262,
        `price_out_of_range` beyond `PRICE_BOUND`. An undefined price is no fault here.
        """
        good: npt.NDArray[np.bool_] | None = None
        if int(words[:, 1].min()) < 0:
            bad = words[:, 1] < 0
            self._add("bad_stamp", "", np.flatnonzero(bad), words, places)
            good = ~bad
        for word in layout.price_words:
            prices = words[:, word]
            if int(prices.min()) >= -PRICE_BOUND and int(prices.max()) <= PRICE_BOUND:
                continue
            bad = ((prices < -PRICE_BOUND) | (prices > PRICE_BOUND)) & (prices != UNDEF_PRICE)
            bad &= True if good is None else good
            if bad.any():
                self._add("price_out_of_range", "", np.flatnonzero(bad), words, places)
                good = ~bad if good is None else good & ~bad
        return good

    def _add(
        self,
        rule: str,
        name: str,
        rows: npt.NDArray[np.intp],
        words: Words,
        places: npt.NDArray[np.uint64],
    ) -> None:
        key = (rule, name)
        if key not in self._found:
            first = int(rows[0])
            shown = ",".join(str(word) for word in words[first, 1:_SHOWN_WORDS])
            instrument = words.view(np.uint32)[first, 1]
            raw = f"{name} instrument {instrument} words {shown}".strip()
            self._found[key] = _Aside(int(places[first]), raw, None)
        self._found[key].count += rows.size


def _is_landed(code: int, names: Symbology) -> bool:
    return code != UNMAPPED and names.target(code).symbol is not None
