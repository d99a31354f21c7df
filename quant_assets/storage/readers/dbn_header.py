"""The header of a DBN file: version, schema and the symbols of its instrument ids."""

import struct
from dataclasses import dataclass
from datetime import date
from typing import Any

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.dbn_stream import DbnStream

_MAGIC = b"DBN"
_PREFIX_BYTES = 8
_NEWEST_VERSION = 3
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_RECORD_TYPES = frozenset(
    (0x00, 0x01, 0x0A, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x20, 0x21, 0x22, 0x23, 0x24)
) | frozenset((0xA0, 0xB1, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4))
_LARGEST_RECORD = 600


@dataclass(frozen=True)
class Interval:
    """Days on which an instrument id stands for a symbol: `first_day <= day < end_day`.

    Days count from 1970-01-01, UTC.
    """

    instrument_id: int
    first_day: int
    end_day: int
    raw_symbol: str


@dataclass(frozen=True)
class DbnHeader:
    """What the header says about the records behind it.

    Parameters
    ----------
    version
        DBN version of the file, 1 to 3.
    schema
        Name of the schema; None for a live capture.
    ts_out
        Whether each record ends in one more word, the send time.
    """

    version: int
    schema: str | None
    dataset: str
    ts_out: bool
    intervals: tuple[Interval, ...]


def read_header(stream: DbnStream) -> DbnHeader:
    """Read the header at the start of a stream.

    Raises
    ------
    FileRejectedError
        Rules `not_dbn`, `dbn_fragment`, `unsupported_version`, `truncated_file`, `damaged_header`
        and `unsupported_symbology`.
    """
    prefix = stream.read(_PREFIX_BYTES)
    if not prefix.startswith(_MAGIC) or len(prefix) < _PREFIX_BYTES:
        raise _not_dbn(prefix)
    version, length = struct.unpack("<BI", prefix[len(_MAGIC) :])
    if not 1 <= version <= _NEWEST_VERSION:
        raise _rejected(
            "unsupported_version",
            f"its DBN version is {version}",
            f"Versions 1 to {_NEWEST_VERSION} are supported.",
        )
    body = stream.read(length)
    if len(body) < length:
        raise _rejected(
            "truncated_file",
            f"it ends inside its header of {length} bytes",
            "Download it again.",
        )
    return _decode(prefix + body, version)


def _decode(encoded: bytes, version: int) -> DbnHeader:
    """Decode the header with the vendor's own decoder."""
    import databento_dbn

    try:
        metadata = databento_dbn.Metadata.decode(encoded)
        intervals = tuple(_intervals(metadata))
    except (databento_dbn.DBNError, ValueError, OverflowError) as error:
        raise _rejected(
            "damaged_header", " ".join(str(error).split())[:200], "Download it again."
        ) from error
    return DbnHeader(
        version=version,
        schema=None if metadata.schema is None else str(metadata.schema),
        dataset=metadata.dataset,
        ts_out=bool(metadata.ts_out),
        intervals=intervals,
    )


def _intervals(metadata: Any) -> list[Interval]:
    """Return the symbology by instrument id, in whichever direction the file maps it."""
    by_id_out = str(metadata.stype_out) == "instrument_id"
    by_id_in = str(metadata.stype_in) == "instrument_id"
    if metadata.mappings and not (by_id_out or by_id_in):
        raise _rejected(
            "unsupported_symbology",
            f"it maps {metadata.stype_in} to {metadata.stype_out}, not to instrument ids",
            "Request it with stype_out=instrument_id.",
        )
    found: list[Interval] = []
    for key, spans in metadata.mappings.items():
        for span in spans:
            value = span["symbol"]
            if not value:
                continue
            number, raw_symbol = (value, key) if by_id_out else (key, value)
            first, end = span["start_date"].toordinal(), span["end_date"].toordinal()
            found.append(
                Interval(_id(number), first - _EPOCH_ORDINAL, end - _EPOCH_ORDINAL, raw_symbol)
            )
    return found


def _id(text: str) -> int:
    """Return an instrument id, or raise `ValueError`."""
    number = int(text)
    if not 0 <= number < 1 << 32:
        msg = f"instrument id {text} does not fit 32 bits"
        raise ValueError(msg)
    return number


def _not_dbn(prefix: bytes) -> FileRejectedError:
    """Say what stands where the header belongs."""
    if len(prefix) == _PREFIX_BYTES and _is_record_head(prefix):
        return _rejected(
            "dbn_fragment",
            "it starts with a record: a DBN fragment has no header, so no schema and no symbols",
            "Give the whole file, which starts with its header.",
        )
    return _rejected(
        "not_dbn",
        "its content starts with " + (repr(prefix) if prefix else "nothing") + ", not with DBN",
        "Give a file in Databento Binary Encoding.",
    )


def _is_record_head(prefix: bytes) -> bool:
    return (
        prefix[1] in _RECORD_TYPES and 16 <= prefix[0] * 4 <= _LARGEST_RECORD and prefix[0] % 2 == 0
    )


def _rejected(rule: str, found: str, remedy: str) -> FileRejectedError:
    return FileRejectedError(
        rule=rule, where="header", asked="read a DBN file", found=found, remedy=remedy
    )
