"""Levels of real sessions: gold ticks with a roll, S&P minutes, ether minutes of a CSV file."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from quant_assets.defs.level_picture import levels_picture
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.periods import week_of
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.bars import BarsRecipe
from quant_assets.workflows.recipes.clean_ticks import CleanTicksRecipe
from quant_assets.workflows.recipes.footprint import FootprintRecipe
from quant_assets.workflows.recipes.levels import LevelsRecipe
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.recipes.roll_map import RollMapRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.levels import oracle

pytestmark = pytest.mark.shared

FILES = (
    "futures/futures_ticks.sqlite",
    "futures/futures_minutes.sqlite",
    "ohlcv/header/ETHUSD1.csv",
)
SYMBOLS = ("GC", "ES", "ETHUSD")
RECIPES = (RollMapRecipe, CleanTicksRecipe, BarsRecipe, FootprintRecipe, LevelsRecipe)
PNG = b"\x89PNG\r\n\x1a\n"

Trades = list[tuple[float, float]]


class Real:
    """Real files in a lake, with levels made of every session."""

    def __init__(self, root: Path, shared: Path) -> None:
        self.workspace = Workspace.open(root)
        reports = list(ingest_files(self.workspace, [shared / name for name in FILES]))
        assert [report.status for report in reports] == ["accept"] * len(FILES)
        self.view = LakeView(self.workspace)
        self.days = {symbol: landed_sessions(self.view, symbol) for symbol in SYMBOLS}
        keys = [Key(symbol, day) for symbol, days in self.days.items() for day in days]
        for recipe in RECIPES:
            self.outcomes = list(make_range(self.workspace, recipe(), keys))
            left = {"not_due", "missing"} if recipe in RECIPES[:2] else {"missing"}
            assert {one.status.value for one in self.outcomes} <= {"made"} | left
        self.view = LakeView(self.workspace)
        self.days = {symbol: self.view.sessions("levels", symbol) for symbol in SYMBOLS}

    def read(self, table: str, symbol: str, day: date, **levels: str) -> pl.DataFrame:
        """Return the rows of a session's table."""
        (entry,) = self.view.at(table, symbol, day, **levels)
        return self.view.read(entry)

    def contract(self, symbol: str, day: date) -> str | None:
        """Return the contract of a session."""
        bars = self.read("bars", symbol, day, timeframe="1m")
        contract: str | None = bars["contract"][0]
        return contract

    def stretch(self, symbol: str, day: date, *, same_week: bool) -> list[date]:
        """Return the sessions up to one that are of its contract, and perhaps of its week."""
        found = []
        for one in reversed([one for one in self.days[symbol] if one <= day]):
            if self.contract(symbol, one) != self.contract(symbol, day):
                break
            if same_week and week_of(one) != week_of(day):
                break
            found.append(one)
        return found[::-1]

    def trades(self, symbol: str, day: date, *, until: object = None) -> Trades:
        """Return a session's prices and volumes: its ticks, or its bars at their typical price."""
        if symbol == "GC":
            ticks = self.read("clean_ticks", symbol, day).filter(pl.col("qty") > 0)
            known = ticks.filter(pl.col("ts") < until) if until else ticks
            prices = (known["price"].to_numpy() / PRICE_SCALE).tolist()
            return list(zip(prices, known["qty"].to_list(), strict=True))
        bars = self.read("bars", symbol, day, timeframe="1m")
        known = bars.filter(pl.col("bar_start") < until) if until else bars
        typical = (known["high"] + known["low"] + known["close"]) / 3
        return list(zip(typical.to_list(), known["volume"].to_list(), strict=True))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Real]:
    """Build the lake once."""
    built = Real(tmp_path_factory.mktemp("real") / "data", shared_data)
    yield built
    built.workspace.state.close()


def on_ticks(real: Real, symbol: str, trades: Trades) -> Trades:
    """Return trades at the nearest tick, where bars stand in for trades."""
    if symbol == "GC":
        return trades
    tick = real.workspace.instrument(symbol).tick_size
    assert tick is not None
    return [(round(round(price / tick) * tick, 9), volume) for price, volume in trades]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_all_volume_of_a_session_lies_in_its_profile(real: Real, symbol: str):
    """Bars, footprint and profile hold the same volume, session by session."""
    for day in real.days[symbol]:
        traded = real.read("bars", symbol, day, timeframe="1m")["volume"].sum()
        profile = real.read("profiles", symbol, day)["volume"].sum()
        assert profile == pytest.approx(traded, rel=1e-12)
        footprint = real.view.at("footprint", symbol, day, timeframe="1m")
        assert bool(footprint) == (symbol == "GC")
        for entry in footprint:
            rows = real.view.read(entry)
            sides = rows["bid_volume"] + rows["ask_volume"] + rows["unknown_volume"]
            assert sides.sum() == traded == profile


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_levels_are_those_of_the_trades_known_by_then(real: Real, symbol: str):
    """Some bars of each session, from the trades themselves: sessions, weeks and contracts."""
    checked = 0
    for day in real.days[symbol]:
        levels = real.read("levels", symbol, day)
        week = real.stretch(symbol, day, same_week=True)[:-1]
        contract = real.stretch(symbol, day, same_week=False)[:-1]
        for place in sorted({0, levels.height // 3, levels.height - 1}):
            row = levels.row(place, named=True)
            own = real.trades(symbol, day, until=row["known_at"])
            for name, days in (("session", []), ("week", week), ("contract", contract)):
                earlier = [one for before in days for one in real.trades(symbol, before)]
                at_ticks = on_ticks(real, symbol, [*earlier, *own])
                found = oracle.value_area(oracle.profile(at_ticks))
                assert (row[f"{name}_poc"], row[f"{name}_vah"], row[f"{name}_val"]) == found
                # Earlier sessions are known by their profiles, whose prices are ticks.
                both = oracle.profile([*on_ticks(real, symbol, earlier), *own]).items()
                vwap = "anchored_vwap" if name == "contract" else f"{name}_vwap"
                mean, spread = oracle.mean_price(both), oracle.deviation(both)
                assert row[vwap] == pytest.approx(float(mean or 0), rel=1e-12)
                assert row[f"{vwap}_upper_1"] - row[vwap] == pytest.approx(spread, abs=1e-8)
                checked += 1
    assert checked >= 9 * len(real.days[symbol]) - 9


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_marks_are_the_extremes_of_the_bars_before(real: Real, symbol: str):
    """Of the same contract, else null; both happen where a root rolls."""
    shown, hidden = 0, 0
    for before, day in zip(real.days[symbol], real.days[symbol][1:], strict=False):
        row = real.read("levels", symbol, day).row(0, named=True)
        bars = real.read("bars", symbol, before, timeframe="1m")
        expected = (bars["high"].max(), bars["low"].min(), bars["close"][-1])
        if real.contract(symbol, before) != real.contract(symbol, day):
            expected, hidden = (None,) * 3, hidden + 1
        shown += expected[0] is not None
        assert tuple(row[f"previous_day_{part}"] for part in ("high", "low", "close")) == expected
    assert shown > 0
    assert (hidden > 0) == (symbol in {"GC", "ES"})


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_opening_range_ends_half_an_hour_after_the_open(real: Real, symbol: str):
    """By the calendar's open, in UTC; the first price at or after it is the session's open."""
    for day in real.days[symbol]:
        bounds = real.workspace.calendar(symbol).bounds(day)
        end = bounds.open_ns + 30 * 60 * 10**9
        levels = real.read("levels", symbol, day)
        bars = real.read("bars", symbol, day, timeframe="1m")
        stamps = bars["bar_start"].to_physical()
        inside = bars.filter((stamps >= bounds.open_ns) & (stamps < end))
        high = inside["high"].max() if inside.height else None
        expected = [high if stamp >= end else None for stamp in stamps]
        assert levels["opening_range_high"].to_list() == expected
        opened = bars.filter(stamps >= bounds.open_ns)["open"][0]
        assert levels["session_open"][-1] == opened


def test_a_row_is_known_at_the_end_of_its_minute(real: Real):
    """Whatever the symbol."""
    for symbol in SYMBOLS:
        levels = real.read("levels", symbol, real.days[symbol][-1])
        assert (levels["known_at"] - levels["bar_start"]).unique().to_list() == [
            timedelta(minutes=1)
        ]


def test_the_newest_session_is_drawn_the_same_twice(real: Real):
    """A small PNG of what the range made."""
    first, second = (levels_picture(real.view, real.outcomes) for _ in range(2))
    assert first is not None
    assert first == second
    assert first.startswith(PNG)
    assert len(first) < 150_000
