"""Small disks: a real one of three megabytes where mounting is allowed, else a bound on file sizes.

Usage as a program: `python -m quant_assets_tests.storage.small_disk ROOT BYTES` commits into a data
root in a process that may write no file larger than BYTES, and prints what it got as JSON.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quant_assets.market.errors import QuantError
from quant_assets_tests.storage.prices import DAILY, NEW, open_lake, put

MEGABYTE = 2**20


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[bool]:
    """Mount a small disk at a folder for a while; tell whether that was possible."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        done = False
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "--lazy", folder], check=True)


def main() -> None:
    """Commit under a bound on file sizes."""
    root, bound = Path(sys.argv[1]), int(sys.argv[2])
    lake = open_lake(root)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bound, bound))
    try:
        put(lake, DAILY, NEW, count=200_000)
    except QuantError as error:
        said = {"kind": type(error).__name__, "message": str(error)}
    else:
        said = {"kind": "stored"}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
