"""What strategies are traded on is theirs alone, also where others have read the same files."""

from datetime import date

import polars as pl
import pytest

from quant_assets.signals.strategy import Strategy
from quant_assets.workflows.configuration import Cache, research_sessions
from quant_assets.workflows.histories import Histories, histories_of
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.strategy_signals import session_signals
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import write_csv
from quant_assets_tests.workflows.sweep_market import CROSS, DAYS, SYMBOL, make

STRATEGY = Strategy.parse(CROSS)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> LakeView:
    """Return a week of bars."""
    workspace = Workspace.open(tmp_path_factory.mktemp("histories") / "data")
    file = workspace.root / "raw" / f"{SYMBOL}15.csv"
    write_csv(file, DAYS, seed=2)
    list(ingest_files(workspace, [file]))
    make(workspace, "bars")
    return LakeView(workspace)


def traded_from(view: LakeView, first: date, cache: Cache) -> Histories:
    """Return what the strategy is traded on, with signals from a session on."""
    parts = [session_signals(view, STRATEGY, here) for here in research_sessions(view, STRATEGY)]
    signals = pl.concat(parts).filter(pl.col("session") >= first)
    return histories_of(view, STRATEGY, {SYMBOL: signals}, keep=cache.keep)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 2, 1)])
def test_closes_are_those_of_the_sessions_traded(view: LakeView, order: tuple[int, ...]) -> None:
    """One strategy looks back on a session that another trades: the files are the same."""
    cache = Cache()
    for place in order:
        shared = traded_from(view, DAYS[place], cache)
        alone = traded_from(view, DAYS[place], Cache())
        assert min(alone.by_symbol[SYMBOL].closes) == DAYS[place]
        assert shared.by_symbol[SYMBOL].closes == alone.by_symbol[SYMBOL].closes
        assert shared.versions == alone.versions


def test_what_is_shared_of_a_market_tells_the_sessions_traded(view: LakeView) -> None:
    """The share of sound sessions is kept by it: it is one of those traded."""
    markets = [traded_from(view, day, Cache()).market for day in DAYS[:3]]
    assert len(set(markets)) == 3
