"""Features of the lake: what they read beside the bars, and what makes them stale."""

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml

from quant_assets.features.inputs import JOINED_INPUTS
from quant_assets.features.regime_schema import REGIMES
from quant_assets.features.standard import standard_catalog
from quant_assets.features.stream import FeatureStream
from quant_assets.levels.schema import LEVELS
from quant_assets.market.timeframes import Timeframe
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 17))
DAYS_AFTER = sessions(date(2024, 5, 6), date(2024, 5, 7))
"""Months after the first ones."""
OWN, OTHER = "GBPUSD", "EURUSD"
ASSETS = ("bars", "footprint", "levels", "regimes", "features")
SETTINGS = {
    "universe": [{"symbol": OWN, "reference": OTHER}],
    "regimes": {"refit": "session", "least_rows": 100},
}
FEATURE = '''
from quant_assets.features.catalog import Family, feature


@feature(name="half_range", family=Family.CUSTOM, unit="price", inputs=("high", "low"),
         look_back=0, source="own")
def half_range(bars):
    """Half of the bar's range."""
    return (bars["high"] - bars["low"]) / FACTOR
'''


def land(workspace: Workspace, symbol: str, days: list[date], *, seed: int) -> None:
    """Land bars of a symbol."""
    file = workspace.root / "raw" / f"{symbol}15.csv"
    write_csv(file, days, seed=seed)
    list(ingest_files(workspace, [file]))


def make(workspace: Workspace, *symbols: str, assets: tuple[str, ...] = ASSETS) -> list[date]:
    """Make assets of some symbols; return the sessions whose features were made."""
    made = []
    for asset in assets:
        for symbol in symbols:
            keys = [Key(symbol, day) for day in DAYS]
            outcomes = list(make_range(workspace, recipes()[asset], keys))
            assert not [o.reason for o in outcomes if o.status in {Status.FAILED, Status.SKIPPED}]
            if asset == "features":
                made += [o.key.session for o in outcomes if o.status is Status.MADE]
    return made


def rows(workspace: Workspace, table: str, symbol: str = OWN) -> pl.DataFrame:
    """Return the rows of a table of a symbol, all sessions under each other."""
    view = LakeView(workspace)
    found = [
        entry
        for day in view.sessions(table, symbol)
        for entry in view.at(table, symbol, day)
        if entry.stats.get("research", True)
    ]
    return pl.concat(view.read(entry) for entry in found)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs over two weeks, one compared with the other, all made up to features."""
    root = tmp_path_factory.mktemp("features") / "data"
    root.mkdir()
    (root / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    workspace = Workspace.open(root)
    land(workspace, OTHER, DAYS, seed=1)
    land(workspace, OWN, DAYS, seed=2)
    make(workspace, OTHER, OWN)
    workspace.state.engine.dispose()
    return root


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Workspace:
    """A copy of it, to be changed."""
    shutil.copytree(made, tmp_path / "data")
    return Workspace.open(tmp_path / "data")


def test_each_bar_has_one_row(workspace):
    """None is lost and none doubled by what stands beside the bars."""
    features, bars = rows(workspace, "features"), rows(workspace, "bars")
    assert features["bar_start"].to_list() == bars["bar_start"].to_list()


def test_levels_and_regimes_stand_at_their_own_bar(workspace):
    """The distance is that of the level of the same bar; the label that of the same bar."""
    features, bars = rows(workspace, "features"), rows(workspace, "bars")
    levels, regimes = rows(workspace, LEVELS.name), rows(workspace, REGIMES.name)
    expected = (bars["close"] - levels["session_vwap"]) / levels["atr"]
    told = features["session_vwap_distance_atr"]
    assert told.is_null().to_list() == expected.is_null().to_list()
    assert (told - expected).abs().max() < 1e-12
    assert features["regime_mixture"].to_list() == regimes["mixture_label"].to_list()
    assert features["regime_volatility"].drop_nulls().n_unique() == 3


def test_the_reference_is_that_of_the_other_symbol_at_the_bars_end(workspace):
    """Bars of both end together here, so its return over 20 bars is that of its own closes."""
    features, other = rows(workspace, "features"), rows(workspace, "bars", OTHER)
    close = other["close"].to_list()
    told = features["reference_return_20"].to_list()
    assert None not in told[20:]
    for at in (20, 100, len(close) - 1):
        assert told[at] == pytest.approx(close[at] / close[at - 20] - 1.0, rel=1e-9)
    assert rows(workspace, "features", OTHER)["reference_return_20"].null_count() == len(close)


def test_a_restated_reference_makes_stale_what_compares_with_it(workspace):
    """Its own features and those of the symbol that names it, from the changed day on."""
    assert make(workspace, OTHER, OWN) == []
    file = workspace.root / "raw" / f"{OTHER}15.csv"
    lines = file.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("2024.01.16,12:00"))
    *told, low, _, volume = lines[at].split(",")
    lines[at] = ",".join((*told, low, low, volume))
    file.write_text("\n".join(lines) + "\n")
    list(ingest_files(workspace, [file]))
    make(workspace, OTHER, assets=("bars", "footprint", "levels", "regimes"))
    again = make(workspace, OWN, assets=("features",))
    assert date(2024, 1, 16) in again
    assert min(again) == date(2024, 1, 16)


def test_a_feature_of_the_users_own_needs_no_other_edit(workspace):
    """It is a column like the others; another body makes it anew, a comment does not."""
    file = workspace.root / "mine.py"
    file.write_text("FACTOR = 2.0\n" + FEATURE)
    settings = SETTINGS | {"features": {"files": ["mine.py"]}}
    (workspace.root / "settings.yaml").write_text(yaml.safe_dump(settings))
    opened = Workspace.open(workspace.root)
    assert make(opened, OWN, assets=("features",)) == DAYS
    bars = rows(opened, "bars")
    expected = ((bars["high"] - bars["low"]) / 2.0).to_list()
    assert rows(opened, "features")["half_range"].to_list() == pytest.approx(expected)
    file.write_text("# a word\nFACTOR = 2.0\n" + FEATURE)
    assert make(opened, OWN, assets=("features",)) == []
    file.write_text("FACTOR = 4.0\n" + FEATURE)
    assert make(opened, OWN, assets=("features",)) == DAYS


def test_a_new_day_costs_one_day_and_gives_the_bits_of_a_rebuild(made, tmp_path):
    """Landed day by day or at once: the same versions; the last day makes one partition."""
    root = tmp_path / "grown"
    root.mkdir()
    (root / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    grown = Workspace.open(root)
    for days in (DAYS[:-1], DAYS):
        land(grown, OTHER, days, seed=1)
        land(grown, OWN, days, seed=2)
        last = make(grown, OTHER, OWN)
    assert last == [DAYS[-1]] * 2
    whole = Workspace.open(made)
    for table in ("features", REGIMES.name, "regime_models"):
        one, two = (
            {entry.name: entry.data_version for entry in w.lake.index.entries(table)}
            for w in (grown, whole)
        )
        assert one == two


def test_behind_a_hole_of_months_the_lake_has_the_bits_of_a_stream(tmp_path):
    """As many bars before are seen as there are; a day that fills the hole makes stale."""
    days = [*sessions(date(2024, 1, 8), date(2024, 1, 10)), *DAYS_AFTER]
    workspace = Workspace.open(tmp_path / "data")
    land(workspace, OTHER, days, seed=1)

    def made(asset: str) -> list[date]:
        keys = [Key(OTHER, day) for day in sessions(days[0], days[-1])]
        outcomes = make_range(workspace, recipes()[asset], keys)
        return [one.key.session for one in outcomes if one.status is Status.MADE]

    assert made("bars") == made("features") == days
    bars, features = rows(workspace, "bars", OTHER), rows(workspace, "features", OTHER)
    names = [
        one.name for one in standard_catalog().features if not {*one.inputs} & {*JOINED_INPUTS}
    ]
    stream = FeatureStream(timeframe=Timeframe.parse("15m"), names=names)
    assert stream.push(bars).select(names).equals(features.select(names))
    between = date(2024, 2, 14)
    land(workspace, OTHER, [between], seed=2)
    assert made("bars") == [between]
    assert made("features") == [between, *DAYS_AFTER]
