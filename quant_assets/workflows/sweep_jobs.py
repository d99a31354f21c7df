"""Jobs by their content: what a strategy will read, at which versions, by which code."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict
from functools import cache
from typing import Any, TypeVar, cast

from quant_assets.backtests.schema import EQUITY, TRADES
from quant_assets.features.regime_schema import REGIMES
from quant_assets.lineage.fingerprint import combined_version, digest_of
from quant_assets.market.errors import StrategyError
from quant_assets.models.schema import MODELS, PREDICTIONS
from quant_assets.optimization.search_space import Cell
from quant_assets.signals.schema import SIGNALS
from quant_assets.signals.sources import PythonSignal
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.job_queue import Job
from quant_assets.storage.source_code import code_version
from quant_assets.ticks.schema import RAW_STATUS
from quant_assets.workflows.recipes.neighbours import BARS
from quant_assets.workflows.session_closes import closes_versions
from quant_assets.workflows.strategies import strategy as strategy_of
from quant_assets.workflows.view import LakeView, versions

CODE = (
    "quant_assets.workflows.configuration",
    "quant_assets.workflows.backtesting",
    "quant_assets.workflows.strategy_backtest",
    "quant_assets.workflows.histories",
    "quant_assets.workflows.strategy_signals",
    "quant_assets.workflows.history_signals",
    "quant_assets.workflows.recipes.learning_source",
    "quant_assets.workflows.recipes.training_set",
    "quant_assets.workflows.training",
)
"""Where the code version of a trial starts from: all that its result hangs on."""

Found = TypeVar("Found")

_TABLES = (TRADES, EQUITY, SIGNALS, PREDICTIONS, MODELS)


@cache
def sweep_code_version() -> str:
    """Return the code version of the whole chain, from rows to trades."""
    return code_version(CODE, tuple((table.name, table.version) for table in _TABLES))


class Reads:
    """Versions of what strategies read, each looked up once while the view stands."""

    def __init__(self, view: LakeView) -> None:
        self._view = view
        self._known: dict[tuple[Any, ...], Any] = {}

    @property
    def code(self) -> str:
        """Version of the code that computes with them."""
        return sweep_code_version()

    def forget(self) -> None:
        """Look everything up anew: the lake may have changed."""
        self._view.reload()
        self._known.clear()

    def version(self, strategy: Strategy) -> str:
        """Return one version of all that a strategy reads.

        It names whole tables of its symbols: a session that is added changes it, as it changes the
        result.

        Raises
        ------
        StrategyError
            If it confirms by a strategy that there is not, or by itself in a circle.
        """
        parts = self._parts(strategy, ())
        return self._once("combined", tuple(parts.items()), lambda: combined_version(parts))

    def _parts(self, one: Strategy, seen: tuple[str, ...]) -> dict[str, str]:
        """Return the versions by what they are of."""
        symbols = one.symbols or ()
        found = {f"{t}/{s}": self._table(t, s) for t in self._tables(one) for s in symbols}
        for symbol in symbols:
            found[f"closes/{symbol}"] = self._closes(symbol)
            found[f"instrument/{symbol}"] = self._instrument(symbol)
        if isinstance(one.signal, PythonSignal):
            found[f"rule/{one.signal.file}"] = self._rule(one.signal)
        if one.confirm is not None:
            found |= self._second(one, seen)
        return found

    @staticmethod
    def _tables(one: Strategy) -> list[str]:
        """Return the tables that a strategy reads."""
        tables = [BARS, RAW_STATUS.name]
        return tables + [one.source] * one.learns + [REGIMES.name] * (one.regimes is not None)

    def _second(self, one: Strategy, seen: tuple[str, ...]) -> dict[str, str]:
        """Return what the second opinion hangs on."""
        assert one.confirm is not None  # noqa: S101 asked for by the caller
        name = one.confirm.name
        if one.confirm.table == "predictions":
            return {
                f"second/{symbol}": self._entries(PREDICTIONS.name, symbol, model=name)
                for symbol in one.symbols or ()
            }
        if name in seen:
            raise StrategyError(
                asked=f"confirm by signals of {name!r}",
                found="strategies that wait for each other",
                remedy="Let one of them trade without confirm.",
            )
        other = self._once("strategy", name, lambda: strategy_of(self._view.workspace, name))
        parts = self._parts(other, (*seen, name))
        return {"second": digest_of([other.content_hash, sorted(parts.items())])}

    def _table(self, table: str, symbol: str) -> str:
        """Return the version of all that a table holds of a symbol."""
        return self._once(table, symbol, lambda: self._entries(table, symbol))

    def _entries(self, table: str, symbol: str, **levels: str) -> str:
        """Return the version of a symbol's entries whose levels hold the given values."""
        wanted = levels.items()
        by_session = self._view.of_symbol(table, symbol).values()
        return combined_version(
            versions(e for found in by_session for e in found if wanted <= e.levels.items())
        )

    def _closes(self, symbol: str) -> str:
        """Return the version of the closes of the sessions that have bars."""

        def look() -> str:
            found = self._view.of_symbol(BARS, symbol).values()
            names: Iterable[str] = (entry.name for entries in found for entry in entries)
            return combined_version(closes_versions(self._view.workspace, names))

        return self._once("closes", symbol, look)

    def _instrument(self, symbol: str) -> str:
        """Return a version of what is known of a symbol: its multiplier, ticks and fees."""
        told = self._view.workspace.instrument(symbol)
        return self._once("instrument", symbol, lambda: digest_of(repr(asdict(told))))

    def _rule(self, signal: PythonSignal) -> str:
        """Return the digest of a user's rule."""

        def look() -> str:
            from quant_assets.workflows.strategy_signals import rule_class

            return rule_class(self._view.workspace, signal)[1].digest

        return self._once("rule", f"{signal.file}/{signal.rule}", look)

    def _once(self, what: str, name: Hashable, look: Callable[[], Found]) -> Found:
        """Look something up once."""
        if (what, name) not in self._known:
            self._known[what, name] = look()
        return cast("Found", self._known[what, name])


def job_of(strategy: Strategy, reads: Reads, *, sweep: str) -> Job:
    """Return the job that a strategy is on what the lake holds now."""
    read, code = reads.version(strategy), reads.code
    config = strategy.to_mapping()
    # As `content_hash`: the name decides nothing.
    content = digest_of({key: value for key, value in config.items() if key != "name"})
    kin = digest_of([read, strategy.training_values()]) if strategy.learns else ""
    return Job(
        digest_of({"config": content, "reads": read, "code": code}), sweep, config, code, kin
    )


def jobs_of(cells: Iterable[Cell], reads: Reads, *, sweep: str) -> dict[int, Job]:
    """Return the job of each valid cell by its number."""
    return {c.number: job_of(c.strategy, reads, sweep=sweep) for c in cells if c.strategy}
