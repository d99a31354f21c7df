"""The command `quant`: arguments, calls, tables, progress; no logic.

Commands live in modules of their own and import what they need when they run, so that
`quant --help` answers at once.
"""

import sys
from typing import Annotated

import typer

from quant_assets.cli.bronze import bronze
from quant_assets.cli.compile import compile_kernels
from quant_assets.cli.demo import demo
from quant_assets.cli.explain import explain
from quant_assets.cli.features import check_leaks, features
from quant_assets.cli.footprint import footprint
from quant_assets.cli.ingest import ingest
from quant_assets.cli.lake import lake
from quant_assets.cli.leaderboard import leaderboard
from quant_assets.cli.materialize import materialize, plan
from quant_assets.cli.models import models, train
from quant_assets.cli.strategies import strategies
from quant_assets.cli.sweep import sweep, worker
from quant_assets.cli.tables import bars, peek, roll_map
from quant_assets.cli.ui import ui

app = typer.Typer(
    name="quant",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(ui)
app.command()(ingest)
app.command()(materialize)
app.command()(plan)
app.command()(train)
app.command("roll-map")(roll_map)
app.command()(bars)
app.command()(bronze)
app.command()(footprint)
app.command()(leaderboard)
app.command()(explain)
app.command()(features)
app.command()(sweep)
app.command()(worker)
app.command("check-leaks")(check_leaks)
app.command()(peek)
app.command("compile")(compile_kernels)
app.add_typer(models, name="models")
app.add_typer(strategies, name="strategy")
app.add_typer(lake, name="lake")


def _say_version(asked: bool) -> None:
    """Print the installed version and end, where it was asked for."""
    if asked:
        from importlib.metadata import version

        print(version("quant_assets"))
        raise typer.Exit


@app.callback()
def group(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Trading research as a Dagster asset graph: raw market files to a leaderboard."""


def run() -> None:
    """Run a command: 0 is well, 1 something failed, 2 it was asked wrongly."""
    from quant_assets.market.errors import InputError, QuantError

    try:
        app()
    except QuantError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run()
