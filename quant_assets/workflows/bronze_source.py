"""Candles of one bar file as the possibility engine takes them: all of them sound, or none."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from quant_assets.bars.rules import judge_bars
from quant_assets.market.errors import FileRejectedError
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.readers.base import Landed, RawBatch, Remark, SetAside, SourceFile
from quant_assets.storage.readers.names import check_name, parse_bar_name
from quant_assets.storage.readers.sniff import open_reader
from quant_assets.workflows.workspace import Workspace

_REFUSED_REMARKS = {
    "out_of_order": "rows stand before rows that are earlier",
    "timeframe_differs": "its name and its rows disagree about the bars' length",
}
_PLACE = "place"


@dataclass(frozen=True)
class CandleFile:
    """Candles of a file, in time order.

    Parameters
    ----------
    bars
        Columns bar_start, high, low and close, among others.
    """

    symbol: str
    timeframe: Timeframe
    bars: pl.DataFrame


def read_candles(
    workspace: Workspace, source: SourceFile, scratch: Path, progress: Callable[[float], None]
) -> CandleFile:
    """Read a bar file whose rows are all sound: what is searched must be what was meant.

    Parameters
    ----------
    scratch
        Folder for what a reader must lay down.
    progress
        Told of the share that is read.

    Raises
    ------
    FileRejectedError
        If the name carries no symbol or bar length, or the rows another one; if a row cannot be
        read, breaks a rule of bars, repeats a bar or stands out of order. Rule and place are said.
    """
    named = parse_bar_name(check_name(source.name), symbol=source.symbol)
    reader = open_reader(source, instruments=workspace.instruments, scratch=scratch)
    frames: list[pl.DataFrame] = []
    schema = ""
    for event in reader.events():
        progress(min(reader.tally.bytes_read / max(source.size, 1), 1.0))
        if isinstance(event, RawBatch):
            if event.kind is not Landed.BARS:
                raise _refused(source, "not_bars", "", f"it holds {event.kind}, no bars")
            schema = event.bar_schema or ""
            frames.append(_sound(source, event))
        elif isinstance(event, SetAside):
            raise _refused(source, event.rule, event.place, event.raw)
        elif isinstance(event, Remark) and event.rule in _REFUSED_REMARKS:
            found = f"{_REFUSED_REMARKS[event.rule]}: {event.where}"
            raise _refused(source, event.rule, event.where, found)
    bars = pl.concat(frames)
    _check_unique(source, bars)
    return CandleFile(named.symbol, Timeframe.parse(schema.removeprefix("ohlcv-")), bars)


def _sound(source: SourceFile, batch: RawBatch) -> pl.DataFrame:
    """Return a batch of which no row breaks a rule."""
    good, bad = judge_bars(batch.frame)
    if bad.height:
        first = bad.row(0, named=True)
        place = f"{batch.place_prefix}{first[_PLACE]}"
        raise _refused(source, first["rule"], place, f"{bad.height} such rows, the first: {first}")
    return good


def _check_unique(source: SourceFile, bars: pl.DataFrame) -> None:
    """Reject a file in which a bar comes twice, whatever its values."""
    repeated = bars.filter(pl.col("bar_start").is_duplicated())
    if repeated.height:
        place = f"line {repeated[_PLACE][1]}"
        found = f"{repeated.height} rows share their time, the first {repeated['bar_start'][0]}"
        raise _refused(source, "duplicate", place, found)


def _refused(source: SourceFile, rule: str, where: str, found: str) -> FileRejectedError:
    return FileRejectedError(
        rule=rule,
        where=where,
        asked=f"search the candles of {source.name!r}",
        found=" ".join(found.split())[:300],
        remedy="Mend the file; `quant ingest` lands its sound rows and sets the others aside.",
    )
