"""The flat table in the lake: what its context is counted from, and what makes it stale."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from quant_assets.contracts.schema import ORDER_FLOW_COLUMNS
from quant_assets.market.periods import week_of
from quant_assets.storage.state_tables import FAILURES
from quant_assets.workflows.recipe import Key, NotDue
from quant_assets.workflows.recipes.contract_table import ContractTableRecipe
from quant_assets.workflows.view import LakeView
from quant_assets_tests.contracts.lake import N_BARS, ROLL, Market, contract_on


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Make the flat table of both symbols once."""
    market = Market(tmp_path_factory.mktemp("flat"))
    assert market.made("GC") == market.days["GC"]
    assert market.made("EURUSD") == market.days["EURUSD"]
    return market


@pytest.fixture
def market(tmp_path: Path) -> Market:
    """Return a lake with the flat table of gold made, to be changed."""
    found = Market(tmp_path)
    found.made("GC")
    return found


def period_of(symbol: str, day: date) -> str:
    """Name the stretch that a session belongs to."""
    return contract_on(day) if symbol == "GC" else f"{day.year}Q{(day.month + 2) // 3}"


@pytest.mark.parametrize("symbol", ["GC", "EURUSD"])
def test_the_context_is_that_of_all_bars_stacked(stored, symbol):
    """Over all stored bars at once: running figures of the week and of the contract agree."""
    bars = pl.concat(stored.rows(symbol, day, "bars") for day in stored.days[symbol])
    made = pl.concat(stored.rows(symbol, day) for day in stored.days[symbol])
    assert made.height == bars.height
    contract = [period_of(symbol, day) for day in bars["session"]]
    # Where the contract changes the week starts anew; the end of a quarter changes no week.
    cut = contract if symbol == "GC" else [""] * bars.height
    week = [f"{week_of(day)}{c}" for day, c in zip(bars["session"], cut, strict=True)]
    for stretch, groups in {"week": week, "contract": contract}.items():
        told = bars.with_columns(group=pl.Series(groups)).select(
            pl.col("open").first().over("group"),
            pl.col("high").cum_max().over("group"),
            pl.col("low").cum_min().over("group"),
            pl.col("volume").cum_sum().over("group"),
            bars=pl.int_range(1, pl.len() + 1).over("group").cast(pl.UInt32),
        )
        for name in told.columns:
            assert made[f"{stretch}_{name}"].equals(told[name]), (stretch, name)


def test_deltas_run_on_from_the_index_and_the_first_session_of_a_contract_is_one(stored):
    """A week's delta is what its sessions' footprints came to; sessions are counted from 1."""
    made = pl.concat(stored.rows("GC", day) for day in stored.days["GC"])
    of_new = made.filter(pl.col("contract") == "GCZ13")
    assert of_new["contract_delta"].equals(of_new["delta"].cum_sum())
    numbers = of_new.group_by("session", maintain_order=True).agg(
        pl.col("contract_session").first()
    )
    assert numbers["contract_session"].to_list() == list(range(1, numbers.height + 1))
    assert of_new["session"][0] == ROLL


def test_a_currency_has_no_contract_and_counts_from_the_quarter(stored):
    """From bars alone there is no order flow; the first day of October begins a stretch."""
    first = stored.rows("EURUSD", date(2013, 10, 1))
    assert first["contract"].null_count() == N_BARS
    assert all(first[name].null_count() == N_BARS for name in ORDER_FLOW_COLUMNS)
    assert set(first["contract_session"]) == {1}
    view = LakeView(stored.workspace)
    (entry,) = view.at("contract_table", "EURUSD", date(2013, 10, 1))
    told = {"contract": None, "period": "EURUSD-2013Q4", "bucket": None, "files": 1}
    assert entry.stats == told


def test_no_old_file_is_opened(stored, monkeypatch):
    """Of earlier sessions only the index is read."""
    read: list[date] = []
    whole = LakeView.read

    def watching(view, entry, columns=()):
        read.append(entry.day)
        return whole(view, entry, columns)

    monkeypatch.setattr(LakeView, "read", watching)
    last = stored.days["GC"][-1]
    view, recipe, key = LakeView(stored.workspace), ContractTableRecipe(), Key("GC", last)
    plan = recipe.plan(view, key)
    assert read == []
    recipe.make(view, key, plan)
    assert set(read) == {last}


def test_what_is_fresh_is_kept_and_a_restated_session_makes_its_stretch_stale(market):
    """A session of another close: it and the later ones of its contract and week are made anew."""
    assert market.made("GC") == []
    market.lay("GC", date(2013, 10, 4), contract="GCZ13", seed=9)
    assert market.made("GC") == [day for day in market.days["GC"] if day >= date(2013, 10, 4)]
    market.lay("GC", date(2013, 9, 30), contract="GCV13", seed=9)
    assert market.made("GC") == [date(2013, 9, 30), date(2013, 10, 1)]


def test_levels_and_order_flow_that_come_late_are_joined(market):
    """What was absent makes the partition stale once it is there."""
    day = market.days["GC"][-1]
    for table in ("footprint_bars", "levels"):
        market.drop(table, "GC", day)
    assert market.made("GC") == [day]
    made = market.rows("GC", day)
    assert made["delta"].null_count() == made["atr"].null_count() == N_BARS
    assert made["week_delta"].null_count() == N_BARS
    market.lay("GC", day, contract="GCZ13")
    assert market.made("GC") == [day]
    assert market.rows("GC", day)["week_delta"].null_count() == 0


def test_a_session_without_order_flow_leaves_later_deltas_unknown(market):
    """A sum with a hole in it is no sum."""
    market.drop("footprint_bars", "GC", date(2013, 10, 7))
    market.made("GC")
    later = market.rows("GC", date(2013, 10, 8))
    assert later["day_delta"].null_count() == 0
    assert later["week_delta"].null_count() == later["contract_delta"].null_count() == N_BARS
    assert later["week_volume"].null_count() == 0


def test_order_flow_of_fewer_bars_than_there_are_is_not_the_session_s(market):
    """Bars of a vendor, trades of another: what some bars lack, the sum lacks."""
    day = date(2013, 10, 7)
    flow = market.rows("GC", day, "footprint_bars").head(N_BARS - 1)
    told = {"bars": flow.height, "delta": flow["delta"].sum()}
    market.lay_flow("GC", day, flow, told)
    market.made("GC")
    assert market.rows("GC", day)["day_delta"].null_count() == 1
    later = market.rows("GC", date(2013, 10, 8))
    assert later["week_delta"].null_count() == N_BARS


def test_order_flow_beside_a_vendor_s_bars_is_not_handed_on(market):
    """As many bars as the flow has need not be the same ones: the next session knows no sum."""
    market.lay("GC", date(2013, 10, 7), contract="GCZ13", base="ohlcv-1s")
    market.made("GC")
    assert market.rows("GC", date(2013, 10, 7))["day_delta"].null_count() == 0
    later = market.rows("GC", date(2013, 10, 8))
    assert later["week_delta"].null_count() == later["contract_delta"].null_count() == N_BARS


def test_below_a_session_that_could_not_be_made_nothing_is_counted_on(market):
    """Monday's bars failed: the rest of the contract waits, it does not count without it."""
    key = Key("GC", date(2013, 10, 7))
    row = {"kind": "failed", "message": "bad", "version": "failed-1", "partition": str(key)}
    market.workspace.state.upsert(FAILURES, [{"asset": "bars", **row}])
    ended = {one.key.session: one.status.value for one in market.make("GC")}
    assert ended == {day: "skipped" if day >= key.session else "kept" for day in market.days["GC"]}


def test_bars_that_tell_no_totals_are_waited_for(market):
    """An index of an older code has no extremes: nothing is made of half a week."""
    view = LakeView(market.workspace)
    (entry,) = view.at("bars", "GC", date(2013, 10, 8))
    del entry.stats["open"]
    planned = ContractTableRecipe().plan(view, Key("GC", date(2013, 10, 9)))
    assert isinstance(planned, NotDue)
    assert "make them anew" in planned.reason
