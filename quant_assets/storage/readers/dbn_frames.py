"""From DBN records to frames of the landed tables: columns are cut out with numpy, never by row."""

import io
import json
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import PRICE_SCALE, SIDES, UTC_NS
from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.dbn_layouts import UNDEF_PRICE, Layout, Words

_NO_STAMP = -1
"""UNDEF_TIMESTAMP, all bits set, as a signed word."""

_SIDE_CODES = np.full(256, 255, dtype=np.uint8)
for _byte, _side in ((b"B", "buy"), (b"A", "sell"), (b"N", "unknown")):
    _SIDE_CODES[_byte[0]] = SIDES.index(_side)
_TRADE = ord("T")
_IS_ACTION = np.isin(np.arange(256), list(b"ACMRTFN"))
_YES_NO: dict[int, bool | None] = {ord("Y"): True, ord("N"): False, ord("~"): None}

Places = npt.NDArray[np.uint64]

Columns = dict[int, npt.NDArray[np.int64]]
"""Words of records by their number, each contiguous and with memory of its own."""


def index_stamps(words: Words, layout: Layout) -> npt.NDArray[np.int64]:
    """Return the stamps that files are ordered and mapped by: `ts_recv`, else `ts_event`."""
    event = np.ascontiguousarray(words[:, 1])
    if layout.recv_word is None:
        return event
    recv = np.ascontiguousarray(words[:, layout.recv_word])
    missing = recv == _NO_STAMP
    return np.where(missing, event, recv) if missing.any() else recv


def instrument_ids(words: Words) -> npt.NDArray[np.uint32]:
    """Return the instrument id of each record."""
    return np.ascontiguousarray(words.view(np.uint32)[:, 1])


def is_trade(words: Words, places: Places) -> npt.NDArray[np.bool_]:
    """Return which trade or quote records are trades.

    Raises
    ------
    FileRejectedError
        Rule `damaged_record`, if an action is none of DBN's.
    """
    actions = np.ascontiguousarray(words.view(np.uint8)[:, 28])
    trades: npt.NDArray[np.bool_] = actions == _TRADE
    if not trades.all() and not _IS_ACTION[actions].all():
        row = int(np.argmin(_IS_ACTION[actions]))
        raise damaged(int(places[row]), f"action {bytes([int(actions[row])])!r} is none of DBN's")
    return trades


def column_words(layout: Layout) -> tuple[int, ...]:
    """Return the words that the columns of bars or ticks are made of."""
    if layout.kind is Landed.BARS:
        return _BAR_WORDS
    has_quote = layout.widths[0] >= 8 * len(_QUOTE_WORDS)
    return _QUOTE_WORDS if has_quote else _TRADE_WORDS


_BAR_WORDS = (1, 2, 3, 4, 5, 6)
_TRADE_WORDS = (1, 2, 3, 4)
_QUOTE_WORDS = (*_TRADE_WORDS, 6, 7, 8)
_OHLC = ("open", "high", "low", "close")


def cut_columns(words: Words, layout: Layout) -> Columns:
    """Return the words of bars or ticks, each by itself."""
    return {word: np.ascontiguousarray(words[:, word]) for word in column_words(layout)}


def bars_frame(
    columns: Columns, places: Places, counts: npt.NDArray[np.float64] | float
) -> pl.DataFrame:
    """Return bars; prices in quote currency, volume in units.

    Parameters
    ----------
    columns
        Words by their number.
    counts : float, or float64 array of shape (n,)
        Counts of the vendor's volume in one unit.
    """
    return pl.DataFrame(
        [
            _stamp("bar_start", columns[1]),
            *(_price(name, columns[word]) for word, name in enumerate(_OHLC, start=2)),
            pl.Series("volume", columns[6].view(np.uint64) / counts),
            _nulls("bid", pl.Float64(), len(places)),
            _nulls("ask", pl.Float64(), len(places)),
            pl.Series("place", places),
        ]
    )


def ticks_frame(
    columns: Columns, places: Places, counts: npt.NDArray[np.float64] | float
) -> pl.DataFrame:
    """Return trades with the quote that stood before them, where the schema has one.

    Parameters
    ----------
    columns
        Words by their number.
    counts : float, or float64 array of shape (n,)
        Counts of the vendor's sizes in one unit.

    Raises
    ------
    FileRejectedError
        Rule `damaged_record`, if a side is none of A, B and N.
    """
    quote_sizes = columns.get(8)
    return pl.DataFrame(
        [
            _stamp("ts", columns[1]),
            _stamp("ts_recv", columns[4]),
            _fixed("price", columns[2]),
            _fixed("bid", columns.get(6), len(places)),
            _fixed("ask", columns.get(7), len(places)),
            pl.Series("qty", _low(columns[3]) / counts),
            _size("bid_qty", None if quote_sizes is None else _low(quote_sizes), counts, places),
            _size("ask_qty", None if quote_sizes is None else _high(quote_sizes), counts, places),
            _sides(np.ascontiguousarray(columns[3].view(np.uint8)[_SIDE_BYTE::8]), places),
            pl.Series("place", places),
        ]
    )


_SIDE_BYTE = 5
"""Byte of the side within word 3, behind the size and the action."""


def _low(words: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    return words.view(np.uint32)[0::2]


def _high(words: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    return words.view(np.uint32)[1::2]


def status_frame(words: Words, places: Places) -> pl.DataFrame:
    """Return trading status: DBN's names of action and reason in capitals."""
    shorts = words.view(np.uint16)
    flags = words.view(np.uint8)[:, 30]
    actions, reasons = _status_names()
    return pl.DataFrame(
        [
            _stamp("ts", words[:, 1].copy()),
            pl.Series("action", _names(shorts[:, 12], actions), dtype=pl.String),
            pl.Series("reason", _names(shorts[:, 13], reasons), dtype=pl.String),
            pl.Series("is_trading", [_YES_NO.get(int(x)) for x in flags], dtype=pl.Boolean),
            pl.Series("place", places),
        ]
    )


def definitions_frame(
    words: Words, places: Places, layout: Layout, *, version: int, ts_out: bool
) -> pl.DataFrame:
    """Return definitions or statistics, each with its record as JSON.

    `raw_symbol` is the record's own where it has one, else null. JSON holds prices as decimal text
    and stamps as ISO 8601, in the newest DBN version's fields, sorted by name.

    Raises
    ------
    FileRejectedError
        Rule `damaged_record`, if a record has no JSON form.
    """
    lines = _json_lines(words.tobytes(), version=version, ts_out=ts_out)
    if len(lines) != len(words):
        raise damaged(int(places[0]), f"{len(lines)} of {len(words)} records have a JSON form")
    payload = pl.Series("payload", lines, dtype=pl.String)
    return pl.DataFrame(
        [
            _stamp("ts", index_stamps(words, layout)),
            payload.str.json_path_match("$.raw_symbol").alias("raw_symbol"),
            pl.repeat(layout.schema, len(words), eager=True).alias("kind"),
            payload,
            pl.Series("place", places),
        ]
    )


def _json_lines(records: bytes, *, version: int, ts_out: bool) -> list[str]:
    import databento_dbn

    text = io.BytesIO()
    transcoder = databento_dbn.Transcoder(
        text,
        encoding=databento_dbn.Encoding.JSON,
        compression=databento_dbn.Compression.NONE,
        map_symbols=False,
        has_metadata=False,
        input_version=version,
        ts_out=ts_out,
    )
    try:
        transcoder.write(records)
        transcoder.flush()
    except databento_dbn.DBNError as error:
        raise damaged(0, " ".join(str(error).split())[:200]) from error
    lines = text.getvalue().decode("utf-8", errors="replace").splitlines()
    return [json.dumps(json.loads(line), sort_keys=True, separators=(",", ":")) for line in lines]


def damaged(record: int, found: str) -> FileRejectedError:
    """Return the rejection of a file by one of its records; record 0 stands for any."""
    return FileRejectedError(
        rule="damaged_record",
        where=f"record {record}" if record else "",
        asked="read a DBN file",
        found=found,
        remedy="Download it again.",
    )


def _stamp(name: str, values: npt.NDArray[np.int64]) -> pl.Series:
    """Return stamps; an undefined one is null."""
    stamps = pl.Series(name, values)
    if len(values) and int(values.min()) < 0:
        stamps = stamps.to_frame().select(pl.when(stamps >= 0).then(stamps).alias(name))[name]
    return stamps.cast(UTC_NS)


def _price(name: str, values: npt.NDArray[np.int64]) -> pl.Series:
    """Return prices as the floats nearest to their decimals; an undefined one is null.

    Division by a power of ten rounds once, so 1.1 comes out as 1.1; a factor of 1e-9 would not.
    """
    prices = pl.Series(name, values / PRICE_SCALE)
    return _without(prices, values)


def _fixed(name: str, values: npt.NDArray[np.int64] | None, count: int = 0) -> pl.Series:
    """Return prices as counts of 1e-9; an undefined one is null."""
    if values is None:
        return _nulls(name, pl.Int64(), count)
    return _without(pl.Series(name, values), values)


def _without(prices: pl.Series, values: npt.NDArray[np.int64]) -> pl.Series:
    if not len(values) or int(values.max()) != UNDEF_PRICE:
        return prices
    is_given = pl.Series(values != UNDEF_PRICE)
    return prices.to_frame().select(pl.when(is_given).then(pl.col(prices.name)))[prices.name]


def _size(
    name: str,
    values: npt.NDArray[np.uint32] | None,
    counts: npt.NDArray[np.float64] | float,
    places: Places,
) -> pl.Series:
    if values is None:
        return _nulls(name, pl.Float64(), len(places))
    return pl.Series(name, values / counts)


def _nulls(name: str, dtype: pl.DataType, count: int) -> pl.Series:
    """Return a column of nulls, a view of one that all batches share."""
    shared = _shared_nulls(dtype)
    if count <= shared.len():
        return shared.slice(0, count).alias(name)
    return pl.repeat(None, count, dtype=dtype, eager=True).alias(name)


@cache
def _shared_nulls(dtype: pl.DataType) -> pl.Series:
    return pl.repeat(None, 1 << 17, dtype=dtype, eager=True)


def _sides(values: npt.NDArray[np.uint8], places: Places) -> pl.Series:
    codes = _SIDE_CODES[values]
    if len(codes) and int(codes.max()) == 255:
        row = int(np.argmax(codes == 255))
        raise damaged(int(places[row]), f"side {bytes([int(values[row])])!r} is none of A, B and N")
    return pl.Series("side", codes).cat.to(pl.Enum(SIDES))


def _names(values: npt.NDArray[np.uint16], names: dict[int, str]) -> Sequence[str]:
    return [names.get(int(value), f"UNKNOWN_{value}") for value in values]


@cache
def _status_names() -> tuple[dict[int, str], dict[int, str]]:
    """Return the vendor's names of status actions and reasons, by number."""
    import databento_dbn

    return (
        {int(entry.value): entry.name for entry in databento_dbn.StatusAction.variants()},
        {int(entry.value): entry.name for entry in databento_dbn.StatusReason.variants()},
    )
