"""`quant check-leaks`, and the check of every feature asset: does a value know the future."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from quant_assets.features.catalog import Feature
from quant_assets.features.cuts import choose_cuts
from quant_assets.features.frame_feature import FrameFeature
from quant_assets.features.integrity import Leak, find_leaks
from quant_assets.features.judges import (
    CLEAN,
    MOST_HISTORY_BARS,
    Market,
    Verdict,
    judge_features,
    judge_frame_features,
    seeded_markets,
)
from quant_assets.features.probe_market import SESSION_BARS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.feature_files import load_feature_file, load_feature_files
from quant_assets.storage.index import Entry
from quant_assets.storage.python_files import SUFFIX
from quant_assets.workflows.feature_files import catalog_of
from quant_assets.workflows.ranges import Outcome
from quant_assets.workflows.recipe import NotDue, Status
from quant_assets.workflows.recipes.neighbours import BARS, research_history, stacked
from quant_assets.workflows.recomputation import RecomputableRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

DEFAULT_TIMEFRAME = "5m"
LEAST_CUTS = 200
"""Cuts of a session that was just made: a guard with one is nearly blind."""

_FAILURES = (Exception, pl.exceptions.PanicException)
_LAST_BARS = 2 * SESSION_BARS
_NEWEST_SESSIONS = 3


@dataclass(frozen=True)
class LeakReport:
    """Verdicts in the order of declaration, and the bars that they were reached on."""

    verdicts: tuple[Verdict, ...]
    markets: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many features ended in each way."""
        return dict(Counter(one.status for one in self.verdicts))

    @property
    def is_clean(self) -> bool:
        """Whether every feature was judged and found clean."""
        return all(one.status == CLEAN for one in self.verdicts)


def check_leaks(
    workspace: Workspace,
    file: Path | None = None,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    seed: int = 0,
) -> LeakReport:
    """Hold features against the look-ahead law.

    Parameters
    ----------
    file
        Python file with features; default the whole catalogue, the settings' files with it.
    symbol
        Judge on the newest bars of a symbol of the lake too; what they lack is invented.
    timeframe
        Length of the bars; default 5m, or the symbol's research timeframe.

    Raises
    ------
    InputError
        If the file declares no feature, or holds values in place of functions; if the lake has no
        such bars.
    """
    features, frame_features = _declared(workspace, file)
    apart, frames_apart = _declared(workspace, file)
    length = Timeframe.parse(timeframe or DEFAULT_TIMEFRAME)
    markets = seeded_markets(features, length, seed=seed)
    if symbol is not None:
        markets.append(_lake_market(workspace, symbol, timeframe, features))
    found = judge_features(features, markets, seed=seed, apart=apart) if features else []
    if frame_features:
        found += judge_frame_features(frame_features, markets, seed=seed, apart=frames_apart)
    return LeakReport(tuple(found), tuple(one.name for one in markets))


def _declared(
    workspace: Workspace, file: Path | None
) -> tuple[tuple[Feature, ...], tuple[FrameFeature, ...]]:
    """Return what is to be judged; files are loaded anew each time that it is asked for."""
    if file is None:
        files = load_feature_files(workspace.root, workspace.settings.features.files)
        own = {one.name: one for each in files for one in each.features}
        features = tuple(own.get(one.name, one) for one in catalog_of(workspace).features)
        return features, tuple(one for each in files for one in each.frame_features)
    if file.suffix != SUFFIX:
        raise InputError(
            asked=f"whether the features of {file} know the future",
            found="it holds values, and values cannot be computed again without their future: "
            "what goes with later bars may be a leak or a good feature",
            remedy="Give the Python file whose functions made them.",
        )
    loaded = load_feature_file(file)
    if not loaded.names:
        raise InputError(
            asked=f"features of {file}",
            found="it declares none",
            remedy="Put @feature or @frame_feature before the functions that make them.",
        )
    return loaded.features, loaded.frame_features


def _lake_market(
    workspace: Workspace, symbol: str, timeframe: str | None, features: tuple[Feature, ...]
) -> Market:
    """Return the newest bars of a symbol, with as many before as the features look back."""
    view = LakeView(workspace)
    entries = _history(view, symbol, timeframe)
    if not entries:
        entries = workspace.lake.index.entries(BARS)
        there = sorted({f"{entry.symbol} {entry.levels['timeframe']}" for entry in entries})
        raise InputError(
            asked=f"bars of {symbol} {timeframe or ''}".rstrip(),
            found=f"the lake has bars of {', '.join(there) or 'no symbol'}",
            remedy="Make them first: quant materialize bars",
        )
    length = Timeframe.parse(entries[-1].levels["timeframe"])
    longest = max((one.look_back_bars(length) for one in features), default=0)
    chosen = entries[-_NEWEST_SESSIONS:]
    for entry in reversed(entries[:-_NEWEST_SESSIONS]):
        if sum(one.rows for one in chosen[:-2]) >= min(longest, MOST_HISTORY_BARS):
            break
        chosen = [entry, *chosen]
    before, last = stacked(view, tuple(chosen[:-1] or chosen)), view.read(chosen[-1])
    behind = [last.head(_LAST_BARS)] if len(chosen) > 1 else []
    bars = pl.concat([before, *behind]).sort("bar_start")
    return Market(f"{symbol} {length.name} of the lake", bars, length)


def _history(view: LakeView, symbol: str, timeframe: str | None) -> list[Entry]:
    """Return the bars of a symbol's sessions, oldest first."""
    if timeframe is None:
        return research_history(view, symbol)
    days = view.sessions(BARS, symbol)
    length = Timeframe.parse(timeframe).name
    found = [entry for day in days for entry in view.at(BARS, symbol, day, timeframe=length)]
    return [entry for entry in found if entry.rows]


@dataclass(frozen=True)
class LeakOutcome:
    """What the law says of one stored partition.

    Parameters
    ----------
    leaks
        Columns whose stored bits change with rows after a cut; a column that differs at every cut
        is not what its bars give.
    error
        What was raised on changed bars; empty where nothing was.
    """

    n_cuts: int
    leaks: tuple[Leak, ...]
    seconds: float
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether no stored value knows the future."""
        return not self.leaks and not self.error


def leak_outcome(
    compute: Callable[[pl.DataFrame], pl.DataFrame],
    bars: pl.DataFrame,
    stored: pl.DataFrame,
    *,
    session: date,
    n_cuts: int = LEAST_CUTS,
    seed: int = 0,
) -> LeakOutcome:
    """Hold the stored rows of one session against the law.

    What the bars up to a cut give, without those after it or with others in their place, must have
    the bits of what is stored. At half of the cuts the rows after it are removed, at the other
    half scrambled.

    Parameters
    ----------
    compute, bars
        As in `Recomputation`.
    stored
        The partition's rows, keyed by `bar_start`.
    session
        Session of the partition; it is cut nowhere else.
    n_cuts
        How many cuts; a session with fewer bars is cut at each of them more than once.
    """
    started = time.monotonic()
    cuts = choose_cuts(bars.filter(pl.col("session") == session), count=n_cuts, seed=seed)
    leaks: list[Leak] = []
    error = ""
    try:
        leaks += find_leaks(
            compute, bars, cuts[::2], seed=seed, changes=("removed",), expected=stored
        )
        leaks += find_leaks(
            compute, bars, cuts[1::2], seed=seed, changes=("scrambled",), expected=stored
        )
    except _FAILURES as raised:
        error = " ".join(f"{type(raised).__name__}: {raised}".split())
    return LeakOutcome(len(cuts), tuple(sorted(leaks)), time.monotonic() - started, error)


def last_made(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return the partition of a range that was made last, or None where nothing was made.

    One of more files goes before: that of regimes at which a state was fitted shows more.
    """
    made = [one for one in outcomes if one.status is Status.MADE and one.rows]
    return max(made, key=lambda one: (one.files, one.key)) if made else None


def leaks_of_last_made(
    view: LakeView,
    recipe: RecomputableRecipe,
    outcomes: Sequence[Outcome],
    *,
    n_cuts: int = LEAST_CUTS,
    seed: int = 0,
) -> LeakOutcome | None:
    """Hold the last partition that a range has made against the law.

    Returns
    -------
    LeakOutcome or None
        None where nothing was made, or its inputs have gone meanwhile.
    """
    newest = last_made(outcomes)
    if newest is None:
        return None
    plan = recipe.plan(view, newest.key)
    if isinstance(plan, NotDue):
        return None
    again = recipe.recomputation(view, newest.key, plan)
    stored = view.read(newest.entries[0])
    return leak_outcome(
        again.compute,
        again.bars,
        stored,
        session=newest.key.session,
        n_cuts=n_cuts,
        seed=seed,
    )
