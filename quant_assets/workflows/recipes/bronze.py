"""Bronze of a session: its trades enter on its date and read on past its end."""

import polars as pl

from quant_assets.bronze.schema import BRONZE_STATS, BRONZE_TRADES
from quant_assets.bronze.statistics import count_outcomes
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.bronze_window import BronzeWindow, bronze_window, search_of
from quant_assets.workflows.view import LakeView

_NO_BARS = NotDue(Status.NOT_DUE, "no bars")


class BronzeTradesRecipe:
    """Every (stop, target) pair of the grid that would have won, candle by candle."""

    asset = "bronze_trades"
    upstream = ("bars",)
    tables = (BRONZE_TRADES,)
    modules = (__name__, "quant_assets.bronze.engine")

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's bars and those of the look-forward; it ends where a contract does."""
        window = bronze_window(view, key.symbol, key.session)
        if window is None:
            return _NO_BARS
        bound = view.workspace.settings.bronze.max_rows_per_session
        return _planned(window, {"max_rows": bound})

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Search them; above the setting's bound no rows are stored."""
        del key  # the plan says all
        window: BronzeWindow = plan.payload
        search = search_of(view, window)
        counted = search.count(0, window.here.rows)
        is_stored = counted.wins <= plan.parameters["max_rows"]
        frame = BRONZE_TRADES.empty()
        if is_stored:
            found = search.run(0, window.here.rows)
            frame = search.rows(found.runs, found.wins)
        tried = counted.entries * window.grid.combinations
        stats = {
            "wins": counted.wins,
            "tried": tried,
            "ambiguous": counted.ambiguous,
            "ambiguous_entries": counted.ambiguous_entries,
            "rows_stored": is_stored,
        }
        return _made(
            window,
            MadeFile(BRONZE_TRADES, window.levels, frame, stats),
            {
                "candles": window.here.rows,
                "combinations": tried,
                "wins": counted.wins,
                "ambiguous_pairs": counted.ambiguous,
                "ambiguous_candles": counted.ambiguous_entries,
                "not_stored_wins": 0 if is_stored else counted.wins,
            },
        )


class BronzeStatsRecipe:
    """What became of every entry of every pair, straight from the kernel."""

    asset = "bronze_stats"
    upstream = ("bars",)
    tables = (BRONZE_STATS,)
    modules = (__name__, "quant_assets.bronze.statistics")

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take what the trades of the session are searched in."""
        window = bronze_window(view, key.symbol, key.session)
        return _NO_BARS if window is None else _planned(window, {})

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Count outcomes, without making a row of any trade."""
        window: BronzeWindow = plan.payload
        memory = view.workspace.settings.bronze.statistics_memory_mb << 20
        counted = count_outcomes(search_of(view, window), window.here.rows, memory_bytes=memory)
        frame = counted.with_columns(pl.lit(key.session).alias("session"))
        sums = {name: int(frame[name].sum()) for name in ("wins", "losses", "timeouts")}
        return _made(window, MadeFile(BRONZE_STATS, window.levels, frame, sums), sums)


def _planned(window: BronzeWindow, more: dict[str, int]) -> Plan:
    """Return the plan of whatever is made of a window."""
    return Plan(
        inputs=window.inputs,
        parameters=window.parameters | more,
        needs=window.needs,
        payload=window,
        origin=window.here.origin,
    )


def _made(window: BronzeWindow, file: MadeFile, counts: dict[str, int]) -> Made:
    """Return what was made of a window; it is final once no later bar can change it."""
    return Made((file,), final=window.is_final, final_through=window.final_through, counts=counts)
