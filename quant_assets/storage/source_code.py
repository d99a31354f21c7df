"""Code versions: which of our own code a stage runs, and its fingerprint.

A code version is SHA-256 over the normalised syntax trees of the stage's modules and of all pure
modules that they import, transitively: a comment or a docstring makes nothing stale, a kernel's
change does.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.storage.source_facts import KeptFacts, SourceFacts

PACKAGE = "quant_assets"

_KEPT = KeptFacts(Path(__file__).parents[1], found_by=Path(__file__))

_NOT_PURE = frozenset(
    {"cli", "definitions", "defs", "resources", "workflows", "storage", "observe", "stages"}
    # Pages and pictures show results and decide none: a new colour is no new trial.
    | {"reports"}
)


@cache
def code_version(roots: tuple[str, ...], schema_versions: tuple[tuple[str, int], ...]) -> str:
    """Return the code version of a stage.

    Parameters
    ----------
    roots
        Modules that do the stage's work; they count whatever package they stand in.
    schema_versions
        Name and schema version of each table that it makes.
    """
    trees = [(name, _facts(name).digest) for name in sorted(_reached(roots))]
    _KEPT.save()
    return digest_of({"modules": trees, "schemas": list(schema_versions)})


def imported_files(module: str) -> dict[str, Path]:
    """Return the files of a module and of all of ours that it imports, by module.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module.
    """
    found = {name: _file(name) for name in _reached((module,), follows=lambda _: True)}
    return {name: file for name, file in found.items() if file}


def _reached(roots: tuple[str, ...], *, follows: Callable[[str], bool] | None = None) -> set[str]:
    """Return the roots and the modules that they import, directly or through others.

    Of what is imported only pure modules are followed, or those that `follows` says.
    """
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [m for m in _facts(name).imports if (follows or _is_pure)(m)]
    return seen


def _is_pure(module: str) -> bool:
    """Whether a module stands below the line: no IO, no clock."""
    parts = module.split(".")
    return len(parts) > 1 and parts[0] == PACKAGE and parts[1] not in _NOT_PURE


def _imports(tree: ast.Module) -> tuple[str, ...]:
    """Return our own modules that a module names in its import statements."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith(PACKAGE)}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PACKAGE):
            found |= {_submodule(node.module, alias.name) for alias in node.names}
    return tuple(sorted(found))


def _submodule(module: str, name: str) -> str:
    """Return `module.name` where that is a module, else `module`."""
    return f"{module}.{name}" if _file(f"{module}.{name}") else module


@cache
def _file(module: str) -> Path | None:
    """Return the file of a module, or None where the name is no module."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


@cache
def _facts(module: str) -> SourceFacts:
    """Return digest and imports of a module, as kept or from its source.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module: a misspelt root would never make anything stale.
    """
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(f"no source of {module!r}", name=module)
    if kept := _KEPT.get(path):
        return kept
    stamp = _KEPT.stamp(path)
    text = path.read_text(encoding="utf-8")
    found = SourceFacts(source_digest(text), _imports(ast.parse(text)))
    _KEPT.put(path, stamp, found)
    return found


def source_digest(text: str) -> str:
    """Return SHA-256 over the syntax tree of a source, the same whatever its comments and layout.

    Raises
    ------
    SyntaxError
        If it is no Python.
    """
    tree = _without_docstrings(ast.parse(ast.unparse(ast.parse(text))))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Drop every bare string: the docstrings of modules, classes, functions and constants."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, [line for line in block if not _is_text(line)])
    return tree


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a bare string."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
