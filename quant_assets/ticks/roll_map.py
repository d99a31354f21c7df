"""The roll map: which contract of a root is read on a date, by landed data, no cleaning.

`roll_modes` says how a date's contract is chosen. By default the active contract never goes back
to an earlier expiry; the raw leader of each day stays beside it.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.contracts import parse_contract
from quant_assets.market.sessions import SessionCalendar
from quant_assets.ticks.expiries import Expiries, SessionsAfter
from quant_assets.ticks.roll_dates import Bounds
from quant_assets.ticks.roll_modes import (
    Choice,
    DayVolumes,
    Past,
    choose,
    parse_mode,
    sessions_before_expiry,
)
from quant_assets.ticks.schema import ROLL_MAP

RESTS_ON = "rests_on"
"""Column of `decide_rolls` beside those of the table."""


def build_roll_map(
    volumes: pl.DataFrame,
    *,
    mode: str,
    bounds: Bounds,
    raw_leader: bool = False,
    sessions_after: SessionsAfter | None = None,
    business_days: SessionCalendar | None = None,
    days: int | None = None,
    open_interest: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return the roll map of one root.

    A mode that goes by earlier dates has nothing to go by on the first one: it takes the nearest
    contract among those that trade that day and do not expire within five sessions, and says
    `bootstrap`. So does a later row where every contract that it could take has expired since.

    Parameters
    ----------
    volumes
        Columns contract, date and volume: the landed volume of each contract on each date, in
        any order; rows of one contract and date are added up. Without volume no contract leads,
        and a date on which none trades has no row.
    mode
        One of `RollMode`.
    bounds
        Gives the session of a date: its start, its close, and the start of the next one. See
        `date_bounds` for the bases that are no sessions.
    raw_leader
        Let the active contract go back to an earlier expiry.
    sessions_after
        Gives up to n sessions after a date, as `SessionCalendar.next` does. None, or where it
        gives fewer: five sessions are taken as seven calendar days.
    business_days
        Calendar by which contracts expire, see `expiry_date`. None: Monday to Friday.
    days
        Sessions before expiry in mode `days_before_expiry`; None is five.
    open_interest
        Columns contract, date and open_interest, each contract once a date: asked only in mode
        `open_interest`.

    Returns
    -------
    DataFrame
        Table `roll_map`, one row a date on which any contract traded; each row depends only on
        rows of its own date and earlier ones. `known_at` is the start of the next session in
        `same_day` and in a bootstrap row, which both rest on the day itself; the start of its own
        session where open interest decides; else the close of the last session with data.

    Raises
    ------
    InputError
        If the mode is none of `RollMode`, or `days` does not fit it.
    SymbolError
        If a contract's code cannot be read.
    """
    decided = decide_rolls(
        volumes,
        mode=mode,
        bounds=bounds,
        raw_leader=raw_leader,
        sessions_after=sessions_after,
        business_days=business_days,
        days=days,
        open_interest=open_interest,
    )
    return ROLL_MAP.check(decided.drop(RESTS_ON))


def decide_rolls(
    volumes: pl.DataFrame,
    *,
    mode: str,
    bounds: Bounds,
    raw_leader: bool = False,
    sessions_after: SessionsAfter | None = None,
    business_days: SessionCalendar | None = None,
    days: int | None = None,
    open_interest: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return the rows of `build_roll_map` with what each rests on: one of `Grounds`.

    In mode `open_interest` a row that rests on `volume` had no open interest to go by.
    """
    chosen = parse_mode(mode)
    sessions = sessions_before_expiry(chosen, days)
    expiries = Expiries(sessions_after, business_days)
    rows: list[dict[str, object]] = []
    active: str | None = None
    for past in _pasts(_ranked(volumes), _interest_by_day(open_interest)):
        choice = choose(chosen, past, expiries, sessions=sessions)
        choice = choice if raw_leader else choice.or_later(active)
        rows.append(_row(past, choice, active, known_at_ns=choice.known_at_ns(past, bounds)))
        active = choice.contract
    schema = ROLL_MAP.empty().schema | {"known_at": pl.Int64, RESTS_ON: pl.String}
    return pl.DataFrame(rows, schema=schema).with_columns(pl.col("known_at").cast(UTC_NS))


def _pasts(ranked: list[DayVolumes], interest: dict[date, dict[str, float]]) -> Iterator[Past]:
    """Yield for each date with volume what its choice may go by."""
    before: DayVolumes | None = None
    seen: frozenset[str] = frozenset()
    for today in ranked:
        yield Past(today, before, seen, interest.get(before.day, {}) if before else {})
        before, seen = today, seen | set(today.contracts)


def _ranked(volumes: pl.DataFrame) -> list[DayVolumes]:
    """Return the dates with volume, ascending, each with its contracts ranked."""
    parts: dict[date, dict[str, list[float]]] = {}
    for day, contract, volume in volumes.select("date", "contract", "volume").iter_rows():
        if volume > 0:
            parts.setdefault(day, {}).setdefault(contract, []).append(volume)
    # Summed exactly: a running sum of part units would depend on the rows' order.
    totals = {
        day: {contract: math.fsum(part) for contract, part in of_day.items()}
        for day, of_day in parts.items()
    }
    return [
        DayVolumes(
            day, tuple(sorted(found.items(), key=lambda one: (-one[1], parse_contract(one[0]))))
        )
        for day, found in sorted(totals.items())
    ]


def _interest_by_day(open_interest: pl.DataFrame | None) -> dict[date, dict[str, float]]:
    """Return the open interest of each date by contract."""
    by_day: dict[date, dict[str, float]] = defaultdict(dict)
    if open_interest is not None:
        columns = open_interest.select("date", "contract", "open_interest")
        for day, contract, count in columns.iter_rows():
            by_day[day][contract] = count
    return by_day


def _row(past: Past, choice: Choice, active: str | None, *, known_at_ns: int) -> dict[str, object]:
    """Return a row of the map."""
    today = past.today
    second = today.volumes[1] if len(today.volumes) > 1 else (None, 0.0)
    return {
        "date": today.day,
        "contract": choice.contract,
        "leader": today.leader,
        "volume": today.volume_of(choice.contract),
        "leader_volume": today.volumes[0][1],
        "runner_up": second[0],
        "runner_up_volume": second[1],
        "rolled": active is not None and choice.contract != active,
        "bootstrap": choice.bootstrap,
        "known_at": known_at_ns,
        RESTS_ON: choice.grounds.value,
    }
