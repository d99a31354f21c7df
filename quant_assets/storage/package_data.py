"""Reads the data that come with the package: baked sessions and the list of instruments."""

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

import polars as pl
import yaml

from quant_assets.market.errors import SettingsError
from quant_assets.market.instruments import InstrumentBook
from quant_assets.market.session_overrides import SessionOverrides
from quant_assets.market.sessions import SessionCalendar

_DATA = Path(__file__).parents[1] / "market" / "data"

SESSIONS_FILE = _DATA / "sessions.parquet"
INSTRUMENTS_FILE = _DATA / "instruments.yaml"


def read_sessions(user_file: Path | None = None) -> pl.DataFrame:
    """Return all sessions: column `calendar`, then those of table `sessions`.

    Parameters
    ----------
    user_file
        A YAML file that changes baked sessions; None for no such file.

    Raises
    ------
    SettingsError
        If the user's file is not there, is no YAML mapping, or holds a wrong key or value.
    """
    baked = pl.read_parquet(SESSIONS_FILE, hive_partitioning=False)
    if user_file is None:
        return baked
    overrides = _overrides(user_file.name, _read_text(user_file, "sessions"))
    return pl.concat(
        overrides.applied(str(name), rows.drop("calendar")).select(
            pl.lit(str(name)).alias("calendar"), pl.all()
        )
        for (name,), rows in baked.group_by("calendar", maintain_order=True)
    )


def load_calendars(user_file: Path | None = None) -> dict[str, SessionCalendar]:
    """Return the calendars by name, with the user's file on top; raises as `read_sessions`.

    The baked ones are built once a process, the user's once for each content of the file.
    """
    if user_file is None:
        return _baked_calendars()
    return _changed_calendars(user_file.name, _read_text(user_file, "sessions"))


@cache
def _baked_calendars() -> dict[str, SessionCalendar]:
    """Return the baked calendars by name."""
    return {
        str(name): SessionCalendar.from_frame(str(name), rows.drop("calendar"))
        for (name,), rows in read_sessions().group_by("calendar", maintain_order=True)
    }


@lru_cache(maxsize=4)
def _changed_calendars(source: str, text: str) -> dict[str, SessionCalendar]:
    """Return all calendars, those anew that a user's file changes."""
    overrides = _overrides(source, text)
    baked = read_sessions()
    return _baked_calendars() | {
        name: SessionCalendar.from_frame(
            name,
            overrides.applied(name, baked.filter(pl.col("calendar") == name).drop("calendar")),
        )
        for name in overrides.calendars
    }


def _overrides(source: str, text: str) -> SessionOverrides:
    """Return what the text of a user's file says of sessions."""
    # As texts: what YAML makes of a wrong date or of 14:30 could no longer be said with its key.
    content = _mapping_of(text, source, "sessions", key="calendars", loader=yaml.BaseLoader)
    return SessionOverrides.from_mapping(content, source=source)


def load_instruments(user_file: Path | None = None) -> InstrumentBook:
    """Return the package's instruments, with the user's file on top.

    A book is built once for each content of the files.

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
    return _book(tuple((path.name, _read_text(path, "instruments")) for path in files))


@lru_cache(maxsize=8)
def _book(texts: tuple[tuple[str, str], ...]) -> InstrumentBook:
    """Return the instruments of files, each by name and text."""
    return InstrumentBook.from_mappings(
        *(_mapping_of(text, name, "instruments", key="instruments") for name, text in texts)
    )


def _read_text(path: Path, what: str) -> str:
    """Return the text of a user's or the package's own file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path.name, what, error) from error


def _mapping_of(
    text: str,
    name: str,
    what: str,
    *,
    key: str,
    loader: type[yaml.SafeLoader | yaml.BaseLoader] = yaml.SafeLoader,
) -> Mapping[str, object]:
    """Parse YAML whose top level is a mapping; an empty text is an empty one."""
    try:
        content = yaml.load(text, loader)  # noqa: S506  neither of them makes objects
    except (yaml.YAMLError, ValueError) as error:
        raise _unreadable(name, what, error) from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise SettingsError(
            asked=f"{what} from {name}",
            found=f"a {type(content).__name__} at the top level",
            remedy=f"Write a mapping with the key {key!r}.",
        )
    return content


def _unreadable(name: str, what: str, error: Exception) -> SettingsError:
    """Return an error about a file that cannot be read as YAML."""
    return SettingsError(
        asked=f"{what} from {name}",
        found=" ".join(str(error).split()),
        remedy="Correct the file, or take it away.",
    )
