"""Instruments as an input: multiplier, tick, fees and steps, which a user's file may change."""

from collections.abc import Iterable
from dataclasses import asdict

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.workflows.workspace import Workspace

_NAME = "instrument/symbol="


def instrument_versions(workspace: Workspace, symbols: Iterable[str]) -> dict[str, str]:
    """Return a version of each instrument: SHA-256 over all that is known of it."""
    return {
        f"{_NAME}{symbol}": digest_of(asdict(workspace.instrument(symbol)))
        for symbol in sorted(symbols)
    }


def symbols_named(inputs: Iterable[str]) -> list[str]:
    """Return the symbols whose instruments are among some inputs."""
    return [name.removeprefix(_NAME) for name in inputs if name.startswith(_NAME)]
