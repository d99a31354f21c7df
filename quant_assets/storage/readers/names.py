"""What the name of a market file says: its symbol, and the minutes of its bars."""

import re
from dataclasses import dataclass

from quant_assets.market.errors import FileRejectedError, SymbolError
from quant_assets.market.tables import check_symbol
from quant_assets.market.timeframes import Timeframe

BAR_MINUTES = frozenset((1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 240, 360, 480, 720, 1440))
"""Bar lengths that a file name may carry, in minutes."""

_ALLOWED = re.compile(r"[A-Za-z0-9_(+-][A-Za-z0-9._ ()+-]{0,254}")
_TERMINAL_MINUTES = {"M": 1, "H": 60, "D": 1440}
_VENDOR_PREFIX = re.compile(r"DAT_(?:ASCII|MT|NT|XLSX)_")
_BARS = re.compile(
    r"(?P<symbol>[A-Za-z0-9_]*[A-Za-z])_?(?P<minutes>[0-9]{1,4})(?![A-Za-z0-9])",
)
_TERMINAL = re.compile(
    r"(?P<symbol>[A-Za-z0-9_]*[A-Za-z0-9])_(?P<unit>[MHD])(?P<count>[0-9]{1,2})(?![A-Za-z0-9])"
)
_MINUTES_ALONE = re.compile(r"[_-]?(?P<minutes>[0-9]{1,4})(?![A-Za-z0-9])")
_TOKEN = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class BarName:
    """Symbol of a bar file, and its timeframe where the name carries one."""

    symbol: str
    timeframe: Timeframe | None


def check_name(name: str) -> str:
    """Return the name, or raise `FileRejectedError` under rule `bad_name`.

    A name consists of letters, digits and `._ ()+-`, does not start with a dot or a blank, and
    has at most 255 characters: so it holds no path, no encoded path and no control character.
    """
    if not _ALLOWED.fullmatch(name):
        raise FileRejectedError(
            rule="bad_name",
            where="",
            asked=f"read {name[:80]!r}",
            found="its name holds something else than letters, digits and '._ ()+-'",
            remedy="Rename the file, for example to EURUSD15.csv.",
        )
    return name


def parse_bar_name(name: str, *, symbol: str | None = None) -> BarName:
    """Read symbol and minutes from a name such as `EURUSD15.csv`.

    Parameters
    ----------
    name
        File name, without folder.
    symbol
        Symbol that the user gave. It wins; minutes are then looked for behind it.

    Returns
    -------
    BarName
        Its timeframe is None only where the user gave a symbol and the name has no minutes.

    Raises
    ------
    FileRejectedError
        Rule `bad_name`, or `name_without_timeframe` where no symbol was given.
    SymbolError
        The symbol that the user gave is none.

    Notes
    -----
    The symbol ends in a letter, so `US50015.csv` needs `--symbol US500`. Names that MetaTrader 5
    and HistData write (`EURUSD_M15_2014.csv`, `DAT_ASCII_EURUSD_M1_2014.csv`) are read too.
    """
    check_name(name)
    stem = _VENDOR_PREFIX.sub("", name)
    if symbol is not None:
        return BarName(check_symbol(symbol), _timeframe_behind(stem, symbol))
    for pattern in (_TERMINAL, _BARS):
        match = pattern.match(stem)
        if match is not None and (timeframe := _timeframe(match)) is not None:
            return BarName(_own_symbol(match["symbol"], name), timeframe)
    raise FileRejectedError(
        rule="name_without_timeframe",
        where="",
        asked=f"read {name!r}",
        found="its name carries no bar length in minutes",
        remedy="Name it like EURUSD15.csv, or give --symbol: the step is then taken from its rows.",
    )


def parse_trades_name(name: str, *, symbol: str | None = None) -> str:
    """Return the symbol of a trades file: the user's, else the name's first token, upper case.

    `BTCUSDT-perp-20240808.trades.csv` is `BTCUSDT`.
    """
    check_name(name)
    if symbol is not None:
        return check_symbol(symbol)
    match = _TOKEN.match(name)
    return _own_symbol(match[0] if match else "", name)


def _timeframe(match: re.Match[str]) -> Timeframe | None:
    found = match.groupdict()
    if "unit" in found:
        minutes = _TERMINAL_MINUTES[found["unit"]] * int(found["count"])
    else:
        minutes = int(found["minutes"])
    return Timeframe.from_minutes(minutes) if minutes in BAR_MINUTES else None


def _timeframe_behind(stem: str, symbol: str) -> Timeframe | None:
    """Minutes that follow the user's symbol, else those of the name as it stands."""
    if stem.upper().startswith(symbol):
        rest = stem[len(symbol) :]
        match = _MINUTES_ALONE.match(rest) or _TERMINAL.match(f"X{rest}")
    else:
        match = _TERMINAL.match(stem) or _BARS.match(stem)
    return None if match is None else _timeframe(match)


def _own_symbol(text: str, name: str) -> str:
    try:
        return check_symbol(text.upper())
    except SymbolError as error:
        raise FileRejectedError(
            rule="bad_name",
            where="",
            asked=f"read {name[:80]!r}",
            found=f"its name starts with no symbol ({error.found})",
            remedy="Rename the file, or give its symbol with --symbol.",
        ) from error
