"""Numba functions that take size from one side of a quote and remember what was taken.

Contract: what is taken once is not offered again until the market offers more. The first level of
a side has the quote's size, each further one lies `level_ticks` away and has the size that is
stated beside. Nothing here knows of orders, halts or a second quote.
"""

import math

import numpy as np
from numba import njit

from quant_assets.execution.impact_kernels import mean_root

# Places in the rules, which `quote_rules` writes.
PAYS_SPREAD = 0
HAS_SIZE = 1
MAX_LEVELS = 2
LEVEL_TICKS = 3
COLLAR_RATIO = 4
MAX_AGE_NS = 5
IMPACT_OF_ONE = 6
TAU_NS = 7
STAYING = 8
QTY_STEP = 9
N_RULES = 10

# Places in the memory of a side; the consumption of its levels follows from LEVELS on.
SIZE = 0
IS_USED = 1
KEPT_ROOT = 2
FADING_ROOT = 3
LEVELS = 4
TOUCH = 0
FILLED_AT = 1


@njit(cache=True, nogil=True)
def _shift_levels(memory: np.ndarray, shift: int, size: float) -> float:
    """Move what was taken to the levels it now stands at; return what is left of it."""
    n_levels = memory.shape[0] - LEVELS
    total = 0.0
    for place in range(n_levels):
        level = place if shift >= 0 else n_levels - 1 - place
        source = level + shift
        taken = memory[LEVELS + source] if 0 <= source < n_levels else 0.0
        if level == 0:
            taken = min(taken, size)
        memory[LEVELS + level] = taken
        total += taken
    return total


@njit(cache=True, nogil=True)
def observe(
    memory: np.ndarray, marks: np.ndarray, direction: int, touch: int, size: float, step: int
) -> None:
    """Let a side's memory of own consumption see a quote.

    Parameters
    ----------
    memory : float64 array of shape (LEVELS + n_levels,)
        Of the side; changed in place.
    marks : int64 array of shape (2,)
        Touch last seen, and time of the last own fill.

    Notes
    -----
    Quotes do not know of own fills, so what was taken is kept from their size until it shrinks
    below that: others have then left in front of us, and what comes later is new. So no more is
    ever taken at a price than it first offered and grew by. All is forgotten of a price that is
    not offered any more, when the touch has moved beyond it. A touch that moves nearer keeps what
    was taken behind it, as far as levels are remembered.
    """
    if memory[IS_USED] > 0.0:
        away = direction * (touch - marks[TOUCH])
        if away == 0 and memory[LEVELS] <= size:
            memory[SIZE] = size
            return
        shift = away // step if away % step == 0 else memory.shape[0]
        memory[IS_USED] = _shift_levels(memory, shift, size)
    marks[TOUCH] = touch
    memory[SIZE] = size


@njit(cache=True, nogil=True)
def mean_offset(offset: float, scale: float, before: float, qty: float) -> float:
    """Return the mean over a part of max(offset, scale * sqrt(size so far)), in ticks."""
    if scale * math.sqrt(before + qty) <= offset:
        return offset
    crossing = (offset / scale) * (offset / scale)
    at_offset = min(max(crossing - before, 0.0), qty)
    rest = qty - at_offset
    return float(at_offset * offset + rest * scale * mean_root(before + at_offset, rest)) / qty


@njit(cache=True, nogil=True)
def _remember_impact(
    rules: np.ndarray, memory: np.ndarray, before: float, after: float, fading: float
) -> None:
    """Share a grown root of size between what stays and what fades from now on."""
    gain = after - before
    memory[KEPT_ROOT] += rules[STAYING] * gain
    memory[FADING_ROOT] = fading + (1.0 - rules[STAYING]) * gain


@njit(cache=True, nogil=True)
def take(
    rules: np.ndarray,
    memory: np.ndarray,
    marks: np.ndarray,
    direction: int,
    level_qty: float,
    qty: float,
    cap: float,
    at_ns: int,
) -> tuple[float, float, float, bool]:
    """Take from the quote that a side's memory has last observed.

    Parameters
    ----------
    rules : float64 array of shape (N_RULES,)
        What `quote_rules` wrote.
    memory, marks
        As `observe` has them; the fill is remembered in them.
    cap
        Price in ticks that no unit may pay more than.

    Returns
    -------
    tuple of float, float, float and bool
        Size filled, mean and last price in ticks, and whether the cap kept it from more.

    Notes
    -----
    The unit at size q of all that we have taken and that has not faded pays the touch and
    max(walk, I), with walk its level's distance and I = Y sigma sqrt(q / V) of the touch. Own
    fills are remembered as roots of size: a share of the root stays, the rest fades with tau
    (Obizhaeva and Wang, Journal of Financial Markets 16, 2013). So an order in parts at one moment
    pays what it pays at once. The sides do not relieve each other.
    """
    touch = float(marks[TOUCH])
    room = direction * (cap - touch)
    fading = memory[FADING_ROOT] * math.exp(-(at_ns - marks[FILLED_AT]) / rules[TAU_NS])
    root = memory[KEPT_ROOT] + fading
    before = root * root
    scale = rules[IMPACT_OF_ONE] * abs(touch)
    most = (room / scale) * (room / scale) - before if scale > 0.0 else np.inf
    is_capped = room < 0.0
    done, paid, last, left = 0.0, 0.0, 0.0, qty
    for level in range(int(rules[MAX_LEVELS])):
        offset = level * rules[LEVEL_TICKS]
        if offset > room:
            is_capped = True
        if is_capped or left <= 0.0:
            break
        free = (memory[SIZE] if level == 0 else level_qty) - memory[LEVELS + level]
        part = min(left, free)
        if part > most - done:
            part = most - done
            is_capped = True
        if part < left:
            part = math.floor(part / rules[QTY_STEP]) * rules[QTY_STEP]
        if part <= 0.0:
            continue
        paid += part * mean_offset(offset, scale, before + done, part)
        last = max(offset, scale * math.sqrt(before + done + part))
        memory[LEVELS + level] += part
        memory[IS_USED] += part
        done += part
        left = 0.0 if part == left else left - part
    if done <= 0.0:
        return 0.0, np.nan, np.nan, is_capped
    _remember_impact(rules, memory, root, math.sqrt(before + done), fading)
    marks[FILLED_AT] = at_ns
    price = touch + direction * paid / done
    return done if left > 0.0 else qty, price, touch + direction * last, is_capped
