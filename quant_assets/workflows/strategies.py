"""Strategies of a data root: the user's files, and one default a class and timeframe."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from quant_assets.market.errors import StrategyError
from quant_assets.signals.strategy import Strategy, default_strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.writers.files import replace_file
from quant_assets.workflows.workspace import Workspace

FOLDER = "strategies"


def user_strategies(workspace: Workspace) -> dict[str, Strategy]:
    """Return the strategies under `strategies/*.yaml` by name.

    Raises
    ------
    StrategyError
        If a file is no YAML mapping, or holds a wrong key or value; it names the file.
    """
    found: dict[str, Strategy] = {}
    for path in sorted((workspace.root / FOLDER).glob("*.yaml")):
        strategy = _read(path)
        if strategy.name in found:
            raise StrategyError(
                asked=f"strategy {strategy.name!r} of {path.name}",
                found="another file bears the same name",
                remedy="Rename one of them.",
            )
        found[strategy.name] = strategy
    return found


def take_strategy(workspace: Workspace, path: Path) -> Strategy:
    """Check a strategy file from elsewhere and copy it to the data root, where assets read it.

    Raises
    ------
    StrategyError
        If it is none, or another file of the data root holds another strategy of its name.
    """
    if not path.is_file():
        raise StrategyError(
            asked=f"a strategy from {path}",
            found="no such file",
            remedy="Name a YAML file, or a strategy that the data root knows.",
        )
    chosen = _read(path)
    folder = workspace.root / FOLDER
    if path.resolve().parent == folder.resolve():
        return chosen
    known = user_strategies(workspace).get(chosen.name)
    if known is not None and known != chosen:
        raise StrategyError(
            asked=f"take {path.name} as strategy {chosen.name!r}",
            found=f"another strategy of that name stands in {FOLDER} of the data root",
            remedy="Change its name, or edit the file there.",
        )
    if known is None:
        folder.mkdir(parents=True, exist_ok=True)
        text = path.read_bytes()
        replace_file(folder / f"{chosen.name}.yaml", lambda staged: staged.write_bytes(text))
    return chosen


def _read(path: Path) -> Strategy:
    """Read one strategy file."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StrategyError(
            asked=f"a strategy from {path.name}",
            found=" ".join(str(error).split()),
            remedy="Mend the YAML at that place.",
        ) from error
    if not isinstance(raw, dict):
        raise StrategyError(
            asked=f"a strategy from {path.name}",
            found=f"a {type(raw).__name__} at the top level",
            remedy="Write keys and values; `data/strategies` may hold several files.",
        )
    return Strategy.parse(raw)


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
