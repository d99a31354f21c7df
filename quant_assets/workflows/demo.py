"""The demo's market: written, and landed like any other."""

from pathlib import Path

import yaml

from quant_assets.market.errors import InputError
from quant_assets.storage.settings_files import SETTINGS_FILE
from quant_assets.synthetic.market import DEMO_MARKET
from quant_assets.workflows.demo_market import FIRST_SESSION, demo_sessions, write_demo_market
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.report import FileReport
from quant_assets.workflows.workspace import INSTRUMENTS_FILE, Workspace

LANDED = ("raw_bars", "raw_ticks", "raw_status")


def land_demo_market(root: Path, *, seed: int) -> list[FileReport]:
    """Write a synthetic market to a data root's `raw` folder and land it.

    Raises
    ------
    InputError
        If the lake holds a table that is not marked synthetic.
    """
    workspace = Workspace.open(root)
    check_synthetic(workspace)
    files = write_demo_market(
        root / "raw",
        seed=seed,
        sessions_by_calendar=demo_sessions(workspace.calendars),
    )
    _name_instruments(root / INSTRUMENTS_FILE)
    _set_start(root / SETTINGS_FILE)
    return list(ingest_files(Workspace.open(root), files))


def _name_instruments(path: Path) -> None:
    """Say what the invented stocks are, as a user does for symbols the package does not know."""
    if not path.exists():
        invented = {"instruments": dict(DEMO_MARKET.invented_instruments)}
        path.write_text(f"# Synthetic stocks of the demo.\n{yaml.safe_dump(invented)}")


def _set_start(path: Path) -> None:
    """Let the date partitions start where the market does, so that the UI shows it at once."""
    if not path.exists():
        start = FIRST_SESSION.replace(day=1).isoformat()
        path.write_text(
            f"# Demo: partitions start with its market.\npartitions:\n  start: {start}\n"
        )


def check_synthetic(workspace: Workspace) -> None:
    """Refuse a lake that holds landed data that is not synthetic."""
    for table in LANDED:
        for entry in workspace.lake.index.entries(table):
            if not entry.synthetic:
                raise InputError(
                    asked=f"the demo in {workspace.root}",
                    found=f"its lake holds {entry.name}, which is not synthetic",
                    remedy="Set QUANT_DATA to a folder of its own, or leave it unset.",
                )
