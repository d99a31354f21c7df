"""`quant ui`: Dagster's and MLflow's pages on loopback, until Ctrl-C."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quant_assets.cli.home import use_dagster_home
from quant_assets.cli.servers import (
    LOOPBACK,
    Server,
    demand_free,
    only_one,
    running,
    stop_signals,
    wait_until_ready,
    watch,
)

if TYPE_CHECKING:
    from quant_assets.storage.tracker import MlflowTracker

WORKSPACE_FILE = Path(__file__).parents[1] / "resources" / "data" / "workspace.yaml"

_MLFLOW_SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Runs are logged by Dagster's; without this MLflow keeps seven idle workers of its own.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI.")]
MlflowPort = Annotated[int, typer.Option(min=1, max=65535, help="Port of the MLflow UI.")]


def ui(port: Port = 3000, mlflow_port: MlflowPort = 5000) -> None:
    """Serve the Dagster UI (with its daemon) and the MLflow UI on loopback, until Ctrl-C."""
    demand_free(port, option="--port")
    demand_free(mlflow_port, option="--mlflow-port")
    home = use_dagster_home()
    with stop_signals() as stopped, only_one(home, remedy="Use that one, or stop it first."):
        tracker = _prepare()
        servers = [_dagster(home, port), _mlflow(tracker, mlflow_port)]
        _say("Starting Dagster and MLflow; Ctrl-C stops both.")
        with running(servers) as started:
            wait_until_ready(started, stopped, _print_url)
            watch(started, stopped)
            _say("Stopping.")
    _say("Dagster and MLflow have stopped.")


def _prepare() -> "MlflowTracker":
    """Make all databases before anything runs beside: two that make one at once break it."""
    import dagster as dg

    from quant_assets.defs.automation.orphans import end_orphans
    from quant_assets.defs.landed import register
    from quant_assets.storage.tracker import MlflowTracker
    from quant_assets.workflows.workspace import Workspace

    workspace = Workspace.open()
    os.environ["QUANT_DATA"] = str(workspace.root)
    (workspace.root / "raw").mkdir(parents=True, exist_ok=True)
    tracker = MlflowTracker(workspace.root / "mlflow")
    tracker.create_databases()
    with dg.DagsterInstance.get() as instance:
        instance.all_instigator_state()
        register(instance, workspace)
        if ended := end_orphans(instance):
            _say(f"{ended} runs that a stopped server left behind were ended.")
    return tracker


def _dagster(home: Path, port: int) -> Server:
    """Return Dagster's web server and daemon; its first process stops the others."""
    arguments = ("dagster", "dev", "-w", str(WORKSPACE_FILE), "-h", LOOPBACK, "-p", str(port))
    return Server("Dagster", arguments, port, home / "ui.log", stops_group=False)


def _mlflow(tracker: "MlflowTracker", port: int) -> Server:
    """Return MLflow's server; it serves what runs logged, and loads no pickle."""
    os.environ.update(_MLFLOW_SWITCHES)
    options = {
        "--backend-store-uri": tracker.uri,
        "--artifacts-destination": str(tracker.folder / "artifacts"),
        "--host": LOOPBACK,
        "--port": str(port),
        "--workers": "1",
    }
    arguments = ("mlflow", "server", *(part for pair in options.items() for part in pair))
    return Server("MLflow", arguments, port, tracker.folder / "server.log", stops_group=True)


def _print_url(server: Server) -> None:
    """Print where a server answers, on stdout."""
    print(f"{server.name}: {server.url}", flush=True)


def _say(text: str) -> None:
    """Tell how far it is, on stderr."""
    print(text, file=sys.stderr, flush=True)
