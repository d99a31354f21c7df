"""A sweep on a terminal: progress on stderr, its best cells on stdout."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from quant_assets.optimization.sweep_spec import SweepSpec
    from quant_assets.storage.job_queue import Counts
    from quant_assets.workflows.sweep import RankedCell

_STEP_S = {True: 0.2, False: 5.0}
"""How often progress is written: on a terminal, and elsewhere."""


class SweepProgress:
    """How far a sweep is, on stderr: one line on a terminal that is written over, else lines.

    `executed` is how many trials ended while the sweep was waited for.
    """

    def __init__(self, sweep: str) -> None:
        self._sweep = sweep
        self._is_live = sys.stderr.isatty()
        self._began = time.monotonic()
        self._told = 0.0
        self.executed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_live and self._told:
            sys.stderr.write("\n")

    def watch(self, counts: "Counts", executed: int) -> None:
        """Take in how many jobs stand where and how many were run, and now and then say so."""
        ended = counts.total - counts.open
        self.executed = executed
        now = time.monotonic()
        if not counts.open or now - self._told < _STEP_S[self._is_live]:
            return
        self._told = now
        rate = self.executed / max(now - self._began, 1e-9)
        line = f"{self._sweep}: {ended:,} of {counts.total:,} trials, {rate:.1f} a second"
        end = "\r" if self._is_live else "\n"
        sys.stderr.write(f"{line:<70}{end}" if self._is_live else f"{line}{end}")
        sys.stderr.flush()


def print_sweep(spec: "SweepSpec", cells: "Sequence[RankedCell]", *, best: int, json: bool) -> None:
    """Print the best cells as a table, or all as JSON."""
    if json:
        from json import dumps

        for one in cells:
            print(dumps(_to_json(one)))
        return
    from rich.table import Table

    from quant_assets.cli.leaderboard_table import console_of

    done = [one for one in cells if one.result.trial_id]
    table = Table(box=None, pad_edge=False)
    table.add_column("strategy")
    for key in (*spec.vary, spec.metric, "plateau", "net", "trades"):
        table.add_column(key, justify="right")
    table.add_column("trial")
    for one in done[:best]:
        table.add_row(*_row(spec, one))
    console_of().print(table)
    print(f"{min(best, len(done)):,} of {len(done):,} trials, by {spec.metric}")


def _row(spec: "SweepSpec", one: "RankedCell") -> list[str]:
    """Return one line of the table."""
    result = one.result
    return [
        result.strategy or "",
        *(_text(result.values.get(key)) for key in spec.vary),
        _text(one.score),
        _text(one.plateau),
        _text(result.metrics.get("net")),
        _text(result.metrics.get("n_trades")),
        (result.trial_id or "")[:10],
    ]


def _text(value: Any) -> str:
    """Write a value short."""
    if value is None:
        return "-"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _to_json(one: "RankedCell") -> dict[str, Any]:
    """Return a cell as JSON values."""
    result = one.result
    return {
        "cell": result.cell,
        "values": dict(result.values),
        "state": result.state.value if result.state else "invalid",
        "strategy": result.strategy,
        "trial_id": result.trial_id,
        "score": one.score,
        "plateau": one.plateau,
        "metrics": dict(result.metrics),
        "message": result.message,
    }
