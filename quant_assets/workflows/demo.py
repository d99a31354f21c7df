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

REFERENCES = {"GC": "ES", "GBPUSD": "EURUSD", "QSYN": "MOMO"}
"""Symbols whose cross-asset features are told, and what they are compared with."""

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
    _write_settings(root / SETTINGS_FILE)
    return list(ingest_files(Workspace.open(root), files))


def _name_instruments(path: Path) -> None:
    """Say what the invented stocks are, as a user does for symbols the package does not know."""
    if not path.exists():
        invented = {"instruments": dict(DEMO_MARKET.invented_instruments)}
        path.write_text(f"# Synthetic stocks of the demo.\n{yaml.safe_dump(invented)}")


def _write_settings(path: Path) -> None:
    """Let the date partitions start where the market does, and symbols be compared in pairs."""
    if not path.exists():
        settings = {
            "partitions": {"start": FIRST_SESSION.replace(day=1).isoformat()},
            "universe": [
                {"symbol": symbol, "reference": other} for symbol, other in REFERENCES.items()
            ],
        }
        told = "# Demo: partitions start with its market; symbols are compared in pairs.\n"
        path.write_text(told + yaml.safe_dump(settings, sort_keys=False))


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
