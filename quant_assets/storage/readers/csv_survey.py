"""A first look at all stamps of a file: their one form, and the step between them.

It runs before any row is given, since the form of a date (day or month first) and the step of the
bars are facts of the whole file.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from quant_assets.market.timeframes import NS_PER_MINUTE, NS_PER_SECOND, Timeframe
from quant_assets.storage.readers.csv_stamps import (
    ParsedStamps,
    decides_day_first,
    families_of,
    parse_stamps,
)
from quant_assets.storage.readers.names import BAR_MINUTES
from quant_assets.storage.readers.text import refuse

STEPS_NS = frozenset(
    (
        *(s * NS_PER_SECOND for s in (1, 2, 5, 10, 15, 30)),
        *(m * NS_PER_MINUTE for m in BAR_MINUTES),
    )
)
"""Steps that bars may have."""

SPARSE_SHARE = 0.01
"""A market with few trades leaves gaps; its step is the smallest that this share of rows keeps."""

_MAX_STEPS = 1000
_SORTED_AT_ONCE = 1_000_000


@dataclass
class StepCounter:
    """How often each difference between neighbouring stamps was seen, in bounded memory.

    Stamps are sorted a million at a time, so rows out of order do not disturb it.
    """

    _counts: Counter[int] = field(default_factory=Counter)
    _held: list[np.ndarray] = field(default_factory=list)
    _n_held: int = 0
    _last_ns: int | None = None

    def add(self, ns: np.ndarray) -> None:
        """Take some stamps, int64 of shape (n_stamps,) in any order."""
        if len(ns):
            self._held.append(ns)
            self._n_held += len(ns)
        if self._n_held >= _SORTED_AT_ONCE:
            self._count_held()

    @property
    def counts(self) -> Counter[int]:
        """Occurrences of each step; the rarest are forgotten where there are thousands."""
        self._count_held()
        return self._counts

    @property
    def is_empty(self) -> bool:
        """Whether no stamp was added."""
        return self._last_ns is None and not self._n_held

    def modal_ns(self) -> int | None:
        """Return the most frequent step, the smaller of equals; None below two stamps."""
        counts = self.counts
        return min(counts, key=lambda step: (-counts[step], step), default=None)

    def keeps(self, step_ns: int) -> bool:
        """Whether a sparse market with this step could have left these stamps."""
        counts = self.counts
        is_grid = all(step % step_ns == 0 for step in counts)
        return is_grid and counts[step_ns] >= SPARSE_SHARE * counts.total()

    def _count_held(self) -> None:
        if not self._n_held:
            return
        ordered = np.sort(np.concatenate(self._held))
        self._held, self._n_held = [], 0
        steps, counts = np.unique(np.diff(ordered), return_counts=True)
        steps, counts = steps[steps > 0], counts[steps > 0]
        found = sorted(zip(counts.tolist(), steps.tolist(), strict=True), reverse=True)
        self._counts.update({step: count for count, step in found[:_MAX_STEPS]})
        if self._last_ns is not None and (step := int(ordered[0]) - self._last_ns) > 0:
            self._counts[step] += 1
        self._last_ns = int(ordered[-1])
        if len(self._counts) > 2 * _MAX_STEPS:
            self._counts = Counter(dict(self._counts.most_common(_MAX_STEPS)))


@dataclass(frozen=True)
class Survey:
    """What all stamps of a file have in common.

    Parameters
    ----------
    family
        Form of the dates, as `StampForm.family`.
    day_first
        Order of day and month where the year comes last; None where it comes first.
    steps
        Differences between neighbouring stamps.
    """

    family: str
    day_first: bool | None
    steps: StepCounter

    def parse(self, texts: pl.Series) -> ParsedStamps:
        """Read stamps in the file's form."""
        return parse_stamps(texts, day_first=self.day_first)


def survey_stamps(
    chunks: Iterable[tuple[pl.Series, pl.Series]], *, file_name: str, unit: str = "line"
) -> Survey:
    """Read all stamps of a file once.

    Parameters
    ----------
    chunks
        Places (UInt64) and stamp texts (Utf8) of the file's rows, in any portions.
    unit
        What a place counts, for the messages.

    Raises
    ------
    FileRejectedError
        Rule `mixed_dates` where dates have more than one form, or both orders of day and month;
        `ambiguous_dates` where neither order is proved; `no_readable_row` without any stamp.
    """
    families: dict[str, int] = {}
    orders: set[bool] = set()
    steps = {True: StepCounter(), False: StepCounter()}
    for places, texts in chunks:
        for family, row in families_of(texts):
            families.setdefault(family, places[row])
        _check_one_form(families, file_name, unit)
        is_open = any(family.startswith("?") for family in families)
        orders |= decides_day_first(texts) if is_open else set()
        for day_first in (True, False) if is_open else (True,):
            stamps = parse_stamps(texts, day_first=day_first)
            steps[day_first].add(stamps.ns[stamps.is_valid])
    if all(counter.is_empty for counter in steps.values()):
        raise refuse(
            file_name,
            rule="no_readable_row",
            found="none of its rows has a readable time",
            remedy="Write times like 2014-05-01 05:00:00, or as epoch seconds.",
        )
    family = next(iter(families))
    if not family.startswith("?"):
        return Survey(family, None, steps[True])
    order = _one_order(orders, file_name)
    return Survey(family, order, steps[order])


def step_of(steps: StepCounter, *, named: Timeframe | None, file_name: str) -> Timeframe:
    """Return the timeframe of bars from their stamps and, where it fits, the file's name.

    The name's is kept where it is the modal step, where a sparse market explains the stamps, and
    where stamps are too few or too irregular to tell. Otherwise the modal step counts.

    Raises
    ------
    FileRejectedError
        Rule `no_time_step` where neither the name nor the stamps tell it.
    """
    modal_ns = steps.modal_ns()
    if named is not None and (modal_ns not in STEPS_NS or steps.keeps(named.ns)):
        return named
    if modal_ns is None or modal_ns not in STEPS_NS:
        raise refuse(
            file_name,
            rule="no_time_step",
            found="neither its name nor the distance of its rows tells the length of its bars",
            remedy="Put the minutes into the name, as in EURUSD15.csv.",
        )
    return Timeframe(modal_ns)


def _check_one_form(families: dict[str, int], file_name: str, unit: str) -> None:
    if len(families) < 2:
        return
    told = ", ".join(f"{family} from {unit} {place}" for family, place in families.items())
    raise refuse(
        file_name,
        rule="mixed_dates",
        where=f"{unit} {list(families.values())[1]}",
        found=f"its dates are written in {len(families)} forms: {told}",
        remedy="Export it with one form of date, best 2014-05-01 05:00:00.",
    )


def _one_order(orders: set[bool], file_name: str) -> bool:
    if len(orders) == 1:
        return next(iter(orders))
    both = len(orders) == 2
    raise refuse(
        file_name,
        rule="mixed_dates" if both else "ambiguous_dates",
        found="some of its dates put the day first, others the month"
        if both
        else "none of its dates tells whether day or month comes first",
        remedy="Export it with the year first, as in 2014-05-01.",
    )
