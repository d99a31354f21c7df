"""Progress of runs on stderr: a live line an asset on a terminal, a line a range elsewhere."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from quant_assets.defs.runs import Tell

STEP_S = 5.0
"""Where there is no terminal, a long range says how far it is this often."""


@contextmanager
def run_progress() -> Iterator[Tell]:
    """Give a function that shows each partition as it ends."""
    if sys.stderr.isatty():
        with _live() as tell:
            yield tell
    else:
        yield _Lines().tell


@contextmanager
def _live() -> Iterator[Tell]:
    """Show a bar an asset."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<15}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[last]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, int] = {}

        def tell(asset: str, status: str, partition: str, place: int, total: int) -> None:
            if asset not in tasks:
                tasks[asset] = progress.add_task(asset, total=0, last="")
            task = progress.tasks[tasks[asset]]
            grown = (task.total or 0) + (total if place == 1 else 0)
            progress.update(task.id, total=grown, advance=1, last=f"{partition} {status}".strip())

        yield tell


class _Lines:
    """Plain lines for pipes and logs."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[str]] = {}
        self._told = time.monotonic()

    def tell(self, asset: str, status: str, partition: str, place: int, total: int) -> None:
        """Say how an asset's range ended, and every few seconds how far it is."""
        symbol = partition.rsplit("|", maxsplit=1)[-1]
        counts = self._counts.setdefault((asset, symbol), Counter())
        counts[status] += 1
        late = time.monotonic() - self._told > STEP_S
        if place == total or late:
            states = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            sys.stderr.write(f"{asset:<15} {symbol:<24} {place}/{total}  {states}\n")
            sys.stderr.flush()
            self._told = time.monotonic()
        if place == total:
            del self._counts[asset, symbol]
