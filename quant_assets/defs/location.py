"""Loads the code location: everything under `defs/`."""

from pathlib import Path

import dagster as dg

import quant_assets.defs
from quant_assets.resources.event_log import keep_engines


def load_location() -> dg.Definitions:
    """Return the asset graph with its resources, jobs, schedules and sensors.

    Dagster's own loader looks for `pyproject.toml` above the package, which an installed wheel has
    not; so the folder is handed in as a module.
    """
    keep_engines()
    tree = dg.ComponentTree(
        defs_module=quant_assets.defs,
        project_root=Path(quant_assets.defs.__file__).parents[2],
        code_location_name=quant_assets.__name__,
    )
    return tree.build_defs()
