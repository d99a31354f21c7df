"""Pages that a user opens: a tear sheet a strategy, and the leaderboard that links to them."""

import os
from dataclasses import dataclass
from pathlib import Path

from quant_assets.backtests.schema import EQUITY
from quant_assets.optimization.schema import LEADERBOARD
from quant_assets.reports.leaderboard_page import build_leaderboard_page
from quant_assets.reports.tear_sheet import Provenance, build_tear_sheet
from quant_assets.signals.strategy import Strategy
from quant_assets.workflows.strategy_backtest import StoredBacktest, stored_result
from quant_assets.workflows.tear_sheet_inputs import (
    sweep_stability,
    trade_regimes,
    traded_prices,
)
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

FOLDER = "reports"
LEADERBOARD_PAGE = "leaderboard.html"


@dataclass(frozen=True)
class Page:
    """A page on disk; `is_new` where it differs from the one that stood there."""

    path: Path
    is_new: bool


def page_path(workspace: Workspace, name: str) -> Path:
    """Return where a page lies."""
    return workspace.root / FOLDER / name


def tear_sheet_path(workspace: Workspace, strategy: Strategy) -> Path:
    """Return where the tear sheet of a strategy lies."""
    return page_path(workspace, f"{strategy.name}.html")


def write_tear_sheet(workspace: Workspace, strategy: Strategy, stored: StoredBacktest) -> Page:
    """Write the tear sheet of a stored backtest; same backtest, same sweeps, same bytes."""
    html = tear_sheet_html(workspace, strategy, stored)
    return write_page(tear_sheet_path(workspace, strategy), html)


def tear_sheet_html(workspace: Workspace, strategy: Strategy, stored: StoredBacktest) -> str:
    """Return the tear sheet of a stored backtest."""
    lineage = workspace.lake.lineage(stored.equity)
    provenance = Provenance(
        data_versions=lineage.inputs,
        code_version=lineage.code_version,
        model_version=stored.trial.model_version,
        command=f"quant materialize tear_sheet --strategy {strategy.name}",
        synthetic=lineage.origin.synthetic,
        market_seed=lineage.origin.seed,
    )
    currencies = {workspace.instrument(symbol).currency for symbol in stored.trial.symbols}
    result, view = stored_result(workspace, strategy, stored), LakeView(workspace)
    return build_tear_sheet(
        result,
        strategy=strategy,
        provenance=provenance,
        currency=", ".join(sorted(currencies)),
        prices=traded_prices(view, strategy, result.trades),
        regimes=trade_regimes(view, strategy, result.trades),
        ladder=stored.trial.ladder,
        stability=sweep_stability(workspace, stored.trial),
    )


def write_leaderboard_page(workspace: Workspace) -> Page | None:
    """Write the page of the stored leaderboard; None where there is none yet."""
    html = leaderboard_html(workspace)
    return None if html is None else write_page(page_path(workspace, LEADERBOARD_PAGE), html)


def leaderboard_html(workspace: Workspace) -> str | None:
    """Return the page of the stored leaderboard; None where there is none yet."""
    entries = workspace.lake.index.entries(LEADERBOARD.name)
    if not entries:
        return None
    board = workspace.lake.read(entries[0])
    runs = workspace.lake.index.entries(EQUITY.name)
    newest = {
        row["trial_id"]: f"{row['strategy']}.html"
        for row in board.filter(~board["is_stale"]).iter_rows(named=True)
        if page_path(workspace, f"{row['strategy']}.html").exists()
    }
    return build_leaderboard_page(
        board, links=newest, synthetic=any(entry.synthetic for entry in runs)
    )


def is_written(path: Path, text: str) -> bool:
    """Whether a page stands on disk as it would be written."""
    return path.exists() and path.read_text(encoding="utf-8") == text


def write_page(path: Path, text: str) -> Page:
    """Write a page so that a reader sees the old one or the new one; an equal one is kept."""
    if is_written(path, text):
        return Page(path, is_new=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        staged.write_text(text, encoding="utf-8")
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    return Page(path, is_new=True)
