"""Reads a file whole with the reader that its content asks for, for tests."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from quant_assets.market.instruments import InstrumentBook
from quant_assets.storage.readers.base import RawBatch, Reader, Remark, SetAside, SourceFile, Tally
from quant_assets.storage.readers.sniff import open_reader


@dataclass
class Reading:
    """All that a reader gave."""

    format: str
    tally: Tally
    batches: list[RawBatch] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def frame(self) -> pl.DataFrame:
        """All rows given, in order."""
        return pl.concat([batch.frame for batch in self.batches])

    @property
    def n_given(self) -> int:
        """Rows given."""
        return sum(batch.frame.height for batch in self.batches)

    @property
    def places(self) -> list[str]:
        """Places of the rows set aside."""
        return [aside.place for aside in self.set_aside]

    @property
    def rules(self) -> dict[str, int]:
        """Rows set aside by rule."""
        return dict(Counter(aside.rule for aside in self.set_aside))

    @property
    def remarked(self) -> dict[str, int]:
        """Counts of remarks by rule."""
        return {remark.rule: remark.count for remark in self.remarks}


def source_of(
    path: Path, *, name: str | None = None, symbol: str | None = None, zone: str | None = None
) -> SourceFile:
    """Return a file as ingest hands it to a reader."""
    told = path.name if name is None else name
    return SourceFile(path, told, "0" * 64, path.stat().st_size, symbol=symbol, zone=zone)


def read_all(reader: Reader) -> Reading:
    """Take everything from a reader."""
    reading = Reading(reader.format, reader.tally)
    for event in reader.events():
        if isinstance(event, RawBatch):
            reading.batches.append(event)
        elif isinstance(event, SetAside):
            reading.set_aside.append(event)
        else:
            reading.remarks.append(event)
    reading.format, reading.tally = reader.format, reader.tally
    return reading


def read_source(source: SourceFile) -> Reading:
    """Read a file by its content."""
    book = InstrumentBook.from_mappings()
    return read_all(open_reader(source, instruments=book, scratch=source.path.parent))


def read_text(
    folder: Path, text: str | bytes, *, name: str = "EURUSD15.csv", **given: str
) -> Reading:
    """Write a text under a plain name and read it as if it were called `name`."""
    path = folder / "input"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_source(source_of(path, name=name, **given))
