"""What can go wrong, as a tree; each message says what was asked, what is there, what to do.

QuantError
├── InputError               something given from outside is wrong
│   ├── SymbolError          a symbol that no path or table may carry
│   ├── TimeframeError       a timeframe that cannot be read
│   ├── SessionError         a date outside the calendar, or no session of it
│   ├── SettingsError        a settings key or value
│   ├── StrategyError        a strategy file
│   └── FileRejectedError    a market file of which nothing is committed
├── LakeError                the lake cannot do what was asked
│   ├── TableMissingError    a table or partition that was never made
│   ├── PartitionReplacedError    a partition that another writer has replaced meanwhile
│   ├── SchemaError          rows that break their table's contract
│   └── CommitError          a file that could not be stored
├── StateError               the state database
└── TrainingError            a model that cannot be trained on what is there
"""

from enum import StrEnum
from typing import TypeVar


class QuantError(Exception):
    """Base of all errors a user may see.

    Parameters
    ----------
    asked
        What was asked for, as a clause.
    found
        What is there instead.
    remedy
        What to do about it, as a sentence.
    """

    def __init__(self, *, asked: str, found: str, remedy: str) -> None:
        self.asked = asked
        self.found = found
        self.remedy = remedy
        super().__init__(f"{asked}: {found}. {remedy}")

    def __reduce__(self) -> "tuple[object, ...]":
        """Let it pass from one process to another: exceptions go by position, this by name."""
        return _raised_there, (type(self), self.args, self.__dict__)


def _raised_there(
    kind: type[QuantError], words: tuple[object, ...], told: dict[str, object]
) -> QuantError:
    """Return an error of another process, with notes that were added to it."""
    error = kind.__new__(kind, *words)
    error.__dict__.update(told)
    return error


class InputError(QuantError):
    """Something given from outside is wrong."""


class SymbolError(InputError):
    """A symbol that no path or table may carry."""


class TimeframeError(InputError):
    """A timeframe that cannot be read."""


class SessionError(InputError):
    """A date outside the calendar, or no session of it."""


class SettingsError(InputError):
    """A settings key or value."""


class StrategyError(InputError):
    """A strategy file."""


class FileRejectedError(InputError):
    """A market file of which nothing is committed.

    Parameters
    ----------
    rule
        Name of the rule that the file breaks, for example `empty_file`.
    where
        Place in the file: a line, byte, record or column; empty for the whole file.
    """

    def __init__(self, *, rule: str, where: str, asked: str, found: str, remedy: str) -> None:
        self.rule = rule
        self.where = where
        super().__init__(asked=asked, found=found, remedy=remedy)


class LakeError(QuantError):
    """The lake cannot do what was asked."""


class TableMissingError(LakeError):
    """A table or partition that was never made."""


class PartitionReplacedError(LakeError):
    """A partition that another writer has replaced since the index was read."""


class SchemaError(LakeError):
    """Rows that break their table's contract."""


class CommitError(LakeError):
    """A file that could not be stored."""


class StateError(QuantError):
    """The state database."""


class TrainingError(QuantError):
    """A model that cannot be trained on what is there."""


Choice = TypeVar("Choice", bound=StrEnum)


def parse_choice(kind: type[Choice], text: str, *, asked: str, option: str) -> Choice:
    """Return the member of that value, or raise `InputError` with those there are.

    Parameters
    ----------
    asked
        What is chosen, for the message: `roll mode`.
    option
        Option of the command line that chooses it: `--mode`.
    """
    try:
        return kind(text)
    except ValueError as error:
        raise InputError(
            asked=f"{asked} {text!r}",
            found=f"there are {', '.join(kind)}",
            remedy=f"Choose one of them with {option}.",
        ) from error
