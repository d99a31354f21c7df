"""Stretches of sessions that levels and context are anchored to: the week, the contract."""

from datetime import date


def week_of(session: date) -> tuple[int, int]:
    """Return the ISO year and week of a session's date: Monday's session begins a week.

    A futures session belongs to the date it is named by, though it starts the evening before.
    """
    year, week, _ = session.isocalendar()
    return year, week


def contract_period(symbol: str, session: date, contract: str | None) -> str:
    """Return the name of the longest stretch that is looked at as one: `GCZ13`, `EURUSD-2014Q2`.

    Parameters
    ----------
    contract
        Active contract of the session; None for a symbol that has none, whose stretch is then
        the calendar quarter of the date.
    """
    return contract or f"{symbol}-{session.year}Q{(session.month + 2) // 3}"
