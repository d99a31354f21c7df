"""From landed real files to the leaderboard by one command, and each trade back to its file.

`python -m quant_assets_tests.integration.research FOLDER` does it with 200 trials in a new data
root; the tests do the same with fewer.
"""

import os
import sys
from pathlib import Path
from typing import Any

from quant_assets_tests.integration.command import Root
from quant_assets_tests.integration.real_files import (
    FILES,
    N_TRIALS,
    cut_files,
    write_sweeps,
    write_wishes,
)


def sweep_all(root: Root, *, most: int | None = None) -> list[dict[str, Any]]:
    """Train, backtest, sweep and rank what is landed; return the cells of all sweeps."""
    specs = write_sweeps(root.folder.parent, most=most)
    return root.rows("sweep", "--make", "--workers", "1", *(str(path) for path in specs))


def main(folder: Path) -> None:
    """Land the files in a new data root, run all sweeps, and explain every trade."""
    shared = Path(os.environ["QUANT_SHARED"]) / "data"
    root = Root(folder / "data")
    write_wishes(root.folder)
    paths = [*(shared / name for name in FILES), *cut_files(shared, folder)]
    root.rows("ingest", *(str(path) for path in paths))
    cells = sweep_all(root)
    done = [cell for cell in cells if cell["state"] == "completed"]
    sys.stdout.write(f"{len(done)} of {N_TRIALS} trials completed\n")
    board = root.rows("leaderboard")
    places = ("--raw", str(shared), "--raw", str(folder))
    told = root.rows("explain", *sorted({row["trial_id"][:10] for row in board}), *places)
    resolved = sum(one["resolved"] for one in told)
    sys.stdout.write(f"{resolved} of {len(told)} trades of {len(board)} trials resolved\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
