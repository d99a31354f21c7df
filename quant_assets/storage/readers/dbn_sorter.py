"""Blocks of bars or trades in which nothing is unusual: sorted by symbol in two passes.

Whatever is unusual about a block (a foreign record, an undefined stamp or price, a midnight, an id
without a name) leaves it to the reader, which judges it record by record.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from quant_assets.market.timeframes import NS_PER_DAY
from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.dbn_asides import PRICE_BOUND
from quant_assets.storage.readers.dbn_frames import Columns, column_words
from quant_assets.storage.readers.dbn_header import DbnHeader
from quant_assets.storage.readers.dbn_kernels import gather_records, survey_records
from quant_assets.storage.readers.dbn_layouts import Layout, Words
from quant_assets.storage.readers.dbn_symbology import Codes, Symbology

_TRADES_ALONE = np.arange(256) == ord("T")
_ANY = np.zeros(0, dtype=np.bool_)


@dataclass(frozen=True)
class SoundBlock:
    """A block's records, those of a symbol beside each other.

    Parameters
    ----------
    columns
        Words by their number.
    rows : int64 array
        Place of each record in the block, from 0.
    codes : int32 array
        Code of each record's symbol, ascending.
    disorder
        Records before their predecessor in the block.
    stamps_at_ends : int64 array of shape (2,)
        Index stamps of the block's first and last record.
    """

    columns: Columns
    rows: npt.NDArray[np.int64]
    codes: Codes
    disorder: int
    stamps_at_ends: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sorter:
    """Sorts the blocks of one file."""

    head: int
    index_word: int
    price_words: npt.NDArray[np.int64]
    actions: npt.NDArray[np.bool_]
    words: tuple[int, ...]
    names: Symbology

    @classmethod
    def of(cls, layout: Layout, header: DbnHeader, names: Symbology) -> Self | None:
        """Return the sorter of a file of bars or ticks, None for others."""
        if layout.kind not in {Landed.BARS, Landed.TICKS}:
            return None
        width = layout.width(header.version, ts_out=header.ts_out)
        return cls(
            head=(width // 4) | (layout.record_type << 8),
            index_word=1 if layout.recv_word is None else layout.recv_word,
            price_words=np.array(layout.price_words, dtype=np.int64),
            actions=_TRADES_ALONE if layout.kind is Landed.TICKS else _ANY,
            words=column_words(layout),
            names=names,
        )

    def sort(self, words: Words) -> SoundBlock | None:
        """Return the records of a block by symbol, or None where anything is unusual."""
        at_ends = words[[0, -1], self.index_word]
        day = int(at_ends[0]) // NS_PER_DAY
        known = self.names.landed_on(day)
        if known.ids.size == 0:
            return None
        group = np.empty(len(words), dtype=np.int32)
        counts = np.zeros(known.codes.size, dtype=np.int64)
        is_sound, disorder = survey_records(
            words,
            self.head,
            self.index_word,
            self.price_words,
            PRICE_BOUND,
            self.actions,
            known.ids,
            known.group_of_id,
            day,
            group,
            counts,
        )
        if not is_sound:
            return None
        return self._gathered(words, group, counts, known.codes, disorder, at_ends)

    def _gathered(
        self,
        words: Words,
        group: npt.NDArray[np.int32],
        counts: npt.NDArray[np.int64],
        codes: Codes,
        disorder: int,
        at_ends: npt.NDArray[np.int64],
    ) -> SoundBlock:
        """Put the records of a sound block beside those of their symbol; groups by code."""
        starts = np.cumsum(counts) - counts
        values = np.empty((len(self.words), len(words)), dtype=np.int64)
        rows = np.empty(len(words), dtype=np.int64)
        gather_records(words, group, starts, np.array(self.words), values, rows)
        return SoundBlock(
            columns=dict(zip(self.words, values, strict=True)),
            rows=rows,
            codes=np.repeat(codes, counts),
            disorder=disorder,
            stamps_at_ends=at_ends,
        )
