"""Strategies of a data root: the user's files, and one default a class and timeframe."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import yaml

from quant_assets.market.errors import StrategyError
from quant_assets.signals.built_in import default_strategy
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.yaml_text import load_yaml
from quant_assets.workflows.workspace import Workspace

FOLDER = "strategies"


def user_strategies(workspace: Workspace) -> dict[str, Strategy]:
    """Return the strategies under `strategies/*.yaml` by name; sweeps may stand there too.

    Raises
    ------
    StrategyError
        If a file is no YAML mapping, or holds a wrong key or value; it names the file.
    """
    found: dict[str, Strategy] = {}
    for path in sorted((workspace.root / FOLDER).glob("*.yaml")):
        strategy = _read(path)
        if strategy is None:
            continue
        if strategy.name in found:
            raise StrategyError(
                asked=f"strategy {strategy.name!r} of {path.name}",
                found="another file bears the same name",
                remedy="Rename one of them.",
            )
        found[strategy.name] = strategy
    return found


def strategy_file(workspace: Workspace, name: str) -> Path:
    """Return the file of the data root that holds a strategy, or would hold it."""
    folder = workspace.root / FOLDER
    for path in sorted(folder.glob("*.yaml")):
        held = _read(path)
        if held is not None and held.name == name:
            return path
    return folder / f"{name}.yaml"


def read_strategy(path: Path) -> Strategy:
    """Read one strategy file.

    Raises
    ------
    StrategyError
        If it is no YAML mapping, or holds a wrong key or value.
    """
    strategy = _read(path)
    if strategy is None:
        raise StrategyError(
            asked=f"a strategy from {path.name}",
            found="a sweep: it has base and vary",
            remedy="Run it with quant sweep, or name the strategy that it varies.",
        )
    return strategy


def _read(path: Path) -> Strategy | None:
    """Return the strategy of a file, None where the file is a sweep."""
    try:
        return _parsed(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path.name, error) from error


# Asked for at each partition: the same text is parsed once.
@lru_cache(maxsize=1024)
def _parsed(text: str, name: str) -> Strategy | None:
    """Return the strategy that a YAML text is, None where it varies one and is none."""
    try:
        raw = load_yaml(text)
    except yaml.YAMLError as error:
        raise _unreadable(name, error) from error
    if not isinstance(raw, dict):
        raise StrategyError(
            asked=f"a strategy from {name}",
            found=f"a {type(raw).__name__} at the top level",
            remedy="Write keys and values; `data/strategies` may hold several files.",
        )
    return None if {"base", "vary"} <= raw.keys() else Strategy.parse(raw)


def _unreadable(name: str, error: Exception) -> StrategyError:
    """Say that a file is no YAML text, and where."""
    return StrategyError(
        asked=f"a strategy from {name}",
        found=" ".join(str(error).split()),
        remedy="Mend the YAML at that place.",
    )


def applicable(workspace: Workspace, symbol: str, timeframe: str) -> list[Strategy]:
    """Return the strategies that trade a symbol on a timeframe, by name."""
    mine = [
        strategy
        for strategy in user_strategies(workspace).values()
        if strategy.timeframe == timeframe
        and (strategy.symbols is None or symbol in strategy.symbols)
    ]
    default = default_strategy(workspace.instrument(symbol).asset_class, timeframe)
    names = {strategy.name for strategy in mine}
    return sorted(
        [*mine, *([default] if default.name not in names else [])], key=lambda one: one.name
    )


def research_groups(workspace: Workspace) -> dict[tuple[str, str], list[Entry]]:
    """Return the research bars by (symbol, timeframe)."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in workspace.lake.index.entries("bars"):
        if entry.stats.get("research"):
            groups.setdefault((entry.symbol, entry.levels["timeframe"]), []).append(entry)
    return groups


def strategies(
    workspace: Workspace, *, expected: Iterable[tuple[str, str]] = ()
) -> dict[str, Strategy]:
    """Return every strategy that has bars to trade, by name, its symbols written out.

    Parameters
    ----------
    expected
        (symbol, timeframe) of research bars that are still to be made, and count as there.
    """
    found: dict[str, Strategy] = {}
    members: dict[str, set[str]] = {}
    for symbol, timeframe in sorted({*research_groups(workspace), *expected}):
        for strategy in applicable(workspace, symbol, timeframe):
            found[strategy.name] = strategy
            members.setdefault(strategy.name, set()).add(symbol)
    return {
        name: found[name].model_copy(update={"symbols": tuple(sorted(members[name]))})
        for name in sorted(found)
    }


def with_symbols(
    workspace: Workspace, chosen: Strategy, *, expected: Iterable[tuple[str, str]] = ()
) -> Strategy:
    """Return a strategy with the symbols written out that it has bars to trade of.

    Raises
    ------
    StrategyError
        If there is none, or one that it names has no bars; `expected` as in `strategies`.
    """
    there = {*research_groups(workspace), *expected}
    symbols = sorted(
        symbol
        for symbol, timeframe in there
        if timeframe == chosen.timeframe and symbol in (chosen.symbols or (symbol,))
    )
    if not symbols or set(chosen.symbols or ()) - set(symbols):
        missing = sorted(set(chosen.symbols or ("any symbol",)) - set(symbols))
        bars = ", ".join(f"{symbol} {timeframe}" for symbol, timeframe in sorted(there))
        raise StrategyError(
            asked=f"bars of {', '.join(missing)} at {chosen.timeframe} "
            f"for strategy {chosen.name!r}",
            found=f"bars for research are {bars or 'none'}",
            remedy="Land files of them: quant ingest FILE; or correct symbols and timeframe.",
        )
    return chosen.model_copy(update={"symbols": tuple(symbols)})


def strategy(
    workspace: Workspace, name: str, *, expected: Iterable[tuple[str, str]] = ()
) -> Strategy:
    """Return a strategy by name, its symbols written out; `expected` as in `strategies`.

    Raises
    ------
    StrategyError
        If there is none of that name with bars to trade.
    """
    there = strategies(workspace, expected=expected)
    if name not in there:
        raise StrategyError(
            asked=f"strategy {name!r}",
            found=f"strategies with bars are {', '.join(there) or 'none'}",
            remedy="Materialize bars of its symbols first, or choose one of these.",
        )
    return there[name]
