"""Steps of a run follow each other in its process; runs go beside each other."""

import dagster as dg


@dg.definitions
def executor() -> dg.Definitions:
    """Return the executor of every run: a process a step would cost seconds each."""
    return dg.Definitions(executor=dg.in_process_executor)
