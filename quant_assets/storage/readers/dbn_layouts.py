"""Where the fields of each DBN schema lie, and which record types and lengths it may hold."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.base import Landed

UNDEF_PRICE = np.iinfo(np.int64).max
"""Price that the vendor left out."""

Words = npt.NDArray[np.int64]
"""Records as rows of little-endian 64-bit words; every DBN record is a whole number of them."""


@dataclass(frozen=True)
class Layout:
    """How the records of one schema are laid out.

    Parameters
    ----------
    schema
        Name in the header: `ohlcv-1s`, `trades`, ...
    kind
        Landed table of its rows.
    record_type
        The one value of `rtype` it may hold.
    widths
        Bytes of a record in DBN version 1, 2 and 3.
    recv_word
        Word of `ts_recv`; None where the records have none.
    price_words
        Words that hold prices of 1e-9.
    """

    schema: str
    kind: Landed
    record_type: int
    widths: tuple[int, int, int]
    recv_word: int | None
    price_words: tuple[int, ...] = ()

    def width(self, version: int, *, ts_out: bool) -> int:
        """Return the bytes of a record; `ts_out` adds the word of the send time."""
        return self.widths[version - 1] + (8 if ts_out else 0)


def _bars(schema: str, record_type: int) -> Layout:
    return Layout(schema, Landed.BARS, record_type, (56, 56, 56), None, (2, 3, 4, 5))


_LAYOUTS = (
    _bars("ohlcv-1s", 0x20),
    _bars("ohlcv-1m", 0x21),
    _bars("ohlcv-1h", 0x22),
    _bars("ohlcv-1d", 0x23),
    Layout("trades", Landed.TICKS, 0x00, (48, 48, 48), 4, (2,)),
    Layout("tbbo", Landed.TICKS, 0x01, (80, 80, 80), 4, (2, 6, 7)),
    Layout("mbp-1", Landed.TICKS, 0x01, (80, 80, 80), 4, (2, 6, 7)),
    Layout("status", Landed.STATUS, 0x12, (40, 40, 40), 2),
    Layout("definition", Landed.DEFINITIONS, 0x13, (360, 400, 520), 2),
    Layout("statistics", Landed.DEFINITIONS, 0x18, (64, 64, 80), 2),
)
LAYOUTS = {layout.schema: layout for layout in _LAYOUTS}
"""Supported schemas, by name."""


def layout_of(schema: str | None) -> Layout:
    """Return the layout of a schema.

    Raises
    ------
    FileRejectedError
        Rule `unsupported_schema`.
    """
    if schema in LAYOUTS:
        return LAYOUTS[schema]
    raise FileRejectedError(
        rule="unsupported_schema",
        where="header",
        asked="read a DBN file",
        found=f"its schema is {schema or 'a mix of several, as a live capture writes it'}",
        remedy=f"Supported are {', '.join(LAYOUTS)}.",
    )


def check_records(words: Words, layout: Layout, *, width: int, first_record: int) -> None:
    """Compare length and type of every record with what the header promises.

    Parameters
    ----------
    first_record
        Number of the first row, from 1.

    Raises
    ------
    FileRejectedError
        Rule `wrong_record_length` or `wrong_record_type`.
    """
    expected = (width // 4) | (layout.record_type << 8)
    heads = words.view(np.uint16)[:, 0]
    wrong = heads != expected
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    length, record_type = int(heads[row]) & 0xFF, int(heads[row]) >> 8
    is_length = length != width // 4
    raise FileRejectedError(
        rule="wrong_record_length" if is_length else "wrong_record_type",
        where=f"record {first_record + row}",
        asked=f"read the {layout.schema} records of a DBN file",
        found=f"a record of {length * 4} bytes and type {record_type:#04x}, where {width} bytes "
        f"and {layout.record_type:#04x} belong",
        remedy="The file is damaged or mixes schemas: download it again.",
    )
