"""The stages of the data's way, in order: one word for folder, asset group, table and test."""

from enum import StrEnum


class Stage(StrEnum):
    """A stage of the graph; its value names the asset group and the packages that serve it."""

    MARKET = "market"
    INGEST = "ingest"
    TICKS = "ticks"
    BARS = "bars"
    LEVELS = "levels"
    CONTRACTS = "contracts"
    BRONZE = "bronze"
    FEATURES = "features"
    MOMENTUM = "momentum"
    MODELS = "models"
    BACKTESTS = "backtests"
    LEADERBOARD = "leaderboard"
    WAREHOUSE = "warehouse"
