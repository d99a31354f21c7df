"""What code versions need to know of our sources, kept between processes as bytecode is.

Parsing all sources takes a second, looking at them a hundredth of it. What is kept of a file holds
while it has the same size and time of change, as Python's own bytecode does.
"""

import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quant_assets.lineage.fingerprint import digest_of

Stamp = tuple[int, int]
"""Size in bytes and time of change in ns."""


@dataclass(frozen=True)
class SourceFacts:
    """What is known of one module.

    Parameters
    ----------
    digest
        SHA-256 over its syntax tree.
    imports
        Our own modules that its import statements name.
    """

    digest: str
    imports: tuple[str, ...]


@dataclass
class KeptFacts:
    """Facts of a package's files, in a file of its `__pycache__`.

    A file that cannot be read or written, or is damaged, costs time and nothing else.

    Parameters
    ----------
    folder
        The package's.
    found_by
        Source of what finds the facts: those that it found before it changed are not believed.
    """

    folder: Path
    found_by: Path | None = None
    _facts: dict[str, list[Any]] = field(default_factory=dict)
    _key: str = ""
    _is_read: bool = False
    _is_new: bool = False

    @property
    def file(self) -> Path:
        """Where they are kept."""
        return self.folder / "__pycache__" / "source_facts.json"

    def stamp(self, path: Path) -> Stamp:
        """Return what tells whether a source has changed; take it before the source is read."""
        stat = path.stat()
        return stat.st_size, stat.st_mtime_ns

    def get(self, path: Path) -> SourceFacts | None:
        """Return what is kept of a source as it is now; None of one outside the package."""
        if not path.is_relative_to(self.folder):
            return None
        self._read()
        kept = self._facts.get(self._name(path))
        if kept is None or tuple(kept[:2]) != self.stamp(path):
            return None
        return SourceFacts(str(kept[2]), tuple(kept[3]))

    def put(self, path: Path, stamp: Stamp, facts: SourceFacts) -> None:
        """Keep what was found in a source that had a stamp; `save` writes it."""
        if path.is_relative_to(self.folder):
            self._facts[self._name(path)] = [*stamp, facts.digest, list(facts.imports)]
            self._is_new = True

    def save(self) -> None:
        """Write what is new; another process may do so too, and one of them comes last."""
        if not self._is_new:
            return
        self._is_new = False
        staged = self.file.with_suffix(f".{os.getpid()}.tmp")
        text = json.dumps({"holds_for": self._key, "facts": self._facts})
        try:
            self.file.parent.mkdir(exist_ok=True)
            staged.write_text(text, encoding="utf-8")
            staged.replace(self.file)
        except OSError:
            with suppress(OSError):
                staged.unlink()

    def _name(self, path: Path) -> str:
        """Return a source's name within the package."""
        return path.relative_to(self.folder).as_posix()

    def _holds_for(self) -> str:
        """Return what facts depend on beside their source.

        Digests: on how they are made, and on Python, whose versions write a syntax tree down in
        other words. Imports: on which modules there are.
        """
        modules = sorted(self._name(path) for path in self.folder.rglob("*.py"))
        how = self.found_by.read_text(encoding="utf-8") if self.found_by else ""
        return digest_of([list(sys.version_info[:3]), how, modules])

    def _read(self) -> None:
        """Read the file once; what it says holds where all else that it depends on is the same."""
        if self._is_read:
            return
        self._is_read = True
        try:
            self._key = self._holds_for()
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            if kept["holds_for"] == self._key:
                self._facts = {str(name): _checked(facts) for name, facts in kept["facts"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._facts = {}


def _checked(facts: Any) -> list[Any]:
    """Return one module's facts; raises where they are not what `save` writes."""
    size, changed_ns, digest, imports = facts
    if not all(isinstance(text, str) for text in (digest, *imports)):
        raise TypeError
    return [int(size), int(changed_ns), digest, imports]
