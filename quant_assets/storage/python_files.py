"""Python files of a user's own: imported from their paths, and fingerprinted.

They run as code, with all rights of the process: settings or a strategy name them, nothing looks
for them.
"""

import hashlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from quant_assets.market.errors import InputError
from quant_assets.storage.source_code import source_digest

SUFFIX = ".py"


@dataclass(frozen=True)
class ImportedFile:
    """A module, and SHA-256 over its syntax tree: a comment or a docstring changes nothing."""

    module: ModuleType
    digest: str


def import_file(path: Path, *, asked: str) -> ImportedFile:
    """Run a file as a module of its own; its folder is not searched for other modules.

    Parameters
    ----------
    asked
        What is asked of it, for the message of an error.

    Raises
    ------
    InputError
        If it cannot be read, is no Python, or fails while it is imported: with file and line.
    """
    text = read_source(path, asked=asked)
    try:
        digest = source_digest(text)
    except (SyntaxError, ValueError) as error:
        raise _refused(asked, getattr(error, "lineno", None), error) from error
    return ImportedFile(_run(path, text, asked), digest)


def read_source(path: Path, *, asked: str) -> str:
    """Return the text of a Python file.

    Raises
    ------
    InputError
        If it cannot be read as UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            asked=asked,
            found=" ".join(str(error).split()),
            remedy="Give a Python file in UTF-8.",
        ) from error


def _run(path: Path, text: str, asked: str) -> ModuleType:
    """Run a file's text as a module; what it raises is told with the file's line."""
    name = f"quant_user_file_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    if spec is None:
        raise ImportError(name, path=str(path))
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    # Decorators such as dataclass look their module up while it runs.
    sys.modules[name] = module
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102  they are code
    except (Exception, SystemExit) as error:
        raise _refused(asked, _line_in(path, error), error) from error
    finally:
        del sys.modules[name]
    return module


def _line_in(path: Path, error: BaseException) -> int | None:
    """Return the last line of the file that an error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else getattr(error, "lineno", None)


def _refused(asked: str, line: int | None, error: BaseException) -> InputError:
    """Say which line of a file fails, and how."""
    return InputError(
        asked=asked,
        found=f"line {line or 1}: {type(error).__name__}: {' '.join(str(error).split())}",
        remedy="Mend the file at that line.",
    )
