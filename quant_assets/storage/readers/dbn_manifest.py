"""Sums that a vendor's download keeps beside its files."""

import json
from collections.abc import Iterator
from typing import Any

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.base import SourceFile

MANIFESTS = ("manifest.json", "metadata.json")
_LARGEST = 16 << 20


def check_manifest(source: SourceFile) -> str | None:
    """Compare size and SHA-256 of a file with the manifest in its folder.

    Returns the manifest's name where it vouches for the file; None where there is none, it cannot
    be read, or it does not name the file. A manifest lists `files`, each with `filename`, `size`
    and `hash` (`sha256:<hex>`) or `sha256`; a `metadata.json` of one file may hold them itself.

    Raises
    ------
    FileRejectedError
        Rule `manifest_mismatch`.
    """
    for name in MANIFESTS:
        for entry in _entries(source, name):
            _compare(source, entry, name)
            return name
    return None


def _entries(source: SourceFile, name: str) -> Iterator[dict[str, Any]]:
    """Give the entries of a manifest that name the file and state a sum."""
    path = source.path.with_name(name)
    try:
        if path.stat().st_size > _LARGEST:
            return
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return
    if not isinstance(content, dict):
        return
    listed = content.get("files")
    for entry in [content, *(listed if isinstance(listed, list) else [])]:
        if isinstance(entry, dict) and _names(entry, source) and _sum(entry) is not None:
            yield entry


def _names(entry: dict[str, Any], source: SourceFile) -> bool:
    return entry.get("filename", entry.get("file")) in {source.path.name, source.name}


def _sum(entry: dict[str, Any]) -> str | None:
    """Return the hex digest an entry states."""
    stated = entry.get("sha256", entry.get("hash"))
    if not isinstance(stated, str):
        return None
    kind, _, digest = stated.rpartition(":")
    return digest.lower() if kind in {"", "sha256"} else None


def _compare(source: SourceFile, entry: dict[str, Any], name: str) -> None:
    stated = {"size": entry.get("size", source.size), "sha256": _sum(entry)}
    found = {"size": source.size, "sha256": source.sha256.lower()}
    differing = [key for key in stated if stated[key] != found[key]]
    if differing:
        key = differing[0]
        raise FileRejectedError(
            rule="manifest_mismatch",
            where=name,
            asked=f"read {source.name} as its {name} describes it",
            found=f"its {key} is {found[key]}, the manifest says {stated[key]}",
            remedy="Download it again.",
        )
