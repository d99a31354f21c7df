"""Where numba keeps compiled kernels, and when what it kept is out of date.

Compiled code holds the functions and constants that a kernel takes from other files, but numba
stamps it with the kernel's own file alone. These locators stamp it with all of our own files that
it imports, directly or through others. `quant_assets` names them to numba.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

from quant_assets.storage.source_code import PACKAGE, imported_files


class _WithImports:
    """Adds to a locator's stamp the source of what the kernel's module imports."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        super().__init__(py_func, py_file)  # type: ignore[call-arg]  # of numba's locator
        self._module = py_func.__module__

    def get_source_stamp(self) -> Any:
        """Return what a kernel's compiled code was made from; other code comes with another."""
        own = super().get_source_stamp()  # type: ignore[misc]  # of numba's locator
        return (own, _imports_stamp(self._module)) if _is_ours(self._module) else own


class UserProvided(_WithImports, UserProvidedCacheLocator):  # type: ignore[misc]
    """The folder that `NUMBA_CACHE_DIR` names."""


class InTree(_WithImports, InTreeCacheLocator):  # type: ignore[misc]
    """`__pycache__` beside the kernel's file."""


class UserWide(_WithImports, UserWideCacheLocator):  # type: ignore[misc]
    """The user's cache folder, where the package's own cannot be written."""


def _is_ours(module: str) -> bool:
    """Whether a module is of this package; a user's own kernels are stamped as numba does."""
    return module.split(".", 1)[0] == PACKAGE


@cache
def _imports_stamp(module: str) -> str:
    """Return SHA-256 over the sources of a module and of all of ours that it imports."""
    digest = hashlib.sha256()
    for name, file in sorted(imported_files(module).items()):
        digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()
