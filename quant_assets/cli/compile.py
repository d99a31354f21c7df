"""`quant compile`: kernels compiled now, so that no run waits for them."""

import os
import sys
import time
from typing import Annotated

import typer


def compile_kernels(
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes beside each other. [default: processors]")
    ] = None,
) -> None:
    """Compile the kernels once, on all cores; what is compiled already is left alone."""
    from numba import config

    from quant_assets.storage.compiled_kernels import compile_all, read_specialisations

    if config.DISABLE_JIT:
        print("0 kernels compiled: NUMBA_DISABLE_JIT says that none is used", file=sys.stderr)
        return
    started = time.monotonic()
    listed = read_specialisations()
    count = workers or len(os.sched_getaffinity(0))
    new = sum(is_new for _, is_new in compile_all(listed, workers=min(count, len(listed))))
    print(
        f"{new} kernels compiled, {len(listed) - new} were: {time.monotonic() - started:.0f} s",
        file=sys.stderr,
    )
