"""A strategy file from elsewhere: checked, then taken over to the data root."""

from collections.abc import Iterable
from pathlib import Path

from quant_assets.market.errors import StrategyError
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.writers.files import replace_file
from quant_assets.workflows.strategies import (
    FOLDER,
    read_strategy,
    strategy_file,
    user_strategies,
    with_symbols,
)
from quant_assets.workflows.strategy_check import check_strategy
from quant_assets.workflows.workspace import Workspace


def take_strategy(
    workspace: Workspace,
    path: Path,
    *,
    expected: Iterable[tuple[str, str]] = (),
    replaces: bool = False,
) -> Strategy:
    """Check a strategy file, and copy it to the data root, where assets read it.

    What cannot be trained is not taken over: nothing of the data root changes.

    Parameters
    ----------
    expected
        (symbol, timeframe) of research bars that are still to be made, and count as there.
    replaces
        Whether it takes the place of another strategy of its name.

    Returns
    -------
    Strategy
        With its symbols written out.

    Raises
    ------
    StrategyError
        If it is none, or another file of the data root holds another strategy of its name.
    StrategyError, TrainingError
        As `check_strategy`.
    """
    if not path.is_file():
        raise StrategyError(
            asked=f"a strategy from {path}",
            found="no such file",
            remedy="Name a YAML file, or a strategy that the data root knows.",
        )
    read = read_strategy(path)
    known = user_strategies(workspace).get(read.name)
    if known is not None and known != read and not replaces:
        raise StrategyError(
            asked=f"take {path.name} as strategy {read.name!r}",
            found=f"another strategy of that name stands in {FOLDER} of the data root",
            remedy="Change its name, or let it take the other's place: --replace.",
        )
    chosen = with_symbols(workspace, read, expected=expected)
    check_strategy(workspace, chosen)
    if known != read:
        target = strategy_file(workspace, read.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_bytes()
        replace_file(target, lambda staged: staged.write_bytes(text))
    return chosen
