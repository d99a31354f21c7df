"""The table of features: what each is, where it has values, and how far these have moved."""

import dataframely as dy

from quant_assets.market.columns import real, word
from quant_assets.market.tables import Grain, Table


def _count(meaning: str, unit: str) -> dy.UInt32:
    return dy.UInt32(nullable=False, metadata={"unit": unit, "meaning": meaning})


def _maybe_day(meaning: str) -> dy.Date:
    return dy.Date(nullable=True, metadata={"unit": "date", "meaning": meaning})


class FeatureCatalogSchema(dy.Schema):
    """One row a feature, symbol and timeframe."""

    name = word("Column of the features table.", key=True)
    symbol = word("Symbol; empty where no symbol has bars.", key=True)
    timeframe = word("Length of the bars; empty where no symbol has bars.", key=True)
    family = word("What it looks at.")
    unit = word("Unit of its values.")
    meaning = word("One sentence.")
    source = word("Where the formula is from.")
    origin = word("The package, or the user's file that declares it.")
    parameters = word("Parameters of its function, name=value.")
    inputs = word("Columns that it reads.")
    version = _count("Version that its author gave it.", "number")
    multiple = _count("Bars in one of the longer bars that it sees; 1 is the bars' own.", "bars")
    look_back_bars = _count("Bars before the session's first that it needs.", "bars")
    code_version = word("SHA-256 of the code that makes it; of a user's, of the file.")
    sessions = _count("Sessions with bars.", "sessions")
    sessions_with_values = _count("Sessions of these with a stored value of it.", "sessions")
    coverage = real("Sessions with a stored value, of those with bars.", unit="0 to 1")
    first_session = _maybe_day("First session with a stored value.")
    last_session = _maybe_day("Last session with a stored value.")
    null_share = real("Stored rows without a value.", unit="0 to 1", nullable=True)
    drift = real(
        "Population stability index of the values after the training period against those in it.",
        unit="index, 0 and more",
        nullable=True,
    )
    training_period = word("The training period, and by what it is one.")


FEATURE_CATALOG = Table(
    name="feature_catalog",
    schema=FeatureCatalogSchema,
    levels=(),
    order=("name", "symbol", "timeframe"),
    grain=Grain.WHOLE,
)
