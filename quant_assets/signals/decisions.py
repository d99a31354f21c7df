"""From probabilities to wanted sides: known when the bar has closed, acted on after it."""

import numpy as np
import polars as pl

from quant_assets.signals.strategy import DecisionSpec


def decide_sides(predictions: pl.DataFrame, decision: DecisionSpec) -> np.ndarray:
    """Return the side wanted after each bar: 1 long, -1 short, 0 none.

    Parameters
    ----------
    predictions
        Columns proba, side and is_oos of PREDICTIONS. A row that is not out of sample wants
        nothing; one that passes the threshold wants the side that its probability speaks of.

    Returns
    -------
    int8 array of shape (n,)
    """
    proba = predictions["proba"].to_numpy()
    wanted = np.where(proba >= decision.threshold, predictions["side"].to_numpy(), 0)
    if decision.side == "both":
        wanted = np.where(proba <= 1.0 - decision.threshold, -1, wanted)
    return np.where(predictions["is_oos"].to_numpy(), wanted, 0).astype(np.int8)
