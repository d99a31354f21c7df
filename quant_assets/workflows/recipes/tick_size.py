"""The tick size of a symbol: the list's, or what the prices landed first tell."""

import numpy as np

from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.tick_size import infer_tick_size, infer_tick_units
from quant_assets.workflows.recipes.neighbours import LANDED_TABLES, landed_sessions
from quant_assets.workflows.view import LakeView


def tick_size_of(view: LakeView, symbol: str) -> float | None:
    """Return the smallest price step of a symbol; None where it is not listed nor landed.

    Of a symbol that no list names it is inferred from the first session that was landed, from
    whatever of it has most rows: later sessions must not change what was made of earlier ones.
    """
    listed = view.workspace.instrument(symbol).tick_size
    if listed is not None:
        return listed

    def infer() -> float | None:
        first = landed_sessions(view, symbol)[:1]
        landed = [e for day in first for t in LANDED_TABLES for e in view.at(t, symbol, day)]
        if not landed:
            return None
        most = max(landed, key=lambda entry: (entry.table == "raw_ticks", entry.rows, entry.name))
        if most.table == "raw_ticks":
            step = infer_tick_units(view.read(most, ("price",))["price"].to_numpy())
            return None if step is None else step / PRICE_SCALE
        frame = view.read(most, ("open", "high", "low", "close"))
        return infer_tick_size(np.ravel(frame.to_numpy()))

    return view.remembered("tick_size", LANDED_TABLES, symbol, infer)
