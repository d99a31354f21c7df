"""The roll map of a file: what is wrong with the file is said, and the settings' mode is kept."""

import polars as pl
import pytest
from typer.testing import CliRunner

from quant_assets.cli.main import app
from quant_assets.market.errors import InputError
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets.workflows.roll_map_file import roll_map_of_file
from quant_assets_tests.workflows.test_footprint_file import START_NS, ticks

DAY_NS = 86_400_000_000_000


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("14_sqlite_corrupt_page", "damaged_table (1)"),
        ("15_sqlite_injection", "table_name ("),
        ("25_sqlite_mixed_stamps", "bad_stamp"),
        ("26_sqlite_volume_tie", "volume_tie ("),
    ],
)
def test_what_is_wrong_with_a_database_is_said(shared_data, case, rule):
    """A map of the sound rest does not pass for one of the whole."""
    made = roll_map_of_file(shared_data / "bad" / case / "futures_ticks.sqlite")
    assert made.rows.height
    assert any(rule in line for line in made.remarks), made.remarks


def test_the_settings_choose_the_mode_and_the_option_goes_before(tmp_path, monkeypatch):
    """What is shown is what the graph reads."""
    path, out = tmp_path / "ticks.sqlite", tmp_path / "map.csv"
    near = [ticks(START_NS + n * DAY_NS, [1310.1] * 9) for n in range(2)]
    far = [ticks(START_NS + n * DAY_NS, [1320.1] * (5 + 9 * n)) for n in range(2)]
    write_tick_sqlite(path, {"GCZ13": pl.concat(near), "GCG14": pl.concat(far)})
    monkeypatch.setenv("QUANT_DATA", str(tmp_path / "data"))

    def modes(*options: str) -> list[str]:
        run = CliRunner().invoke(app, ["roll-map", str(path), "--out", str(out), *options])
        assert run.exit_code == 0, run.output
        return pl.read_csv(out)["mode"].unique().to_list()

    assert modes() == ["previous_day"]
    monkeypatch.setenv("QUANT_ROLL__MODE", "calendar")
    assert modes() == ["calendar"]
    assert modes("--mode", "same_day") == ["same_day"]


def test_a_database_without_usable_tables_says_what_they_lack(tmp_path):
    """A missing column is the reason, not a missing root."""
    import sqlite3
    from contextlib import closing

    path = tmp_path / "ticks.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE GCZ13_TICK (timestamp TEXT, price REAL)")
        database.execute("INSERT INTO GCZ13_TICK VALUES ('2013-10-08 06:00:00', 1310.1)")
    with pytest.raises(InputError, match="missing_column"):
        roll_map_of_file(path)
