"""Bronze trades of a session: they enter on its date and read on past its end."""

from quant_assets.bronze.engine import count_winning_trades, find_winning_trades
from quant_assets.bronze.presets import Grid, preset, spread_price
from quant_assets.bronze.schema import BRONZE_TRADES
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import bars_after, research_bars, stacked
from quant_assets.workflows.view import LakeView, versions


class BronzeTradesRecipe:
    """Every (stop, target) pair of the grid that would have won, candle by candle."""

    asset = "bronze_trades"
    upstream = ("bars",)
    tables = (BRONZE_TRADES,)
    modules = (__name__, "quant_assets.bronze.engine")

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's bars and those of the look-forward; it ends where a contract does."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        grid = self._grid(view, key.symbol, here)
        after = bars_after(view, here, grid.max_lookforward)
        same = tuple(e for e in after.entries if e.stats["contract"] == here.stats["contract"])
        spread = spread_price(view.workspace.instrument(key.symbol))
        bronze = view.workspace.settings.bronze
        return Plan(
            inputs=versions([here]) | after.inputs,
            parameters={
                "grid": grid.hash8,
                "spread": spread,
                "max_rows": bronze.max_rows_per_session,
            },
            needs=after.needs(key.symbol),
            payload=(here, same, grid, spread, after.is_complete or len(same) < len(after.entries)),
            origin=here.origin,
        )

    def _grid(self, view: LakeView, symbol: str, here: Entry) -> Grid:
        """Return the grid of the settings: a preset with the chosen rules."""
        name = view.workspace.settings.member(symbol).grid or here.levels["timeframe"]
        chosen = preset(Timeframe.parse(name))
        bronze = view.workspace.settings.bronze
        return Grid(
            sl_ratios=chosen.sl_ratios,
            tp_ratios=chosen.tp_ratios,
            max_lookforward=chosen.max_lookforward,
            tie=bronze.tie,
            spread_on=bronze.spread_on,
            tail=bronze.tail,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Search them; above the setting's bound no rows are stored."""
        here, after, grid, spread, is_final = plan.payload
        window = stacked(view, (here, *after))
        wins = count_winning_trades(window, n_entries=here.rows, grid=grid, spread=spread)
        is_stored = wins <= plan.parameters["max_rows"]
        frame = (
            find_winning_trades(window, n_entries=here.rows, grid=grid, spread=spread)
            if is_stored
            else BRONZE_TRADES.empty()
        )
        tried = here.rows * grid.combinations
        levels = {
            "timeframe": here.levels["timeframe"],
            "grid": grid.hash8,
            "symbol": key.symbol,
        }
        stats = {"wins": wins, "tried": tried, "rows_stored": is_stored}
        return Made(
            (MadeFile(BRONZE_TRADES, levels, frame, stats),),
            final=is_final,
            final_through=after[-1].day if after else key.session,
            counts={"candles": here.rows, "combinations": tried, "wins": wins},
        )
