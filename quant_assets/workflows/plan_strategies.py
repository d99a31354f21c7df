"""Why models, backtests and tear sheets would be made, and what belongs to no partition."""

from collections.abc import Callable, Mapping

from quant_assets.backtests.schema import EQUITY
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.lineage.records import Hashes, why_stale
from quant_assets.market.errors import StrategyError
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.warehouse import read_version, views_version
from quant_assets.workflows.calendars import are_sessions_stored
from quant_assets.workflows.feature_catalog import feature_catalog_reason
from quant_assets.workflows.leaderboard import is_leaderboard_stored
from quant_assets.workflows.model_freshness import NEVER_MADE, changed_inputs, model_reason
from quant_assets.workflows.pages import (
    LEADERBOARD_PAGE,
    is_written,
    leaderboard_html,
    page_path,
    tear_sheet_html,
    tear_sheet_path,
)
from quant_assets.workflows.strategy_backtest import (
    backtest_code_version,
    backtest_inputs,
    stored_backtest,
)
from quant_assets.workflows.trials import are_trials_stored
from quant_assets.workflows.warehouse import warehouse_views
from quant_assets.workflows.workspace import Workspace

PAGE_CHANGED = "page changed"

_NEAREST = ("inputs changed", "parameters changed", "code changed")
"""Of several runs of a strategy the one speaks that is nearest to what would be made."""


def backtest_reason(workspace: Workspace, strategy: Strategy) -> str | None:
    """Return why a strategy would be backtested; None where what is there now was."""
    try:
        if stored_backtest(workspace, strategy) is not None:
            return None
        inputs = backtest_inputs(workspace, strategy)
    except StrategyError:
        return NEVER_MADE
    wanted = Hashes(digest_of(inputs), digest_of(strategy.to_mapping()), backtest_code_version())
    runs = workspace.lake.index.entries(EQUITY.name, symbol=strategy.name)
    by_reason = {why_stale(run.hashes, wanted): run for run in runs}
    reason = next((reason for reason in _NEAREST if reason in by_reason), NEVER_MADE)
    if reason != "inputs changed":
        return reason
    return changed_inputs(reason, workspace.lake.lineage(by_reason[reason]).inputs, inputs)


def tear_sheet_reason(workspace: Workspace, strategy: Strategy) -> str | None:
    """Return why a strategy's tear sheet would be written; None where it stands as it would."""
    path = tear_sheet_path(workspace, strategy)
    try:
        stored = stored_backtest(workspace, strategy)
    except StrategyError:
        stored = None
    if stored is None or not path.exists():
        return NEVER_MADE
    html = tear_sheet_html(workspace, strategy, stored)
    return None if is_written(path, html) else PAGE_CHANGED


def sessions_reason(workspace: Workspace) -> str | None:
    """Return why the calendars' sessions would be stored."""
    stands = are_sessions_stored(workspace)
    return None if stands else NEVER_MADE if stands is None else "calendars changed"


def trials_reason(workspace: Workspace) -> str | None:
    """Return why the trials would be exported."""
    stands = are_trials_stored(workspace)
    return None if stands else NEVER_MADE if stands is None else "trials changed"


def leaderboard_reason(workspace: Workspace) -> str | None:
    """Return why the leaderboard, or its page, would be made."""
    stands = is_leaderboard_stored(workspace)
    if not stands:
        return NEVER_MADE if stands is None else "trials changed"
    path, html = page_path(workspace, LEADERBOARD_PAGE), leaderboard_html(workspace)
    if not path.exists():
        return NEVER_MADE
    return None if html is not None and is_written(path, html) else PAGE_CHANGED


def warehouse_reason(workspace: Workspace) -> str | None:
    """Return why the warehouse's views would be made."""
    stored = read_version(workspace.root)
    if stored is None:
        return NEVER_MADE
    wanted = views_version(workspace.root, warehouse_views(workspace))
    return None if stored == wanted else "files changed"


Reason = Callable[[Workspace], str | None]
StrategyReason = Callable[[Workspace, Strategy], str | None]

BY_STRATEGY: Mapping[str, StrategyReason] = {
    "model": model_reason,
    "backtest": backtest_reason,
    "tear_sheet": tear_sheet_reason,
}
"""Assets partitioned by strategy, in the data's order."""

ONCE: Mapping[str, Reason] = {
    "sessions": sessions_reason,
    "feature_catalog": feature_catalog_reason,
    "trials": trials_reason,
    "leaderboard": leaderboard_reason,
    "warehouse": warehouse_reason,
}
"""Assets without partitions."""
