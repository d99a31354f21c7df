"""The code location."""

import dagster as dg

from quant_assets.defs.location import load_location


@dg.definitions
def defs() -> dg.Definitions:
    """Return the asset graph with its resources, jobs, schedules and sensors."""
    return load_location()
