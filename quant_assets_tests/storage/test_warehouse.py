"""The warehouse: views by any name that a symbol can give, built beside the one in use."""

import ast
from pathlib import Path

import duckdb
import pytest

from quant_assets.storage import warehouse
from quant_assets.storage.warehouse import (
    WAREHOUSE_FILE,
    View,
    count_rows,
    create_views,
    replaced_database,
)
from quant_assets_tests.storage.prices import DAILY, DAY, OLD, lineage, open_lake, prices

SYMBOLS = ["BRK.B", "A-B", "X_Y.Z-1", "000001", "SELECT", "1E5"]


def _files(root: Path) -> dict[str, Path]:
    """Store one day for each symbol; return its file."""
    lake = open_lake(root)
    return {
        symbol: lake.commit(
            DAILY, {"symbol": symbol}, prices(n, count=n + 1), lineage(OLD), session=DAY
        ).path
        for n, symbol in enumerate(SYMBOLS)
    }


def _build(root: Path, views: list[View]) -> None:
    """Build the warehouse anew."""
    with replaced_database(root) as staged, duckdb.connect(str(staged)) as connection:
        create_views(connection, views)


def _views(files: dict[str, Path]) -> list[View]:
    """Return one view a symbol, and one over all."""
    views = [View(f"ohlcv_{symbol}_15m", (file,)) for symbol, file in files.items()]
    return [*views, View("all_prices", tuple(files.values()), with_levels=True), View("none", ())]


@pytest.mark.parametrize("folder", ["data", "data [1] *'\"; --"])
def test_every_symbol_has_its_view_whatever_its_name(tmp_path: Path, folder: str) -> None:
    """Dots, dashes, key words and digits are parts of a name; a folder's name is never expanded."""
    root = tmp_path / folder
    files = _files(root)
    _build(root, _views(files))
    counts = {f"ohlcv_{symbol}_15m": n + 1 for n, symbol in enumerate(SYMBOLS)}
    assert count_rows(root, counts) == counts
    with duckdb.connect(str(root / WAREHOUSE_FILE), read_only=True) as connection:
        rows = connection.execute(
            "SELECT symbol, count(*) FROM all_prices GROUP BY 1 ORDER BY 2"
        ).fetchall()
        shown = connection.execute('SELECT price FROM "ohlcv_BRK.B_15m"').fetchall()
        names = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
    assert rows == [(symbol, n + 1) for n, symbol in enumerate(SYMBOLS)]
    assert shown == [(prices(0, count=1)["price"].item(),)]
    assert names == {*counts, "all_prices"}


def test_a_reader_keeps_the_old_warehouse_while_a_new_one_is_built(tmp_path: Path) -> None:
    """An open reader goes on, a second one can open it, and the next one sees the new views."""
    files = _files(tmp_path)
    _build(tmp_path, _views(files))
    place = str(tmp_path / WAREHOUSE_FILE)
    with duckdb.connect(place, read_only=True) as reader:
        with replaced_database(tmp_path) as staged, duckdb.connect(str(staged)) as connection:
            create_views(connection, [View("new", (files["A-B"],))])
            assert len(reader.execute("SHOW TABLES").fetchall()) == len(SYMBOLS) + 1
            assert count_rows(tmp_path, ["all_prices"]) == {"all_prices": 21}
        assert len(reader.execute("SHOW TABLES").fetchall()) == len(SYMBOLS) + 1
    assert count_rows(tmp_path, ["new"]) == {"new": 2}


def test_a_build_that_fails_leaves_the_old_warehouse(tmp_path: Path) -> None:
    """Nothing of the new one stays behind."""
    files = _files(tmp_path)
    _build(tmp_path, _views(files))
    gone = View("gone", (tmp_path / "nowhere.parquet",))
    with pytest.raises(duckdb.IOException):
        _build(tmp_path, [View("new", (files["A-B"],)), gone])
    assert count_rows(tmp_path, ["all_prices"]) == {"all_prices": 21}
    assert not list((tmp_path / "lake" / ".tmp").glob("*.duckdb*"))


def test_no_statement_of_the_warehouse_is_built() -> None:
    """Each one is a literal, its values bound; views come from relations."""
    tree = ast.parse(Path(warehouse.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = {call: call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
    assert not {"executemany", "sql", "query", "from_query"} & set(named.values())
    statements = [call.args[0] for call, name in named.items() if name == "execute"]
    assert all(isinstance(statement, ast.Constant) for statement in statements)
