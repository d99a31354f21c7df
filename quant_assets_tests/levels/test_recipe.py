"""Levels in the lake: which earlier sessions a partition reads, and what makes it stale."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from quant_assets.bars.footprint_schema import FOOTPRINT, PROFILES
from quant_assets.bars.schema import BARS
from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import SettingsError
from quant_assets.market.timeframes import NS_PER_MINUTE
from quant_assets.settings.model import LevelSettings, Member, Settings
from quant_assets.storage.settings_files import load_settings
from quant_assets.storage.state_tables import FAILURES
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, NotDue, Plan
from quant_assets.workflows.recipes.level_sessions import merged_profiles
from quant_assets.workflows.recipes.levels import LevelsRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.levels import oracle
from quant_assets_tests.levels.markets import (
    TICK,
    BarRows,
    bars_of,
    footprint_of,
    midnight_ns,
    profile_of,
    random_rows,
)

SYMBOL = "ES"
N_BARS = 40
FIRST, LAST = date(2024, 1, 2), date(2024, 1, 26)
ROLL = date(2024, 1, 17)
"""A Wednesday: the week before it, and two days of its own, are of the old contract."""
ANCHOR = date(2024, 1, 10)


def contract_on(day: date) -> str:
    """Return the contract of a session."""
    return "ESH24" if day < ROLL else "ESM24"


def rows_on(day: date) -> BarRows:
    """Return the trades of a session, its bars a minute each."""
    return random_rows(N_BARS, seed=day.toordinal())


class Market:
    """A lake in which bars, footprints and profiles are laid down as their stages would."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace.open(root)
        self.days = self.workspace.calendar(SYMBOL).between(FIRST, LAST)
        for day in self.days:
            self.lay(day, rows_on(day))

    def lay(self, day: date, rows: BarRows, *, contract: str | None = None) -> None:
        """Store a session that opens with its first bar."""
        named = contract or contract_on(day)
        start = self.workspace.calendar(SYMBOL).bounds(day).open_ns - midnight_ns(day)
        later = (pl.col("bar_start").to_physical() + start).cast(pl.Datetime("ns", "UTC"))
        bars = bars_of(rows, day, contract=named).with_columns(later.alias("bar_start"))
        footprint = footprint_of(rows, day).with_columns(later.alias("bar_start"))
        stats = {
            "research": True,
            "contract": named,
            "high": bars["high"].max(),
            "low": bars["low"].min(),
            "close": bars["close"][-1],
        }
        self._commit(BARS, {"timeframe": "1m"}, bars, day, stats)
        self._commit(FOOTPRINT, {"timeframe": "1m", "bucket": "0.25"}, footprint, day, {})
        self.lay_profile(day, rows)

    def lay_profile(self, day: date, rows: BarRows) -> None:
        """Store the profile of a session."""
        nothing = pl.lit(0.0)
        profile = profile_of(rows).select(
            pl.lit(day).alias("session"),
            "price",
            "volume",
            nothing.alias("bid_volume"),
            nothing.alias("ask_volume"),
        )
        self._commit(PROFILES, {}, profile, day, {})

    def _commit(
        self, table: object, levels: dict[str, str], frame: pl.DataFrame, day: date, stats: object
    ) -> None:
        self.workspace.lake.commit(
            table, levels | {"symbol": SYMBOL}, frame, Lineage("laid", stats=stats), session=day
        )

    def drop(self, table: str, day: date) -> None:
        """Take a session of a table out of the lake."""
        for entry in LakeView(self.workspace).at(table, SYMBOL, day):
            self.workspace.lake.drop(entry)

    def make(self, *days: date, settings: Settings | None = None) -> list[Outcome]:
        """Make the levels of some sessions, default all."""
        changed = replace(self.workspace, settings=settings or self.workspace.settings)
        keys = [Key(SYMBOL, day) for day in days or self.days]
        return list(make_range(changed, LevelsRecipe(), keys))

    def made(self, *days: date, settings: Settings | None = None) -> list[date]:
        """Return the sessions that had to be made."""
        outcomes = self.make(*days, settings=settings)
        assert {one.status.value for one in outcomes} <= {"made", "kept"}, outcomes
        return [one.key.session for one in outcomes if one.status.value == "made"]

    def levels(self, day: date) -> pl.DataFrame:
        """Return the stored levels of a session."""
        (entry,) = LakeView(self.workspace).at("levels", SYMBOL, day)
        return self.workspace.lake.read(entry)

    def plan(self, day: date, settings: Settings | None = None) -> Plan:
        """Return the plan of a session's levels."""
        view = LakeView(replace(self.workspace, settings=settings or self.workspace.settings))
        plan = LevelsRecipe().plan(view, Key(SYMBOL, day))
        assert isinstance(plan, Plan)
        return plan


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    """Return four weeks of a future with a roll."""
    laid = Market(tmp_path / "data")
    yield laid
    laid.workspace.state.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Return the same market with its levels made, for tests that change nothing."""
    laid = Market(tmp_path_factory.mktemp("still") / "data")
    assert laid.made() == laid.days
    yield laid
    laid.workspace.state.close()


def last_row(market: Market, day: date) -> dict[str, float]:
    """Return the levels at the end of a session."""
    return market.levels(day).row(-1, named=True)


def trades(days: list[date]) -> list[tuple[float, float]]:
    """Return all prices and volumes of some sessions."""
    return [
        (price * TICK, float(volume))
        for day in days
        for bar in rows_on(day)
        for price, volume in bar
    ]


@pytest.mark.parametrize(
    ("day", "week_from", "contract_from"),
    [
        pytest.param(date(2024, 1, 2), date(2024, 1, 2), FIRST, id="first_session"),
        pytest.param(date(2024, 1, 8), date(2024, 1, 8), FIRST, id="monday"),
        pytest.param(date(2024, 1, 12), date(2024, 1, 8), FIRST, id="friday"),
        pytest.param(ROLL, ROLL, ROLL, id="roll"),
        pytest.param(date(2024, 1, 19), ROLL, ROLL, id="week_of_the_roll"),
        pytest.param(date(2024, 1, 25), date(2024, 1, 22), ROLL, id="week_after"),
    ],
)
def test_week_and_contract_are_of_one_contract(
    still: Market, day: date, week_from: date, contract_from: date
):
    """At a session's end: all that was traded since Monday, or the roll where it came later."""
    row = last_row(still, day)
    week = trades([one for one in still.days if week_from <= one <= day])
    contract = trades([one for one in still.days if contract_from <= one <= day])
    assert row["week_vwap"] == pytest.approx(float(oracle.mean_price(week) or 0), rel=1e-12)
    spread = oracle.deviation(week) or 0.0
    assert row["week_vwap_upper_2"] - row["week_vwap"] == pytest.approx(2 * spread, rel=1e-9)
    mean = float(oracle.mean_price(contract) or 0)
    assert row["anchored_vwap"] == pytest.approx(mean, rel=1e-12)
    for name, traded in (("session", trades([day])), ("week", week), ("contract", contract)):
        area = oracle.value_area(oracle.profile(traded))
        assert (row[f"{name}_poc"], row[f"{name}_vah"], row[f"{name}_val"]) == area


def extremes(days: list[date]) -> tuple[float, float, float]:
    """Return highest, lowest and last price of some sessions."""
    prices = [price for price, _ in trades(days)]
    last_bar = rows_on(days[-1])[-1]
    return max(prices), min(prices), max(price for price, _ in last_bar) * TICK


@pytest.mark.parametrize(
    ("day", "week"),
    [
        pytest.param(date(2024, 1, 8), (date(2024, 1, 2), date(2024, 1, 5)), id="monday"),
        pytest.param(date(2024, 1, 16), (date(2024, 1, 8), date(2024, 1, 12)), id="after_holiday"),
        pytest.param(date(2024, 1, 26), None, id="the_week_before_has_a_roll"),
    ],
)
def test_marks_of_the_day_and_the_week_before(
    still: Market, day: date, week: tuple[date, date] | None
):
    """High, low and close of the last session, and of all sessions of the last week."""
    row = last_row(still, day)
    before = [one for one in still.days if one < day][-1:]
    names = ("high", "low", "close")
    assert tuple(row[f"previous_day_{name}"] for name in names) == extremes(before)
    expected = (None,) * 3
    if week:
        expected = extremes([one for one in still.days if week[0] <= one <= week[1]])
    assert tuple(row[f"previous_week_{name}"] for name in names) == expected


def test_after_a_roll_no_mark_of_the_old_contract_is_shown(still: Market):
    """On its day both stretches before are of another market; a day later one is not."""
    on_roll, after = last_row(still, ROLL), last_row(still, date(2024, 1, 18))
    assert on_roll["previous_day_high"] is None
    assert on_roll["previous_week_close"] is None
    assert after["previous_day_high"] is not None
    assert after["previous_week_close"] is None


def test_the_first_session_has_nothing_before_it(still: Market):
    """No marks; the week and the contract are the session itself."""
    levels = still.levels(FIRST)
    assert levels["previous_day_high"].null_count() == levels.height
    assert levels["week_poc"].equals(levels["session_poc"].alias("week_poc"))


def test_an_anchor_of_the_settings_starts_there_and_is_null_before(market: Market):
    """From the anchor to the roll; behind the roll from the roll on."""
    settings = Settings(universe=(Member(symbol=SYMBOL, timeframe="1m", anchor=ANCHOR),))
    days = [date(2024, 1, 9), ANCHOR, date(2024, 1, 12), date(2024, 1, 18)]
    assert market.made(*days, settings=settings) == days
    assert last_row(market, days[0])["anchored_vwap"] is None
    for day, first in ((ANCHOR, ANCHOR), (days[2], ANCHOR), (days[3], ROLL)):
        anchored = trades([one for one in market.days if first <= one <= day])
        mean = float(oracle.mean_price(anchored) or 0)
        assert last_row(market, day)["anchored_vwap"] == pytest.approx(mean, rel=1e-12)


def test_a_session_made_alone_is_the_one_made_in_a_range(still: Market):
    """What was merged before in the same run changes no bit."""
    for day in (date(2024, 1, 12), date(2024, 1, 19)):
        view = LakeView(still.workspace)
        recipe, key = LevelsRecipe(), Key(SYMBOL, day)
        plan = recipe.plan(view, key)
        assert isinstance(plan, Plan)
        (alone,) = recipe.make(view, key, plan).files
        assert alone.frame.equals(still.levels(day))


def test_what_is_fresh_is_kept_and_a_restated_day_remakes_those_that_read_it(market: Market):
    """A Tuesday's trades: itself, and the sessions whose stretches, marks or look-back hold it."""
    assert market.made() == market.days
    assert market.made() == []
    tuesday = date(2024, 1, 23)
    yesterday = market.levels(date(2024, 1, 22))
    market.lay(tuesday, random_rows(N_BARS, seed=1))
    assert market.made() == [one for one in market.days if one >= tuesday]
    assert market.levels(date(2024, 1, 22)).equals(yesterday)


def test_a_profile_that_arrives_is_an_input_as_one_that_is_absent(market: Market):
    """Without it levels are made of what there is; with it they are made anew."""
    tuesday, thursday = date(2024, 1, 9), date(2024, 1, 11)
    market.drop("profiles", tuesday)
    assert market.made(thursday) == [thursday]
    assert f"profiles/symbol={SYMBOL}/2024-01-09" in market.plan(thursday).inputs
    market.lay_profile(tuesday, rows_on(tuesday))
    assert market.made(thursday) == [thursday]


def test_each_rule_of_the_settings_is_a_parameter(market: Market):
    """Another opening range, another anchor: another plan."""
    usual = market.plan(LAST).parameters
    minutes = Settings(levels=LevelSettings(opening_range_minutes=15))
    anchored = Settings(universe=(Member(symbol=SYMBOL, timeframe="1m", anchor=ANCHOR),))
    for settings in (minutes, anchored):
        assert market.plan(LAST, settings).parameters != usual
    bounds = market.workspace.calendar(SYMBOL).bounds(LAST)
    assert usual["session"] == [bounds.open_ns, bounds.next_start_ns]
    assert usual["tick_size"] == TICK


def test_anchor_and_opening_range_are_read_from_the_settings_file(tmp_path: Path):
    """Under the names that a user writes; a range of no length is refused."""
    file = tmp_path / "settings.yaml"
    file.write_text(
        "universe: [{symbol: ES, anchor: 2024-01-10}]\nlevels: {opening_range_minutes: 15}\n"
    )
    loaded = load_settings(tmp_path)
    assert loaded.member("ES").anchor == ANCHOR
    assert loaded.levels.opening_range_minutes == 15
    file.write_text("levels: {opening_range_minutes: 0}\n")
    with pytest.raises(SettingsError, match="opening_range_minutes"):
        load_settings(tmp_path)


def test_statistics_beside_the_rows_are_parameters(market: Market):
    """The same rows told to be of another contract are no neighbours any more."""
    usual = market.plan(date(2024, 1, 11))
    market.lay(date(2024, 1, 10), rows_on(date(2024, 1, 10)), contract="ESZ24")
    changed = market.plan(date(2024, 1, 11))
    assert changed.parameters["previous_day"] is None
    assert usual.parameters["previous_day"] is not None
    assert changed.parameters["sessions"]["week"] == []
    assert usual.parameters["sessions"]["week"] == ["2024-01-08", 3]


def test_below_a_footprint_that_could_not_be_made_a_session_is_skipped(market: Market):
    """The profile of a Tuesday failed: the sessions of its week and contract after it are not."""
    tuesday = Key(SYMBOL, date(2024, 1, 9))
    row = {
        "asset": "footprint",
        "partition": str(tuesday),
        "kind": "failed",
        "message": "",
        "version": "failed-1",
    }
    market.workspace.state.upsert(FAILURES, [row])
    states = {one.key.session: one.status.value for one in market.make()}
    skipped = [day for day, state in states.items() if state == "skipped"]
    assert skipped == [day for day in market.days if tuesday.session <= day < ROLL]


def test_without_bars_nothing_is_due(market: Market):
    """A session whose bars are gone has no levels."""
    market.drop("bars", FIRST)
    plan = LevelsRecipe().plan(LakeView(market.workspace), Key(SYMBOL, FIRST))
    assert isinstance(plan, NotDue)


def test_the_opening_range_is_that_of_the_calendars_open(still: Market):
    """The first thirty bars, from the thirty-first on."""
    levels, day = still.levels(LAST), rows_on(LAST)
    first = [price for bar in day[:30] for price, _ in bar]
    assert levels["opening_range_high"].to_list() == [None] * 30 + [max(first) * TICK] * 10
    assert levels["opening_range_low"].to_list() == [None] * 30 + [min(first) * TICK] * 10
    opened = min(price for price, _ in day[0]) * TICK
    assert levels["session_open"].to_list() == [opened] * N_BARS
    ends = levels["known_at"].to_physical() - levels["bar_start"].to_physical()
    assert ends.unique().to_list() == [NS_PER_MINUTE]


def test_profiles_of_a_range_are_read_once_each(still: Market, monkeypatch: pytest.MonkeyPatch):
    """Stretches grow by one profile a session, whatever their length."""
    view = LakeView(still.workspace)
    read: list[str] = []
    usual = view.read

    def watched(entry, columns=()):  # type: ignore[no-untyped-def]
        read.append(entry.session)
        return usual(entry, columns)

    monkeypatch.setattr(view, "read", watched)
    entries = [e for day in still.days for e in view.at("profiles", SYMBOL, day)]
    for count in range(len(entries) + 1):
        merged_profiles(view, SYMBOL).of(view, "contract", tuple(entries[:count]))
    assert read == [entry.session for entry in entries]
