"""Levels and regimes of the lake are held to the law as features are: a leaky recipe is caught."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from quant_assets.defs.leak_checks import check_last_made
from quant_assets.features.regime_schema import REGIME_MODELS, REGIMES
from quant_assets.settings.model import FeatureSettings, Member, RegimeSettings
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.leak_check import last_made
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, Plan, Status
from quant_assets.workflows.recipes.features import FeaturesRecipe
from quant_assets.workflows.recipes.levels import LevelsRecipe
from quant_assets.workflows.recipes.regimes import RegimesRecipe
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.recomputation import RecomputableRecipe, Recomputation
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 17))
KEYS = [Key("EURUSD", day) for day in DAYS]
REFIT = date(2024, 1, 15)
"""First session of the second week."""
CUTS = 40


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Return a data root with bars of eight sessions; a state is fitted once a week."""
    opened = Workspace.open(tmp_path / "data")
    rules = RegimeSettings(least_rows=100)
    opened = replace(opened, settings=opened.settings.model_copy(update={"regimes": rules}))
    file = opened.root / "raw" / "EURUSD15.csv"
    write_csv(file, DAYS, seed=1)
    list(ingest_files(opened, [file]))
    list(make_range(opened, recipes()["bars"], KEYS))
    yield opened
    opened.state.close()


def made(workspace: Workspace, recipe: RecomputableRecipe) -> list[Outcome]:
    """Make all sessions by a recipe."""
    outcomes = list(make_range(workspace, recipe, KEYS))
    assert {one.status for one in outcomes} == {Status.MADE}, outcomes
    return outcomes


class EarlyLevels(LevelsRecipe):
    """Shows each level one bar early."""

    def recomputation(self, view: LakeView, key: Key, plan: Plan) -> Recomputation:
        """Move what is honest up by a row."""
        honest = super().recomputation(view, key, plan)

        def early(bars: pl.DataFrame) -> pl.DataFrame:
            levels = honest.compute(bars)
            return levels.with_columns(pl.col("session_vwap").shift(-1))

        return Recomputation(early, honest.bars)


class FittedOnItself(RegimesRecipe):
    """Fits a state on the session too that it stands from."""

    def plan(self, view: LakeView, key: Key) -> Plan:
        """Put the session's own bars into the window."""
        plan = super().plan(view, key)
        here, before, earlier, window, *rest = plan.payload
        own = (here,) if window.entries else ()
        wider = replace(window, entries=(*window.entries, *own))
        return replace(plan, payload=(here, before, earlier, wider, *rest))


@pytest.mark.parametrize("recipe", [LevelsRecipe(), RegimesRecipe()], ids=["levels", "regimes"])
def test_what_is_stored_passes(workspace: Workspace, recipe: RecomputableRecipe):
    """Bits of the stored rows, at each of the cuts."""
    outcomes = made(workspace, recipe)
    result = check_last_made(LakeView(workspace), recipe, outcomes, n_cuts=CUTS)
    assert result.passed, result.metadata
    assert result.metadata["cuts"].value == CUTS


@pytest.mark.parametrize(
    ("recipe", "column"),
    [
        pytest.param(EarlyLevels(), "session_vwap", id="a_level_one_bar_early"),
        pytest.param(FittedOnItself(), "volatility_label", id="a_state_fitted_on_its_own_session"),
    ],
)
def test_a_leaky_recipe_is_caught(workspace: Workspace, recipe: RecomputableRecipe, column: str):
    """The result names the column that knows the future."""
    outcomes = made(workspace, recipe)
    result = check_last_made(LakeView(workspace), recipe, outcomes, n_cuts=CUTS)
    assert not result.passed
    assert f"`{column}`" in result.metadata["leaks"].value


def test_of_regimes_the_session_is_judged_at_which_a_state_was_fitted(workspace: Workspace):
    """Not the last one, whose labels by an older state would show less."""
    outcomes = made(workspace, RegimesRecipe())
    judged = last_made(outcomes)
    assert judged is not None
    assert judged.key.session == REFIT < DAYS[-1]
    assert [entry.table for entry in judged.entries] == [REGIMES.name, REGIME_MODELS.name]


REMEMBERED = """
from quant_assets.features.catalog import Family, feature
import numpy as np

KNOWN = {}


@feature(name="high_of_day", family=Family.CUSTOM, unit="price", inputs=("high",), look_back=0,
         source="own")
def high_of_day(bars):
    '''Highest price of the session, kept by its day.'''
    day = bars.bar_start_ns[0] // 86_400_000_000_000
    return np.full(len(bars), KNOWN.setdefault(day, bars["high"].max()))
"""


def test_what_a_users_function_remembers_of_the_session_hides_no_leak(workspace: Workspace):
    """It is loaded once more to be judged, and knows nothing of what was made."""
    (workspace.root / "mine.py").write_text(REMEMBERED)
    settings = workspace.settings.model_copy(
        update={
            "features": FeatureSettings(files=("mine.py",)),
            "universe": (Member(symbol="EURUSD", features=("high_of_day", "roc_1")),),
        }
    )
    opened = replace(workspace, settings=settings)
    recipe = FeaturesRecipe()
    outcomes, view = made(opened, recipe), LakeView(opened)
    result = check_last_made(view, recipe.apart(view), outcomes, n_cuts=CUTS)
    assert not result.passed
    assert "`high_of_day`" in result.metadata["leaks"].value
    assert "roc_1" not in result.metadata["leaks"].value
