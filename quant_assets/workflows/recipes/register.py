"""The recipes of all assets partitioned by symbol and session, in the data's order."""

from quant_assets.workflows.recipe import Recipe
from quant_assets.workflows.recipes.bars import BarsRecipe
from quant_assets.workflows.recipes.bronze import BronzeTradesRecipe
from quant_assets.workflows.recipes.clean_ticks import CleanTicksRecipe
from quant_assets.workflows.recipes.features import FeaturesRecipe
from quant_assets.workflows.recipes.momentum import MomentumDaysRecipe
from quant_assets.workflows.recipes.predictions import PredictionsRecipe
from quant_assets.workflows.recipes.roll_map import RollMapRecipe
from quant_assets.workflows.recipes.training_set import TrainingSetRecipe


def recipes() -> dict[str, Recipe]:
    """Return each recipe by its asset's name."""
    every: tuple[Recipe, ...] = (
        RollMapRecipe(),
        CleanTicksRecipe(),
        BarsRecipe(),
        BronzeTradesRecipe(),
        FeaturesRecipe(),
        MomentumDaysRecipe(),
        TrainingSetRecipe(),
        PredictionsRecipe(),
    )
    return {recipe.asset: recipe for recipe in every}
