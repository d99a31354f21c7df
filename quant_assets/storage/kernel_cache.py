"""Where numba keeps compiled kernels, and when what it kept is out of date.

Compiled code holds the functions and constants that a kernel takes from other files, but numba
stamps it with the kernel's own file alone. These locators stamp it with all of our own files that
it imports, directly or through others. `quant_assets` names them to numba.

Processes that compile one kernel for different arguments at once would also take the same file for
their results, and each would find the other's code under its own arguments: they write in turn.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from numba.core import caching
from numba.core.caching import (
    IndexDataCacheFile,
    InTreeCacheLocator,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)

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


class InTurn(IndexDataCacheFile):  # type: ignore[misc]  # numba has no types
    """A kernel's compiled code for all arguments: an index, and a file for each of them.

    numba writes the index first and what it names after it, and never looks whether another
    process does so at the same time.
    """

    def save(self, key: Any, data: Any) -> None:
        """Write code as the only one in its folder."""
        with _held(self._cache_path, fcntl.LOCK_EX):
            super().save(key, data)

    def load(self, key: Any) -> Any:
        """Return code, or None, while nothing is written in its folder."""
        with _held(self._cache_path, fcntl.LOCK_SH):
            return super().load(key)


# Locators are the one thing that numba lets itself be told; it takes this class by its name.
caching.IndexDataCacheFile = InTurn


@contextmanager
def _held(folder: str, kind: int) -> Iterator[None]:
    """Lock a folder; one that is not there, or cannot be locked, is used without."""
    handle: int | None = None
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, kind)
    try:
        yield
    finally:
        if handle is not None:
            # A process forked meanwhile has the file open too: closing it here would not free it.
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)


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
