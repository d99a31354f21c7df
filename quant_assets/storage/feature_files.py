"""Python files with features of a user's own: imported from their paths, and fingerprinted.

They run as code, with all rights of the process: the settings name them, nothing looks for them.
"""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from quant_assets.features.catalog import Feature, features_of
from quant_assets.features.frame_feature import FrameFeature, frame_features_of
from quant_assets.market.errors import InputError, SettingsError
from quant_assets.storage.source_code import source_digest

SUFFIX = ".py"


@dataclass(frozen=True)
class FeatureFile:
    """What a file declares.

    Parameters
    ----------
    path
        Where it stands.
    digest
        SHA-256 over its syntax tree: a comment or a docstring changes nothing.
    """

    path: Path
    digest: str
    features: tuple[Feature, ...]
    frame_features: tuple[FrameFeature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all that it declares."""
        own = tuple(one.name for one in self.features)
        return own + tuple(one.name for one in self.frame_features)


def feature_paths(root: Path, names: Iterable[str]) -> list[Path]:
    """Return the paths of the settings' feature files, each inside the data root.

    Raises
    ------
    SettingsError
        If a name is absolute, leads out of the data root, names no Python file, or one that is not
        there.
    """
    return [_checked(root, name) for name in names]


def load_feature_files(root: Path, names: Iterable[str]) -> tuple[FeatureFile, ...]:
    """Return what the settings' feature files declare, in their order.

    Raises
    ------
    SettingsError, InputError
        As `feature_paths` and `load_feature_file` do.
    """
    return tuple(load_feature_file(path) for path in feature_paths(root, names))


def load_feature_file(path: Path) -> FeatureFile:
    """Import a Python file from its path, and return what it declares.

    Each call imports it anew under a name of its own; its folder is not searched for other modules.

    Raises
    ------
    InputError
        If it cannot be read, is no Python, or fails while it is imported: with file and line.
    """
    text = _text(path)
    try:
        digest = source_digest(text)
    except (SyntaxError, ValueError) as error:
        raise _refused(path, getattr(error, "lineno", None), error) from error
    module = _imported(path, text)
    return FeatureFile(path, digest, features_of(module), frame_features_of(module))


def text_version(path: Path) -> str:
    """Return SHA-256 over the bytes of a file, which a comment changes too."""
    return hashlib.sha256(_text(path).encode()).hexdigest()


def _text(path: Path) -> str:
    """Return the text of a Python file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            asked=f"features from {path}",
            found=" ".join(str(error).split()),
            remedy="Give a Python file in UTF-8.",
        ) from error


def _checked(root: Path, name: str) -> Path:
    """Return the path of a file that the settings name."""
    path = root / name
    found = ""
    if Path(name).is_absolute() or not path.resolve().is_relative_to(root.resolve()):
        found = "it lies outside the data root"
    elif ".." in Path(name).parts:
        found = "it leads up by `..`"
    elif path.suffix != SUFFIX:
        found = "it is no Python file"
    elif not path.is_file():
        found = f"there is no such file in {root}"
    if found:
        raise SettingsError(
            asked=f"features from {name!r}, by the setting features.files",
            found=found,
            remedy="Name a Python file by its path under the data root, such as my_features.py.",
        )
    return path


def _imported(path: Path, text: str) -> ModuleType:
    """Run a file as a module of its own; what it raises is told with the file's line."""
    name = f"quant_feature_file_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    if spec is None:
        raise ImportError(name, path=str(path))
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    # Decorators such as dataclass look their module up while it runs.
    sys.modules[name] = module
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102  features are code
    except (Exception, SystemExit) as error:
        raise _refused(path, _line_in(path, error), error) from error
    finally:
        del sys.modules[name]
    return module


def _line_in(path: Path, error: BaseException) -> int | None:
    """Return the last line of the file that an error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else getattr(error, "lineno", None)


def _refused(path: Path, line: int | None, error: BaseException) -> InputError:
    """Say which line of a file fails, and how."""
    return InputError(
        asked=f"features from {path}",
        found=f"line {line or 1}: {type(error).__name__}: {' '.join(str(error).split())}",
        remedy="Mend the file at that line.",
    )
