"""The picture of regimes: drawn from labels and states, the same twice, and of what was made."""

from pathlib import Path

import polars as pl
import pytest

from quant_assets.defs.regime_picture import regimes_picture
from quant_assets.features.regime_schema import REGIME_MODELS
from quant_assets.reports.regime_picture import draw_regimes
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.regimes import RegimesRecipe
from quant_assets.workflows.view import LakeView
from quant_assets_tests.workflows.test_regimes_recipe import SYMBOL, Market

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Return five weeks with regimes."""
    laid = Market(tmp_path_factory.mktemp("picture") / "data").laid()
    laid.make()
    return laid


@pytest.fixture(scope="module")
def rows(market: Market) -> pl.DataFrame:
    """Closes and labels of all sessions."""
    bars = pl.concat(market.bars_on(day) for day in market.days)
    labels = market.stored().select("bar_start", "mixture_label")
    return labels.join(bars.select("bar_start", "close"), on="bar_start")


def test_the_same_figures_give_the_same_bytes(market: Market, rows: pl.DataFrame):
    """A PNG small enough for the event log; another label or another centre gives another."""
    states = market.stored(REGIME_MODELS.name)
    first, second = (draw_regimes(rows, states, title="ES") for _ in range(2))
    assert first == second
    assert first.startswith(PNG)
    assert len(first) < 150_000
    other_labels = rows.with_columns(pl.lit(0, pl.Int8).alias("mixture_label"))
    other_states = states.with_columns(pl.col("mean_drift") + 1.0)
    assert draw_regimes(other_labels, states, title="ES") != first
    assert draw_regimes(rows, other_states, title="ES") != first


def test_no_rows_and_no_states_are_drawn_too(rows: pl.DataFrame):
    """The first weeks of a symbol, before there is a state."""
    without = rows.with_columns(pl.lit(None, pl.Int8).alias("mixture_label"))
    for frame in (rows[:0], without):
        assert draw_regimes(frame, REGIME_MODELS.empty(), title="ES").startswith(PNG)


def test_a_run_draws_what_it_has_made(tmp_path: Path):
    """Its newest sessions with the states up to them."""
    laid = Market(tmp_path / "data").laid()
    view = LakeView(laid.workspace)
    keys = [Key(SYMBOL, day) for day in laid.days]
    outcomes = list(make_range(laid.workspace, RegimesRecipe(), keys, view=view))
    drawn = regimes_picture(view, outcomes)
    assert drawn is not None
    assert drawn.startswith(PNG)
    laid.workspace.state.close()
