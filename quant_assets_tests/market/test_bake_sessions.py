"""The baked sessions are what the command makes, to the byte, and run time needs no pandas."""

import subprocess
import sys

import polars as pl
import pytest

from quant_assets.storage.bake_sessions import bake, differences, write
from quant_assets.storage.package_data import SESSIONS_FILE, read_sessions


@pytest.fixture(scope="module")
def baked() -> pl.DataFrame:
    """Sessions made anew from the installed rules."""
    return bake()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_packages_file_is_what_the_command_makes(baked):
    """Baking again gives the rows that the package holds."""
    assert differences(read_sessions(), baked) == [
        "XNYS: 11577 sessions, 0 differ",
        "CME_EQUITY: 11874 sessions, 0 differ",
        "CME_METALS: 11879 sessions, 0 differ",
        "FX: 14323 sessions, 0 differ",
        "CRYPTO: 16801 sessions, 0 differ",
    ]
    assert baked.equals(read_sessions())


def test_the_same_rows_give_the_same_bytes(tmp_path):
    """Neither clock nor path stands in the file."""
    write(read_sessions(), tmp_path / "one" / "sessions.parquet")
    write(read_sessions(), tmp_path / "other.parquet")
    first = (tmp_path / "one" / "sessions.parquet").read_bytes()
    assert first == (tmp_path / "other.parquet").read_bytes()
    assert pl.read_parquet(tmp_path / "other.parquet").equals(read_sessions())


def test_the_packages_file_is_small():
    """It belongs into a wheel, so it stays far below the limit of 500 kB."""
    assert SESSIONS_FILE.stat().st_size < 100_000


def test_differences_name_the_days_that_changed():
    """One session dropped, one moved: both are named."""
    old = read_sessions()
    is_fx = pl.col("calendar") == "FX"
    is_moved = is_fx & (pl.col("session") == pl.date(2013, 10, 8))
    new = old.filter(~(is_fx & (pl.col("session") == pl.date(2013, 10, 7)))).with_columns(
        is_half_day=pl.col("is_half_day") | is_moved
    )
    assert differences(old, new)[3] == "FX: 14322 sessions, 2 differ 2013-10-07, 2013-10-08"
    assert differences(old, new)[0] == "XNYS: 11577 sessions, 0 differ"


def test_no_pandas_is_imported_at_run_time():
    """Loading calendars and assigning a stamp leaves pandas and its calendars alone."""
    program = (
        "import sys, numpy as np\n"
        "from quant_assets.storage.package_data import load_calendars, load_instruments\n"
        "load_instruments()\n"
        "load_calendars()['CME_EQUITY'].assign(np.array([1381104000_000_000_000]))\n"
        "assert 'quant_assets.market.sessions' in sys.modules\n"
        "print([m for m in ('pandas', 'pandas_market_calendars') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
