"""What all assets of this code location share: partitions at the grain of the settings."""

from quant_assets.defs.partitions import symbol_dates
from quant_assets.storage.settings_files import load_settings
from quant_assets.workflows.workspace import data_root

SETTINGS = load_settings(data_root())
SYMBOL_DATES = symbol_dates(SETTINGS.partitions)
"""symbol x date, cut by the settings of the data root at load time."""

TABULAR = {"polars", "parquet"}
"""Kinds of every asset that is stored as a table of the lake."""
