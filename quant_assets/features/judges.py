"""Whether features know the future: each is held to the look-ahead law, on bars made to tempt it.

A feature declared by `feature` is judged under the session-window rule and, because a short window
may hide what it does, on a stretch of several sessions too; a frame feature on the whole frame.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from quant_assets.features.catalog import BarArrays, Catalog, Feature
from quant_assets.features.cuts import choose_cuts
from quant_assets.features.frame_feature import FRAME_KEYS, FrameFeature
from quant_assets.features.integrity import Judgement, Leak, NamedCompute, judge
from quant_assets.features.probe_market import SESSION_BARS, probe_bars, with_inputs
from quant_assets.features.window import compute_features
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import Timeframe

CUTS_A_SESSION, CUTS_A_STRETCH, CUTS_A_FRAME = 52, 80, 120
"""With two sessions and two markets, each feature has more than 200 cuts by its own rule."""

STRETCH_BARS = 6 * SESSION_BARS
"""Bars of the stretch and of the frames that frame features are judged on."""

MOST_HISTORY_BARS = 20_000
"""A feature that looks back farther has no value on the seeded bars, and is told as not judged."""

CLEAN, LEAK, UNSTABLE, ERROR, NOT_JUDGED = "clean", "leak", "unstable", "error", "not judged"

_SHORT_BARS = 4 * SESSION_BARS
_JUDGED_SESSIONS = 2


@dataclass(frozen=True)
class Market:
    """Bars to judge features on, and what a report calls them."""

    name: str
    bars: pl.DataFrame
    timeframe: Timeframe


@dataclass(frozen=True)
class Verdict:
    """What the report says of one feature.

    Parameters
    ----------
    status
        `clean`, `leak`, `unstable` (other bits for the same bars), `error` (its function raised),
        or `not judged` (it had no value on any of the bars).
    n_cuts, n_values
        Cuts that it was held to the law at, and values that could have changed.
    n_leaks
        Cuts, by kind of change, at which a value changed, until there were enough.
    first
        The leak with the earliest cut.
    bars
        Which bars the leak or the error came up on.
    message
        What its function raised.
    """

    feature: str
    status: str
    n_cuts: int
    n_values: int
    n_leaks: int = 0
    first: Leak | None = None
    bars: str = ""
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values, times in ISO 8601."""
        first = self.first
        return {
            "feature": self.feature,
            "status": self.status,
            "cuts": self.n_cuts,
            "values": self.n_values,
            "leaks": self.n_leaks,
            "time": _iso(first.time) if first else None,
            "cut": _iso(first.cut) if first else None,
            "change": first.change if first else None,
            "bars": self.bars,
            "message": self.message,
        }


def _iso(time: datetime) -> str:
    return time.isoformat()


def seeded_markets(
    features: Sequence[Feature], timeframe: Timeframe, *, seed: int = 0
) -> list[Market]:
    """Return two seeded markets, one without a break and one with all kinds of them.

    They are long enough for the features' look-back.
    """
    longest = max((one.look_back_bars(timeframe) for one in features), default=0)
    history = -(-min(longest, MOST_HISTORY_BARS) // SESSION_BARS)
    n_sessions = max(STRETCH_BARS // SESSION_BARS, history * 11 // 10 + _JUDGED_SESSIONS + 2)
    return [
        Market(name, probe_bars(n_sessions, timeframe, broken=broken, seed=seed), timeframe)
        for name, broken in (("seeded bars", False), ("seeded bars with breaks", True))
    ]


def judge_features(
    features: Sequence[Feature],
    markets: Sequence[Market],
    *,
    seed: int = 0,
    apart: Sequence[Feature] = (),
) -> list[Verdict]:
    """Judge features declared by `feature`, by the window and on a stretch.

    Parameters
    ----------
    apart
        The same features loaded once more: only they are handed changed bars. A function that
        keeps what it has made, by the day say, would else show it again, and seem to know nothing
        of what is changed.

    Returns
    -------
    list of Verdict
        One a feature, in their order.
    """
    found: dict[str, list[tuple[str, Judgement]]] = {one.name: [] for one in features}
    twins = {one.name: one for one in apart or features}
    for number, market in enumerate(markets):
        bars = with_inputs(
            market.bars, (name for one in features for name in one.inputs), seed=seed
        )
        filled = Market(market.name, bars, market.timeframe)
        for group in _by_look_back(features, market.timeframe):
            for session in _judged_sessions(bars):
                for one in _by_window(group, twins, filled, session, seed=seed + number):
                    found[one.feature].append((market.name, one))
        for group in _by_nulls(features):
            for one in _on_stretch(group, twins, filled, seed=seed + number):
                found[one.feature].append((f"{market.name}, sessions in one", one))
    return [_verdict(name, judged) for name, judged in found.items()]


def judge_frame_features(
    features: Sequence[FrameFeature],
    markets: Sequence[Market],
    *,
    seed: int = 0,
    apart: Sequence[FrameFeature] = (),
) -> list[Verdict]:
    """Judge functions of whole frames, on all sessions at once; else as `judge_features`."""
    by_name = {one.name: one for one in features}
    twins = by_name | {one.name: one for one in apart}
    inputs = sorted({name for one in features for name in one.inputs})
    found: dict[str, list[tuple[str, Judgement]]] = {name: [] for name in by_name}

    def computing(chosen: Mapping[str, FrameFeature]) -> NamedCompute:
        return lambda rows, names: pl.DataFrame(
            [rows["bar_start"], *(chosen[name](rows) for name in names)]
        )

    for number, market in enumerate(markets):
        bars = with_inputs(market.bars.tail(STRETCH_BARS), inputs, seed=seed)
        bars = bars.select(*FRAME_KEYS, *inputs)
        cuts = choose_cuts(bars, count=CUTS_A_FRAME, seed=seed + number)
        judged = judge(
            computing(by_name), list(by_name), bars, cuts, seed=seed, apart=computing(twins)
        )
        for one in judged:
            found[one.feature].append((market.name, one))
    return [_verdict(name, judged) for name, judged in found.items()]


def _by_look_back(features: Sequence[Feature], timeframe: Timeframe) -> list[tuple[Feature, ...]]:
    """Return the features that look back a little, and the others: their windows cost more."""
    short = tuple(one for one in features if one.look_back_bars(timeframe) <= _SHORT_BARS)
    rest = tuple(one for one in features if one not in short)
    return [group for group in (short, rest) if group]


def _judged_sessions(bars: pl.DataFrame) -> list[date]:
    """Return the sessions that are cut: the newest but the last, which lies behind them."""
    sessions: list[date] = bars["session"].unique().sort().to_list()
    return sessions[-_JUDGED_SESSIONS - 1 : -1] or sessions


def _by_window(
    group: Sequence[Feature],
    twins: Mapping[str, Feature],
    market: Market,
    session: date,
    *,
    seed: int,
) -> list[Judgement]:
    """Judge features of one session, under the rule that the lake's features are made by."""
    catalog = Catalog(tuple(group))
    bars = market.bars
    first = int(bars["session"].search_sorted(session))
    behind = int(bars["session"].search_sorted(session, side="right"))
    history = catalog.look_back_bars(None, market.timeframe)
    window = bars[max(0, first - history) : behind + SESSION_BARS]
    cuts = choose_cuts(bars[first : behind + 1], count=CUTS_A_SESSION, seed=seed)

    def computing(chosen: Catalog) -> NamedCompute:
        return lambda rows, names: compute_features(
            rows, session=session, timeframe=market.timeframe, names=names, catalog=chosen
        )

    apart = computing(Catalog(tuple(twins[one.name] for one in group)))
    return judge(computing(catalog), catalog.names, window, cuts, seed=seed, apart=apart)


def _by_nulls(features: Sequence[Feature]) -> list[tuple[Feature, ...]]:
    """Return the features that restart at rows without an input, and those handed such rows."""
    groups = (tuple(one for one in features if one.nulls == rule) for rule in ("restart", "pass"))
    return [group for group in groups if group]


def _on_stretch(
    group: Sequence[Feature], twins: Mapping[str, Feature], market: Market, *, seed: int
) -> list[Judgement]:
    """Judge features' functions on several sessions as one stretch.

    Rows that lack an input are left out where they would restart at them, as the stretches that
    they are handed have none.
    """
    inputs = sorted({name for one in group for name in one.inputs})
    bars = market.bars.tail(STRETCH_BARS).select("session", "bar_start", *inputs)
    if group[0].nulls == "restart":
        bars = bars.drop_nulls()
    cuts = choose_cuts(bars, count=CUTS_A_STRETCH, seed=seed)
    sessions = bars["session"].unique().sort()
    anchor = int(bars["session"].search_sorted(sessions[-2])) if len(sessions) > 1 else 0

    def computing(by_name: Mapping[str, Feature]) -> NamedCompute:
        def compute(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
            stretch = bar_arrays(rows, inputs, timeframe=market.timeframe, anchor=anchor)
            values = [_values(by_name[name], stretch) for name in names]
            return pl.DataFrame([rows["bar_start"], *values])

        return compute

    own = {one.name: one for one in group}
    return judge(computing(own), list(own), bars, cuts, seed=seed, apart=computing(twins))


def _values(one: Feature, stretch: BarArrays) -> pl.Series:
    """Return what a feature's function makes of its own columns of a stretch."""
    own = replace(stretch, columns={name: stretch[name] for name in one.inputs})
    return pl.Series(one.name, np.asarray(one(own), dtype=np.float64))


def bar_arrays(
    bars: pl.DataFrame, inputs: Iterable[str], *, timeframe: Timeframe, anchor: int
) -> BarArrays:
    """Return rows as a feature function sees them; row `anchor` is the session's first."""
    columns = {}
    for name in inputs:
        values = bars[name].cast(pl.Float64).to_numpy(writable=True)
        values.flags.writeable = False
        columns[name] = values
    return BarArrays(
        columns=columns,
        bar_start_ns=bars["bar_start"].cast(UTC_NS).cast(pl.Int64).to_numpy(),
        bar_of_session=np.arange(bars.height) - anchor,
        timeframe=timeframe,
    )


def _verdict(name: str, judged: Sequence[tuple[str, Judgement]]) -> Verdict:
    """Return what all judgements of one feature say together, the gravest first."""
    n_values = sum(one.n_values for _, one in judged)
    blank = Verdict(name, NOT_JUDGED, sum(one.n_cuts for _, one in judged), n_values)
    for bars, one in judged:
        if not one.is_stable:
            return replace(blank, status=UNSTABLE, bars=bars)
    leaks = sorted((leak.cut, leak, bars) for bars, one in judged for leak in one.leaks)
    if leaks:
        _, first, bars = leaks[0]
        return replace(blank, status=LEAK, n_leaks=len(leaks), first=first, bars=bars)
    for bars, one in judged:
        if one.error:
            return replace(blank, status=ERROR, bars=bars, message=one.error)
    return replace(blank, status=CLEAN) if n_values else blank
