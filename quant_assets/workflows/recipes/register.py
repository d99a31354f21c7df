"""The recipes of all assets partitioned by symbol and session, in the data's order."""

from datetime import date

from quant_assets.workflows.recipe import Recipe
from quant_assets.workflows.recipes.bars import BarsRecipe
from quant_assets.workflows.recipes.bronze import BronzeStatsRecipe, BronzeTradesRecipe
from quant_assets.workflows.recipes.clean_ticks import CleanTicksRecipe
from quant_assets.workflows.recipes.contract_table import ContractTableRecipe
from quant_assets.workflows.recipes.features import FeaturesRecipe
from quant_assets.workflows.recipes.footprint import FootprintRecipe
from quant_assets.workflows.recipes.levels import LevelsRecipe
from quant_assets.workflows.recipes.momentum import MomentumDaysRecipe
from quant_assets.workflows.recipes.predictions import PredictionsRecipe
from quant_assets.workflows.recipes.regimes import RegimesRecipe
from quant_assets.workflows.recipes.roll_map import RollMapRecipe
from quant_assets.workflows.recipes.signals import SignalsRecipe
from quant_assets.workflows.recipes.training_set import TrainingSetRecipe
from quant_assets.workflows.view import LakeView


def made_sessions(view: LakeView, symbol: str) -> list[date]:
    """Return the dates for which any table holds something that was made, ascending."""
    tables = {table.name for recipe in recipes().values() for table in recipe.tables}
    return sorted({day for table in tables for day in view.sessions(table, symbol)})


def recipes() -> dict[str, Recipe]:
    """Return each recipe by its asset's name."""
    every: tuple[Recipe, ...] = (
        RollMapRecipe(),
        CleanTicksRecipe(),
        BarsRecipe(),
        FootprintRecipe(),
        LevelsRecipe(),
        ContractTableRecipe(),
        BronzeTradesRecipe(),
        BronzeStatsRecipe(),
        RegimesRecipe(),
        FeaturesRecipe(),
        MomentumDaysRecipe(),
        TrainingSetRecipe(),
        PredictionsRecipe(),
        SignalsRecipe(),
    )
    return {recipe.asset: recipe for recipe in every}
