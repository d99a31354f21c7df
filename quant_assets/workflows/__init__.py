"""The work itself, without Dagster or Typer."""
