"""Names that vendors give to the columns of bars and trades."""

from quant_assets.storage.readers.text import BLANKS, refuse

STAMP_NAMES = (
    "timestamp",
    "datetime",
    "date_time",
    "open_time",
    "opentime",
    "bar_start",
    "gmt_time",
    "utc_time",
    "trade_time",
    "transact_time",
    "ts",
    "time",
    "date",
)
"""Columns that hold a stamp, the clearest first; `date` and `time` together make one."""

BAR_NAMES = {
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("tickvol", "tick_volume", "tickvolume", "volume", "vol", "v"),
}
"""Columns of bars. MetaTrader 5 writes ticks and lots: ticks count, as in MetaTrader 4."""

TRADE_NAMES = {
    "price": ("price", "px", "trade_price"),
    "qty": ("amount", "qty", "quantity", "size", "volume", "vol"),
    "side": ("side", "aggressor_side", "aggressor", "taker_side"),
    "buyer_is_maker": ("is_buyer_maker", "isbuyermaker", "buyer_maker"),
    "kind": ("kind",),
}
"""Columns of trades; side and buyer_is_maker say the same, kind is optional."""

_BOOK_NAMES = frozenset(("first_update_id", "last_update_id", "update_type"))
_PRICES = ("open", "high", "low", "close")
_KNOWN = frozenset(
    (*STAMP_NAMES, *(n for names in (BAR_NAMES | TRADE_NAMES).values() for n in names))
)


def normal_name(cell: str) -> str:
    """Return a column name without quotes, angle brackets, case and blanks."""
    return cell.strip(BLANKS).strip("\"'<>").strip(BLANKS).lower().replace(" ", "_")


def count_known(names: list[str]) -> int:
    """Return how many normal names are a vendor's name for a column."""
    return sum(name in _KNOWN for name in names)


def is_trades(names: list[str]) -> bool:
    """Whether the columns are those of trades: a price, and none of open, high, low, close."""
    has_bar_column = any(find(names, BAR_NAMES[role]) is not None for role in _PRICES)
    return find(names, TRADE_NAMES["price"]) is not None and not has_bar_column


def find(names: list[str], synonyms: tuple[str, ...]) -> int | None:
    """Return the place of the first synonym that is among the names, or None."""
    return next((names.index(synonym) for synonym in synonyms if synonym in names), None)


def stamp_places(names: list[str]) -> tuple[int, ...]:
    """Return the place of the stamp, two where a date and a clock make it, none where it lacks."""
    single = find(names, STAMP_NAMES[: STAMP_NAMES.index("time")])
    if single is not None:
        return (single,)
    return tuple(names.index(name) for name in ("date", "time") if name in names)


def bar_places(names: list[str], *, file_name: str) -> dict[str, int]:
    """Return the place of open, high, low, close and, where there is one, volume.

    Raises
    ------
    FileRejectedError
        Rule `missing_column` or `duplicate_column`, naming it.
    """
    places = _places(names, BAR_NAMES)
    missing = [role for role in _PRICES if role not in places]
    _check_columns(names, places, missing, file_name=file_name)
    return places


def trade_places(names: list[str], *, file_name: str) -> dict[str, int]:
    """Return the place of price, qty, side or buyer_is_maker and, where there is one, kind.

    Raises
    ------
    FileRejectedError
        Rules `missing_column` or `duplicate_column`, naming it; `not_trades` for an order book.
    """
    if book := sorted(_BOOK_NAMES.intersection(names)):
        raise refuse(
            file_name,
            rule="not_trades",
            where=f"column {book[0]}",
            found=f"column {book[0]} belongs to updates of an order book",
            remedy="Give a file of trades with their aggressor side, or of bars.",
        )
    places = _places(names, TRADE_NAMES)
    missing = [role for role in ("price", "qty") if role not in places]
    if "side" not in places and "buyer_is_maker" not in places:
        missing.append("side")
    _check_columns(names, places, missing, file_name=file_name)
    return places


def _places(names: list[str], roles: dict[str, tuple[str, ...]]) -> dict[str, int]:
    found = {role: find(names, synonyms) for role, synonyms in roles.items()}
    return {role: place for role, place in found.items() if place is not None}


def _check_columns(
    names: list[str], places: dict[str, int], missing: list[str], *, file_name: str
) -> None:
    stamps = stamp_places(names)
    missing = missing if stamps else ["time", *missing]
    if missing:
        raise refuse(
            file_name,
            rule="missing_column",
            where=f"column {', '.join(missing)}",
            found=f"it has no column {', '.join(missing)}; it has {', '.join(names)[:200]}",
            remedy="Export it with that column, or correct the header.",
        )
    for place in (*stamps, *places.values()):
        if names.count(names[place]) > 1:
            raise refuse(
                file_name,
                rule="duplicate_column",
                where=f"column {names[place]}",
                found=f"column {names[place]} stands in it more than once",
                remedy="Keep one of them.",
            )
