"""Official closes as an input: one version a symbol, whatever bars name its sessions."""

from quant_assets.workflows.session_closes import closes_versions
from quant_assets.workflows.workspace import Workspace

DAYS = ("2013-10-07", "2013-10-08")


def names(timeframe: str, symbol: str = "SPY", days: tuple[str, ...] = DAYS) -> list[str]:
    """Return the names of bars."""
    return [f"bars/timeframe={timeframe}/symbol={symbol}/{day}" for day in days]


def test_finer_bars_of_the_same_sessions_change_nothing(tmp_path):
    """A backtest on bars of a minute reads those of a second too: the closes are the same."""
    workspace = Workspace.open(tmp_path)
    alone = closes_versions(workspace, names("1m"))
    assert closes_versions(workspace, [*names("1m"), *names("1s")]) == alone
    assert closes_versions(workspace, reversed(names("1m"))) == alone
    assert closes_versions(workspace, names("1m", days=DAYS[:1])) != alone


def test_what_is_held_over_has_no_closes(tmp_path):
    """Currencies go on into the next session, and so do daily bars of a stock."""
    workspace = Workspace.open(tmp_path)
    assert closes_versions(workspace, [*names("1m", "EURUSD"), *names("1d")]) == {}
