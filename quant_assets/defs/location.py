"""Loads the code location: everything under `defs/`."""

from pathlib import Path

import dagster as dg


def load_location() -> dg.Definitions:
    """Return the asset graph with its resources, jobs, schedules and sensors."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parents[1])
