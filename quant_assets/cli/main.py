"""The command `quant`: arguments, calls, tables, progress; no logic.

Commands live in modules of their own and import what they need when they run, so that
`quant --help` answers at once.
"""

import sys

import typer

from quant_assets.cli.demo import demo
from quant_assets.cli.ingest import ingest
from quant_assets.cli.lake import lake
from quant_assets.cli.materialize import materialize, plan
from quant_assets.cli.tables import bars, leaderboard, peek, roll_map
from quant_assets.cli.ui import ui

app = typer.Typer(
    name="quant",
    help="Trading research as a Dagster asset graph: raw market files to a leaderboard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(ui)
app.command()(ingest)
app.command()(materialize)
app.command()(plan)
app.command("roll-map")(roll_map)
app.command()(bars)
app.command()(leaderboard)
app.command()(peek)
app.add_typer(lake, name="lake")


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


if __name__ == "__main__":
    run()
