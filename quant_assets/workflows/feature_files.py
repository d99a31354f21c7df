"""The catalogue of a data root: the package's features, and those of the user's own files."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from quant_assets.bars.schema import BARS
from quant_assets.features.catalog import Catalog
from quant_assets.features.inputs import JOINED_INPUTS
from quant_assets.features.standard import standard_catalog
from quant_assets.market.errors import InputError
from quant_assets.models.schema import RESERVED
from quant_assets.storage.feature_files import (
    FeatureFile,
    feature_paths,
    load_feature_file,
    text_version,
)
from quant_assets.workflows.workspace import Workspace

PACKAGE = "quant_assets"
"""Origin of the features that come with the package."""

_KEPT_ROOTS = 8


def catalog_of(workspace: Workspace) -> Catalog:
    """Return the package's features, and behind them those of the settings' files.

    Raises
    ------
    SettingsError, InputError
        If a file cannot be used, or a feature's name is taken.
    """
    return _catalog(*_state(workspace))


def user_files(workspace: Workspace) -> tuple[FeatureFile, ...]:
    """Return what the settings' files declare, in their order; raises as `catalog_of` does."""
    return _files(*_state(workspace))


def user_code(workspace: Workspace, names: Iterable[str] | None = None) -> dict[str, str]:
    """Return the digest of the file of each feature of the user's among some, or among all.

    A stage puts it into its parameters: what is made of a file is stale when the file changes, and
    only where one of its features is chosen. Comments change no digest.
    """
    wanted = None if names is None else set(names)
    return {
        one.name: file.digest
        for file in user_files(workspace)
        for one in file.features
        if wanted is None or one.name in wanted
    }


def origins(workspace: Workspace) -> dict[str, str]:
    """Return where each feature of the catalogue comes from: the package, or a file's name."""
    found = dict.fromkeys(standard_catalog().names, PACKAGE)
    root = workspace.root.resolve()
    for file in user_files(workspace):
        name = file.path.resolve().relative_to(root).as_posix()
        found |= dict.fromkeys((one.name for one in file.features), name)
    return found


def _state(workspace: Workspace) -> tuple[Path, tuple[Path, ...], tuple[str, ...]]:
    """Return the root, the files and their versions: while these stand, nothing is read again."""
    paths = feature_paths(workspace.root, workspace.settings.features.files)
    return workspace.root, tuple(paths), tuple(text_version(path) for path in paths)


@lru_cache(maxsize=_KEPT_ROOTS)
def _catalog(root: Path, paths: tuple[Path, ...], versions: tuple[str, ...]) -> Catalog:
    """Return the catalogue of a root whose files have some versions."""
    files = _files(root, paths, versions)
    return standard_catalog().extended(*(one for file in files for one in file.features))


@lru_cache(maxsize=_KEPT_ROOTS)
def _files(
    _root: Path, paths: tuple[Path, ...], _versions: tuple[str, ...]
) -> tuple[FeatureFile, ...]:
    """Return what files of some versions declare, if none of their names is taken."""
    files = tuple(load_feature_file(path) for path in paths)
    for file in files:
        if not file.features:
            raise InputError(
                asked=f"features from {file.path.name}, by the setting features.files",
                found="it declares none",
                remedy="Put @feature before the functions that make them.",
            )
    _check_names(files)
    return files


def _check_names(files: Sequence[FeatureFile]) -> None:
    """Raise where a name is the package's, a column's, or another file's."""
    taken = dict.fromkeys(standard_catalog().names, "a feature of the package has that name")
    columns = (*BARS.schema.column_names(), *JOINED_INPUTS, *RESERVED)
    taken |= dict.fromkeys(columns, "a column beside the features has that name")
    for file in files:
        for one in file.features:
            if one.name in taken:
                raise InputError(
                    asked=f"feature {one.name!r} of {file.path}",
                    found=taken[one.name],
                    remedy="Give it another name.",
                )
            taken[one.name] = f"{file.path.name} declares one of that name too"
