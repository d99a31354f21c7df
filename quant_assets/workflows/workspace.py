"""Everything that work needs, opened from one data root."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from quant_assets.market.instruments import Instrument, InstrumentBook
from quant_assets.market.sessions import SessionCalendar
from quant_assets.settings.model import Settings
from quant_assets.storage.commit import no_hook, type_hook
from quant_assets.storage.lake import Lake
from quant_assets.storage.package_data import load_calendars, load_instruments
from quant_assets.storage.settings_files import load_settings
from quant_assets.storage.state import State

DATA_VARIABLE = "QUANT_DATA"
STATE_VARIABLE = "QUANT_STATE_URL"
INSTRUMENTS_FILE = "instruments.yaml"
SESSIONS_FILE = "sessions.yaml"


def data_root() -> Path:
    """Return the data root: `QUANT_DATA`, or `data` under the working folder."""
    return Path(os.environ.get(DATA_VARIABLE) or "data").absolute()


@dataclass(frozen=True)
class Workspace:
    """A data root with its lake, state, settings, instruments and calendars."""

    root: Path
    settings: Settings
    state: State
    lake: Lake
    instruments: InstrumentBook
    calendars: Mapping[str, SessionCalendar]

    @classmethod
    def open(cls, root: Path | None = None, *, hook: type_hook = no_hook) -> "Workspace":
        """Open a data root, making its state database; the default is `data_root()`.

        What writers that died left undone is mended first, so that the index says what the files
        hold to those too who read it without a `LakeView`.
        """
        folder = (root or data_root()).absolute()
        url = os.environ.get(STATE_VARIABLE)
        state = State(url) if url else State.at(folder / "state.db")
        lake = Lake(folder / "lake", state, hook=hook)
        lake.recover()
        return cls(
            root=folder,
            settings=load_settings(folder),
            state=state,
            lake=lake,
            instruments=load_instruments(_user_file(folder, INSTRUMENTS_FILE)),
            calendars=load_calendars(_user_file(folder, SESSIONS_FILE)),
        )

    @classmethod
    def scratch(cls, folder: Path) -> "Workspace":
        """Open a data root for the time being, with a state of its own.

        Settings, instruments and sessions are those of `data_root()`.
        """
        state = State.at(folder / "state.db")
        user = data_root()
        return cls(
            root=folder,
            settings=load_settings(user),
            state=state,
            lake=Lake(folder / "lake", state),
            instruments=load_instruments(_user_file(user, INSTRUMENTS_FILE)),
            calendars=load_calendars(_user_file(user, SESSIONS_FILE)),
        )

    @property
    def sessions_file(self) -> Path | None:
        """The user's file that changes sessions, or None where there is none."""
        return _user_file(self.root, SESSIONS_FILE)

    def instrument(self, symbol: str) -> Instrument:
        """Return what is known of a symbol."""
        return self.instruments.instrument(symbol)

    def calendar(self, symbol: str) -> SessionCalendar:
        """Return the calendar that a symbol trades by."""
        return self.calendars[self.instrument(symbol).calendar]

    @cached_property
    def threads(self) -> int:
        """How many processors work may use."""
        return max(1, int((os.cpu_count() or 1) * self.settings.max_cpu_usage))


def _user_file(folder: Path, name: str) -> Path | None:
    """Return a user's file of a data root, or None where there is none."""
    return folder / name if (folder / name).exists() else None
