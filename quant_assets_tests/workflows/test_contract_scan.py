"""Ranges of the flat table: exactly the range's files are opened, in both engines."""

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import LakeError, TableMissingError, TimeframeError
from quant_assets.workflows.contract_scan import (
    contract_files,
    contract_relation,
    scan_contract_table,
)
from quant_assets_tests.contracts.lake import Market

FIRST, LAST = date(2013, 9, 30), date(2013, 10, 4)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Make the flat table of gold; all files outside of a week are rubbish then."""
    found = Market(tmp_path_factory.mktemp("scan"))
    found.made("GC")
    for entry in found.workspace.lake.index.entries("contract_table"):
        if not FIRST <= entry.day <= LAST:
            (found.workspace.lake.root / entry.path).write_bytes(b"rubbish")
    return found


def _wanted(market: Market) -> pl.DataFrame:
    days = [day for day in market.days["GC"] if FIRST <= day <= LAST]
    return pl.concat(market.rows("GC", day) for day in days)


def test_the_files_of_a_range_are_exactly_its_sessions(market):
    """By the index, in the order of the sessions, both ends included."""
    files = contract_files(market.workspace, "GC", FIRST, LAST)
    days = [day for day in market.days["GC"] if FIRST <= day <= LAST]
    root = market.workspace.lake.root / "contract_table" / "timeframe=1m" / "symbol=GC"
    assert files == [root / f"year={d:%Y}/month={d:%m}/day={d:%d}/data.parquet" for d in days]
    assert len(contract_files(market.workspace, "GC")) == len(market.days["GC"])
    assert len(contract_files(market.workspace, "GC", first=LAST)) == 6
    assert len(contract_files(market.workspace, "GC", last=date(2013, 9, 29))) == 3


def test_polars_reads_nothing_outside_of_the_range(market):
    """Files outside are rubbish, and the rows are those of the range."""
    lazy = scan_contract_table(market.workspace, "GC", FIRST, LAST)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(_wanted(market))
    chosen = lazy.filter(pl.col("contract") == "GCZ13").select("bar_start", "week_high").collect()
    assert chosen.height == _wanted(market).filter(pl.col("contract") == "GCZ13").height


def test_duckdb_reads_nothing_outside_of_the_range(market):
    """The same rows through SQL's engine."""
    with duckdb.connect() as connection:
        relation = contract_relation(connection, market.workspace, "GC", FIRST, LAST)
        told = relation.order("bar_start").pl()
    # DuckDB names the zone Etc/UTC: the instants are the same.
    assert told["bar_start"].to_physical().equals(_wanted(market)["bar_start"].to_physical())
    figures = [name for name, dtype in told.schema.items() if dtype == pl.Float64]
    assert told.select(figures).equals(_wanted(market).select(figures))


def test_a_file_of_the_range_that_is_rubbish_is_said(market):
    """The other side of it: inside the range rubbish is an error, not a hole."""
    with pytest.raises(LakeError, match="the file is damaged"):
        scan_contract_table(market.workspace, "GC", FIRST, date(2013, 10, 7)).collect()


def test_a_range_without_sessions_says_what_there_is(market):
    """What was asked, what is there, and the command that makes it."""
    with pytest.raises(TableMissingError) as caught:
        scan_contract_table(market.workspace, "GC", date(2014, 1, 1), date(2014, 1, 5))
    assert "it holds 2013-09-25 to 2013-10-11" in str(caught.value)
    assert "--symbol GC --from 2014-01-01 --to 2014-01-05" in str(caught.value)
    with pytest.raises(TableMissingError, match=r"ES at 1h.*it holds no session"):
        contract_files(market.workspace, "ES", timeframe="1h")


def test_several_timeframes_in_a_range_are_told_apart(tmp_path: Path):
    """Rows of different lengths are not put under each other."""
    market = Market(tmp_path)
    market.made("GC")
    rows = market.rows("GC", FIRST)
    market.workspace.lake.commit(
        CONTRACT_TABLE, {"timeframe": "1h", "symbol": "GC"}, rows, Lineage("laid"), session=LAST
    )
    with pytest.raises(TimeframeError, match=r"1h \(1 sessions\), 1m \(\d+ sessions\)"):
        scan_contract_table(market.workspace, "GC")
    assert len(contract_files(market.workspace, "GC", timeframe="1h")) == 1
    assert len(contract_files(market.workspace, "GC", FIRST, date(2013, 10, 3))) == 4
