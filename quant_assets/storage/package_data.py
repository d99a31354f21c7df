"""Reads the data that come with the package: baked sessions and the list of instruments."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl
import yaml

from quant_assets.market.errors import SettingsError
from quant_assets.market.instruments import InstrumentBook
from quant_assets.market.sessions import SessionCalendar

_DATA = Path(__file__).parents[1] / "market" / "data"

SESSIONS_FILE = _DATA / "sessions.parquet"
INSTRUMENTS_FILE = _DATA / "instruments.yaml"


def read_sessions() -> pl.DataFrame:
    """Return all baked sessions: column `calendar`, then those of table `sessions`."""
    return pl.read_parquet(SESSIONS_FILE, hive_partitioning=False)


@cache
def load_calendars() -> dict[str, SessionCalendar]:
    """Return the baked calendars by name; read once a process."""
    return {
        str(name): SessionCalendar.from_frame(str(name), rows.drop("calendar"))
        for (name,), rows in read_sessions().group_by("calendar", maintain_order=True)
    }


def load_instruments(user_file: Path | None = None) -> InstrumentBook:
    """Return the package's instruments, with the user's file on top.

    Parameters
    ----------
    user_file
        A YAML file in the form of the package's `instruments.yaml`; None for no such file.

    Raises
    ------
    SettingsError
        If the user's file is not there, is no YAML mapping, or holds a wrong key or value.
    """
    files = [INSTRUMENTS_FILE] if user_file is None else [INSTRUMENTS_FILE, user_file]
    return InstrumentBook.from_mappings(*(_read_mapping(path) for path in files))


def _read_mapping(path: Path) -> Mapping[str, object]:
    """Read a YAML file whose top level is a mapping; an empty file is an empty one."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(
            asked=f"instruments from {path.name}",
            found=" ".join(str(error).split()),
            remedy="Correct the file, or take it away.",
        ) from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise SettingsError(
            asked=f"instruments from {path.name}",
            found=f"a {type(content).__name__} at the top level",
            remedy="Write a mapping with the key 'instruments'.",
        )
    return content
