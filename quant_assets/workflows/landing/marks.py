"""The mark of synthetic files, and the rule that they never share a lake with real ones."""

import json
from pathlib import Path

import sqlalchemy as sa

from quant_assets.lineage.records import Origin
from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import PARTITIONS
from quant_assets.workflows.landing.partition import LANDED_TABLES

MARK_FILE = "synthetic.json"
MIX = "synthetic_mix"


def has_mark(path: Path) -> bool:
    """Whether something stands beside a file that may call its bytes synthetic."""
    return path.with_name(MARK_FILE).exists()


def origin_of(path: Path, sha256: str) -> Origin:
    """Return what `synthetic.json` beside a file says of its bytes; real where it says nothing."""
    try:
        mark = json.loads(path.with_name(MARK_FILE).read_text(encoding="utf-8"))
        listed = mark["files"]
        seed = int(mark["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return Origin()
    hashes = listed.values() if isinstance(listed, dict) else ()
    return Origin(synthetic=True, seed=seed) if sha256 in hashes else Origin()


def refuse_mix(state: State, origin: Origin, name: str) -> None:
    """Refuse a file whose kind is not that of the rows landed so far.

    Raises
    ------
    FileRejectedError
        Rule `synthetic_mix`.
    """
    query = (
        sa.select(PARTITIONS.c.synthetic)
        .where(PARTITIONS.c.table.in_(sorted(str(table) for table in LANDED_TABLES)))
        .where(PARTITIONS.c.synthetic != origin.synthetic)
        .limit(1)
    )
    with state.engine.connect() as connection:
        if connection.execute(query).first() is None:
            return
    held, given = ("real", "synthetic") if origin.synthetic else ("synthetic", "real")
    raise FileRejectedError(
        rule=MIX,
        where="",
        asked=f"land {name!r}, which is {given}",
        found=f"the lake holds {held} rows",
        remedy="Give it a data root of its own: QUANT_DATA=FOLDER quant ingest ...",
    )
