"""What a date of the roll map is, and the volume of each contract on it."""

from collections.abc import Callable
from datetime import date
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import parse_choice
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE
from quant_assets.ticks.kernels import sum_in_order

IST_OFFSET_NS = (5 * 60 + 30) * NS_PER_MINUTE
"""India Standard Time is UTC+5:30 all year."""

_EPOCH = date(1970, 1, 1)


class DateBasis(StrEnum):
    """What a date of the map is: the exchange's session, or a calendar day of a zone."""

    SESSION = "session"
    UTC = "utc"
    IST = "ist"


Bounds = Callable[[date], SessionBounds]
Assign = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.datetime64]]


def parse_date_basis(text: str) -> DateBasis:
    """Return the basis of that name, or raise `InputError` with those there are."""
    return parse_choice(DateBasis, text, asked="date basis", option="--date-basis")


def date_bounds(basis: DateBasis, *, bounds: Bounds) -> Bounds:
    """Return what gives the bounds of a basis' dates: of a zone's day, its two midnights.

    Parameters
    ----------
    bounds
        Gives the bounds of a session; asked only for the basis `session`.
    """
    if basis is DateBasis.SESSION:
        return bounds
    offset_ns = _offset_ns(basis)

    def of_day(d: date) -> SessionBounds:
        start = (d - _EPOCH).days * NS_PER_DAY - offset_ns
        return SessionBounds(d, start, start, start + NS_PER_DAY, start + NS_PER_DAY)

    return of_day


def session_volumes(
    rows: pl.DataFrame, *, basis: DateBasis, assign: Assign, time: str = "ts", volume: str = "qty"
) -> pl.DataFrame:
    """Return the volume of each contract on each date, summed in row order.

    Parameters
    ----------
    rows
        Landed trades or bars of one root: column contract, an instant and a quantity.
    basis
        What a date is.
    assign
        Gives the session of each stamp; asked only for the basis `session`.
    time, volume
        Names of the instant's and the quantity's column: `bar_start` and `volume` for bars.

    Returns
    -------
    DataFrame
        Columns contract, date and volume, by date and contract. No row is left out: contracts
        that traded nothing stand there with 0.
    """
    keys = rows.select("contract", date=dates_of(rows[time], basis, assign=assign))
    groups = keys.unique().sort("date", "contract").with_row_index("group")
    place = keys.join(groups, on=["contract", "date"], how="left", maintain_order="left")["group"]
    totals = sum_in_order(
        np.ascontiguousarray(rows[volume].cast(pl.Float64).to_numpy()),
        place.cast(pl.Int64).to_numpy(),
        groups.height,
    )
    return groups.select("contract", "date", volume=pl.Series(totals))


def _offset_ns(basis: DateBasis) -> int:
    """Return how far a zone's clock is ahead of UTC."""
    return IST_OFFSET_NS if basis is DateBasis.IST else 0


def dates_of(ts: pl.Series, basis: DateBasis, *, assign: Assign) -> pl.Series:
    """Return the date of each stamp by a basis.

    Parameters
    ----------
    ts
        Instants, UTC nanoseconds.
    assign
        Gives the session of each stamp (ns, UTC), as `SessionCalendar.assign` does; asked only for
        the basis `session`.
    """
    stamps = ts.dt.epoch("ns")
    if basis is DateBasis.SESSION:
        days = assign(np.ascontiguousarray(stamps.to_numpy()))
        return pl.Series("date", days.astype("datetime64[D]"), dtype=pl.Date)
    return (stamps + _offset_ns(basis)).cast(UTC_NS).dt.date().alias("date")
