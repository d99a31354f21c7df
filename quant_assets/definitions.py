"""The code location: everything under `defs/` loads itself."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Return the asset graph with its resources, jobs, schedules and sensors."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
