"""Features of a session: its bars, as many before as the longest look-back needs, and more."""

from functools import partial

from quant_assets.features.catalog import Catalog
from quant_assets.features.schema import features_table
from quant_assets.features.window import compute_features
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.feature_files import load_feature_files
from quant_assets.workflows.feature_files import catalog_of, user_code
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.feature_sources import find_sources, window_frame
from quant_assets.workflows.recipes.neighbours import bars_before, research_bars
from quant_assets.workflows.recomputation import Recomputation
from quant_assets.workflows.view import LakeView, versions


class FeaturesRecipe:
    """The catalogue's features, and the user's own, on the research timeframe."""

    asset = "features"
    upstream = ("bars",)
    """What else features read is among the needs: not all of them read all of it."""
    tables = (features_table(),)
    modules = (
        __name__,
        "quant_assets.workflows.recipes.feature_sources",
        "quant_assets.features.window",
        "quant_assets.features.standard",
    )

    def __init__(self, catalog: Catalog | None = None) -> None:
        self._catalog = catalog

    def catalog(self, view: LakeView) -> Catalog:
        """Return the features there are: the package's and those of the user's files."""
        return self._catalog or catalog_of(view.workspace)

    def apart(self, view: LakeView) -> "FeaturesRecipe":
        """Return the recipe with the user's files loaded once more.

        What their functions remember of bars that they have seen, these do not know.
        """
        workspace = view.workspace
        files = load_feature_files(workspace.root, workspace.settings.features.files)
        own = {one.name: one for file in files for one in file.features}
        names = self.catalog(view).features
        return FeaturesRecipe(Catalog(tuple(own.get(one.name, one) for one in names)))

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's bars, those of the look-back, and the tables that features read."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        catalog = self.catalog(view)
        chosen = catalog.select(view.workspace.settings.member(key.symbol).features)
        timeframe = Timeframe.parse(here.levels["timeframe"])
        longest = max((one.look_back_bars(timeframe) for one in chosen), default=0)
        before = bars_before(view, here, longest)
        sources = find_sources(view, (*before.entries, here), chosen)
        names = [one.name for one in chosen]
        return Plan(
            inputs=before.inputs | sources.inputs | versions([here]),
            parameters={
                "timeframe": timeframe.name,
                "features": names,
                "user_code": user_code(view.workspace, names),
                "sessions": sources.parameters,
            },
            needs=tuple(dict.fromkeys((*before.needs(key.symbol), *sources.needs))),
            payload=sources,
            origin=here.origin,
        )

    def recomputation(self, view: LakeView, key: Key, plan: Plan) -> Recomputation:
        """Return the session's window, and what makes features of it."""
        compute = partial(
            compute_features,
            session=key.session,
            timeframe=Timeframe.parse(plan.parameters["timeframe"]),
            names=plan.parameters["features"],
            catalog=self.catalog(view),
        )
        return Recomputation(compute, window_frame(view, plan.payload))

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Compute them on the session's window."""
        names, timeframe = plan.parameters["features"], plan.parameters["timeframe"]
        making = self.recomputation(view, key, plan)
        frame = making.compute(making.bars)
        nulls = {name: frame[name].null_count() for name in frame.columns[2:]}
        cells = frame.height * len(nulls)
        return Made(
            (
                MadeFile(
                    features_table(names, catalog=self.catalog(view)),
                    {"timeframe": timeframe, "symbol": key.symbol},
                    frame,
                    {"null_share": sum(nulls.values()) / max(1, cells), "nulls": nulls},
                ),
            ),
            counts={"feature_cells": cells, "feature_nulls": sum(nulls.values())},
        )
