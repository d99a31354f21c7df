"""Which files were landed before, told by their receipts and what became of their partitions."""

from enum import StrEnum
from pathlib import Path

from quant_assets.storage.readers.base import SourceFile
from quant_assets.storage.state_tables import RECEIPTS
from quant_assets.workflows.landing.files import identify
from quant_assets.workflows.landing.receipts import Receipt, find_receipt, is_in_lake, options_of
from quant_assets.workflows.workspace import Workspace


class Standing(StrEnum):
    """What is known of a file, read as `quant ingest FILE` would read it now."""

    STANDS = "stands"
    """It was landed, and the lake holds what it left: to land it again does nothing."""
    RESTATED = "restated"
    """It was landed, and a later file has changed rows of it since."""
    UNKNOWN = "unknown"
    """It was never landed so, or the lake has lost what it left."""


class LandedBefore:
    """The receipts of a data root, for a look at several files."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._options = set(workspace.state.distinct(RECEIPTS.c.options))

    def may_hold(self, path: Path) -> bool:
        """Whether a file of this name was read as it would be now; the file is not opened."""
        return options_of(self._workspace, _source(path)) in self._options

    def standing(self, path: Path) -> Standing:
        """Return what is known of a file by its content; it reads the whole file.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        source = _source(path, sha256=identify(path).sha256)
        options = options_of(self._workspace, source)
        receipt = find_receipt(self._workspace.state, source.sha256, options)
        if receipt is None:
            return Standing.UNKNOWN
        if is_in_lake(self._workspace.lake, receipt):
            return Standing.STANDS
        return Standing.RESTATED if self._is_covered(receipt) else Standing.UNKNOWN

    def _is_covered(self, receipt: Receipt) -> bool:
        """Whether each partition that a file was landed in is there, at whatever version."""
        lake = self._workspace.lake
        levels = {(table, hive) for table, hive, _, _ in receipt.partitions}
        held = {
            (entry.table, entry.hive, entry.session)
            for table, hive in sorted(levels)
            for entry in lake.index.entries(table, hive=hive)
            if (lake.root / entry.path).is_file()
        }
        return all(key[:3] in held for key in receipt.partitions)


def _source(path: Path, *, sha256: str = "") -> SourceFile:
    """Return a file as ingest takes it where nothing is said of its symbol and zone."""
    return SourceFile(path=path, name=path.name, sha256=sha256, size=0)
