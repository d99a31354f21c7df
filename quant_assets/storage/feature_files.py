"""Python files with features of a user's own: imported from their paths, and fingerprinted.

They run as code, with all rights of the process: the settings name them, nothing looks for them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from quant_assets.features.catalog import Feature, features_of
from quant_assets.features.frame_feature import FrameFeature, frame_features_of
from quant_assets.market.errors import SettingsError
from quant_assets.storage.python_files import SUFFIX, import_file, read_source


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
    imported = import_file(path, asked=f"features from {path}")
    module = imported.module
    return FeatureFile(path, imported.digest, features_of(module), frame_features_of(module))


def text_version(path: Path) -> str:
    """Return SHA-256 over the bytes of a file, which a comment changes too."""
    text = read_source(path, asked=f"features from {path}")
    return hashlib.sha256(text.encode()).hexdigest()


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
