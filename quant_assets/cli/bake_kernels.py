"""List the kernels that the demo compiles: `python -m quant_assets.cli.bake_kernels`.

It runs the demo in a new folder with nothing compiled, in one process, and writes the list that
`quant compile` reads. To be run again when a kernel is added, or takes other arguments.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def bake(folder: Path) -> list[str]:
    """Run the demo in a folder, and return the lines of the list, sorted."""
    os.environ |= {
        "QUANT_DATA": str(folder / "data"),
        "DAGSTER_HOME": str(folder / "dagster_home"),
        "NUMBA_CACHE_DIR": str(folder / "numba"),
    }
    # Behind the variables: numba reads them once.
    from numba.core import event

    from quant_assets.cli.demo import demo
    from quant_assets.storage.compiled_kernels import Specialisation

    class Listener(event.Listener):  # type: ignore[misc]  # numba has no types
        """Notes what is compiled for a call, not what is compiled for its sake."""

        depth = 0
        lines: set[str] = set()

        def on_start(self, event: Any) -> None:
            if self.depth == 0 and event.data["dispatcher"].py_func.__module__.startswith("quant"):
                told = Specialisation.of(event.data["dispatcher"], event.data["args"])
                self.lines.add(told.to_json())
            self.depth += 1

        def on_end(self, _event: Any) -> None:
            self.depth -= 1

    listener = Listener()
    event.register("numba:compile", listener)
    demo(workers=1)
    return sorted(listener.lines)


def main() -> None:
    """Write the list; say on stderr how long it is."""
    from quant_assets.storage.compiled_kernels import KERNELS_FILE

    with tempfile.TemporaryDirectory(prefix="quant-kernels-") as folder:
        lines = bake(Path(folder))
    KERNELS_FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} kernels listed in {KERNELS_FILE.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
