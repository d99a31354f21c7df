"""Label spans of two symbols, made for the tests of splitters."""

from datetime import date, timedelta

import numpy as np

DAY_NS = 86_400 * 10**9
BASE_NS = 1_700_000_000 * 10**9
FIRST = date(2024, 1, 1)


def two_symbols(
    seed: int, n_sessions: int, longest_ns: int, offset_ns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts, ends and sessions in any order; a third in, nothing trades for two days.

    The second symbol has other hours and lacks a session. Ends lie up to `longest_ns` after
    their starts.
    """
    rng = np.random.default_rng(seed)
    starts, days = [], []
    for symbol in range(2):
        for number in range(n_sessions):
            if symbol == 1 and number == n_sessions // 2:
                continue
            closed_days = 2 * (number >= n_sessions // 3)
            opened = BASE_NS + (number + closed_days) * DAY_NS + symbol * offset_ns
            rows = opened + np.sort(rng.integers(0, DAY_NS - 1, size=int(rng.integers(3, 15))))
            starts.append(rows)
            days += [FIRST + timedelta(days=number)] * rows.size
    begun = np.concatenate(starts)
    shuffled = rng.permutation(begun.size)
    ended = begun + rng.integers(0, longest_ns, size=begun.size)
    return begun[shuffled], ended[shuffled], np.array(days, dtype="datetime64[D]")[shuffled]


def uniform_rows(
    n_sessions: int, a_session: int, *, label_bars: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return starts, ends and sessions of one symbol round the clock, and the bar's length.

    Every label ends with the end of the bar `label_bars` after its own.
    """
    bar_ns = DAY_NS // a_session
    begun = BASE_NS + np.arange(n_sessions * a_session) * bar_ns
    days = np.repeat(np.datetime64(FIRST, "D") + np.arange(n_sessions), a_session)
    return begun, begun + (label_bars + 1) * bar_ns, days, bar_ns


def blocks_of(sessions: list, n_blocks: int) -> list[list]:
    """Cut sessions into blocks; the first ones take what does not divide."""
    least, more = divmod(len(sessions), n_blocks)
    blocks, place = [], 0
    for number in range(n_blocks):
        size = least + (number < more)
        blocks.append(sessions[place : place + size])
        place += size
    return blocks
