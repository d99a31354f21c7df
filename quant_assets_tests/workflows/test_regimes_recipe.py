"""Regimes in the lake: a new day costs one day, and order, workers and restarts change no bit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from quant_assets.bars.schema import BARS
from quant_assets.features.regime_schema import REGIME_MODELS, REGIMES
from quant_assets.features.regimes import walk_forward
from quant_assets.lineage.records import Lineage
from quant_assets.settings.model import RegimeSettings
from quant_assets.storage.state_tables import FAILURES
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, NotDue, Plan
from quant_assets.workflows.recipes.regimes import RegimesRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.features.regime_markets import planted

SYMBOL = "ES"
N_BARS = 40
FIRST, LAST = date(2024, 1, 2), date(2024, 2, 2)
MISSING = (date(2024, 1, 15), date(2024, 1, 18))
"""The first session of its week, so that none is fitted then, and one inside it."""
ROLL = date(2024, 1, 24)
RULES = RegimeSettings(window_sessions=6, least_rows=80)
RESTATED = date(2024, 1, 17)


class Market:
    """A lake in which bars are laid down as their stage would."""

    def __init__(self, root: Path, *, rules: RegimeSettings = RULES) -> None:
        opened = Workspace.open(root)
        settings = opened.settings.model_copy(update={"regimes": rules})
        self.workspace = replace(opened, settings=settings)
        calendar = self.workspace.calendar(SYMBOL)
        self.sessions = calendar.between(FIRST, LAST)
        self.days = [day for day in self.sessions if day not in MISSING]

    def laid(self, days: list[date] | None = None) -> "Market":
        """Lay bars of some sessions, default all."""
        for day in days or self.days:
            self.lay(day)
        return self

    def bars_on(self, day: date, *, scale: float = 1.0) -> pl.DataFrame:
        """Return the bars of a session: of a regime of its own, from its open on."""
        rows = planted(1, N_BARS, seed=day.toordinal(), stay=10)
        start = self.workspace.calendar(SYMBOL).bounds(day).open_ns
        minutes = pl.int_range(rows.height, dtype=pl.Int64) * 60_000_000_000
        prices = ("open", "high", "low", "close")
        moved = pl.col("close").log() * scale
        return BARS.check(
            rows.with_columns(pl.lit(day).alias("session"))
            .with_columns(moved.exp().alias(name) for name in prices)
            .with_columns(
                (minutes + start).cast(pl.Datetime("ns", "UTC")).alias("bar_start"),
                contract=pl.lit("ESH24" if day < ROLL else "ESM24"),
                vwap=pl.lit(None, pl.Float64),
            )
        )

    def lay(self, day: date, *, scale: float = 1.0) -> None:
        """Store a session's bars."""
        self.workspace.lake.commit(
            BARS,
            {"timeframe": "1m", "symbol": SYMBOL},
            self.bars_on(day, scale=scale),
            Lineage("laid", stats={"research": True}),
            session=day,
        )

    def make(self, days: list[date] | None = None) -> list[Outcome]:
        """Make the regimes of some sessions, default all."""
        keys = [Key(SYMBOL, day) for day in days or self.days]
        return list(make_range(self.workspace, RegimesRecipe(), keys))

    def made(self, days: list[date] | None = None) -> list[date]:
        """Return the sessions that had to be made."""
        outcomes = self.make(days)
        assert {one.status.value for one in outcomes} <= {"made", "kept"}, outcomes
        return [one.key.session for one in outcomes if one.status.value == "made"]

    def plan(self, day: date) -> Plan | NotDue:
        """Return the plan of a session."""
        return RegimesRecipe().plan(LakeView(self.workspace), Key(SYMBOL, day))

    def versions(self) -> dict[str, str]:
        """Return every stored table of regimes with its data version."""
        tables = (REGIMES.name, REGIME_MODELS.name)
        found = [e for table in tables for e in self.workspace.lake.index.entries(table)]
        return {entry.name: entry.data_version for entry in found}

    def stored(self, table: str = REGIMES.name) -> pl.DataFrame:
        """Return all rows of a table, session by session."""
        entries = self.workspace.lake.index.entries(table, symbol=SYMBOL)
        ordered = sorted(entries, key=lambda entry: entry.session)
        return pl.concat(self.workspace.lake.read(entry) for entry in ordered)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    """Return five weeks of a future with a roll and two missing sessions."""
    opened = Market(tmp_path / "data").laid()
    yield opened
    opened.workspace.state.close()


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Return the same market with all regimes made in one go."""
    opened = Market(tmp_path_factory.mktemp("rebuilt") / "data").laid()
    assert opened.made() == opened.days
    yield opened
    opened.workspace.state.close()


def test_the_lake_holds_what_a_walk_over_one_frame_gives(rebuilt: Market):
    """Partition by partition, with states read back from their table, to the bit."""
    bars = pl.concat(rebuilt.bars_on(day) for day in rebuilt.days)
    walked = walk_forward(bars, sessions=rebuilt.sessions, rules=RULES)
    assert rebuilt.stored().equals(walked)
    assert walked["mixture_label"].drop_nulls().n_unique() == 3


def test_states_stand_from_the_first_session_of_their_week(rebuilt: Market):
    """Not where that session has no bars; the one before stands on."""
    states = rebuilt.stored(REGIME_MODELS.name)
    fitted = states["session"].unique().sort().to_list()
    assert fitted == [date(2024, 1, 8), date(2024, 1, 22), date(2024, 1, 29)]
    assert (states["last_session"] < states["session"]).all()
    applied = rebuilt.stored().group_by("session").agg(pl.col("state_session").unique())
    for day, found in applied.rows():
        assert found == [max((one for one in fitted if one <= day), default=None)]


def test_a_state_is_known_when_its_session_starts(rebuilt: Market):
    """No bar of its window ends later, and no bar that it labels starts before."""
    states = rebuilt.stored(REGIME_MODELS.name)
    bars = pl.concat(rebuilt.bars_on(day) for day in rebuilt.days)
    labelled = rebuilt.stored().group_by("state_session").agg(pl.col("bar_start").min())
    firsts = dict(labelled.rows())
    for row in states.iter_rows(named=True):
        window = bars.filter(
            pl.col("session").is_between(row["first_session"], row["last_session"])
        )
        assert window["bar_start"].max() < row["known_at"] <= firsts[row["session"]]
        assert window["session"].n_unique() <= RULES.window_sessions


def test_a_new_day_costs_one_day_and_equals_a_rebuild(rebuilt: Market, tmp_path: Path):
    """Day by day as they come, each in a view of its own; nothing is made twice."""
    market = Market(tmp_path / "data")
    for day in market.days:
        market.lay(day)
        assert market.made([one for one in market.days if one <= day]) == [day]
    assert market.versions() == rebuilt.versions()
    assert market.made() == []
    market.workspace.state.close()


@pytest.mark.parametrize("turn", ["later_first", "one_by_one_backwards"])
def test_ranges_in_any_order_give_the_same_bits(market: Market, rebuilt: Market, turn: str):
    """States that are not stored yet are fitted on the way; once all are, nothing is other."""
    if turn == "later_first":
        middle = market.days.index(date(2024, 1, 25))
        parts = [market.days[middle:], market.days[:middle]]
    else:
        parts = [[day] for day in reversed(market.days)]
    for part in parts:
        assert market.made(part) == part
    assert market.versions() == rebuilt.versions()
    late = market.made()
    assert market.versions() == rebuilt.versions()
    assert late
    assert market.made() == []


def test_two_ranges_in_their_order_make_nothing_twice(market: Market, rebuilt: Market):
    """The second one goes on from the states that the first one stored."""
    middle = market.days.index(date(2024, 1, 25))
    assert market.made(market.days[:middle]) == market.days[:middle]
    assert market.made(market.days[middle:]) == market.days[middle:]
    assert market.made() == []
    assert market.versions() == rebuilt.versions()


def test_a_restated_day_remakes_only_what_hangs_on_it(market: Market, tmp_path: Path):
    """Itself, the session whose look-back it is in, and the states that it is in the window of.

    And what those label, and the state after them, for its labels are matched to theirs; that one
    comes out as it was, so what it labels is kept.
    """
    market.make()
    market.lay(RESTATED, scale=1.5)
    week = [date(2024, 1, day) for day in (22, 23, 24, 25, 26)]
    assert market.made() == [RESTATED, date(2024, 1, 19), *week, date(2024, 1, 29)]
    assert market.made() == []
    afresh = Market(tmp_path / "afresh")
    for day in afresh.days:
        afresh.lay(day, scale=1.5 if day == RESTATED else 1.0)
    afresh.make()
    assert market.versions() == afresh.versions()
    afresh.workspace.state.close()


def test_a_restated_day_out_of_every_later_window_leaves_later_days_alone(market: Market):
    """The newest session restated makes itself anew, and nothing else."""
    market.make()
    market.lay(market.days[-1], scale=2.0)
    assert market.made() == market.days[-1:]


def test_a_day_that_arrives_later_makes_stale_what_looked_for_it(market: Market):
    """A missing first session of a week: its state comes, and the week is labelled by it."""
    market.make()
    before = market.stored()
    market.lay(MISSING[0])
    market.days = sorted([*market.days, MISSING[0]])
    made = market.made()
    assert made[:2] == [MISSING[0], date(2024, 1, 16)]
    after = market.stored().filter(pl.col("session") == date(2024, 1, 19))
    assert after["state_session"].unique().to_list() == [MISSING[0]]
    early = pl.col("session") < MISSING[0]
    assert market.stored().filter(early).equals(before.filter(early))


def test_a_state_that_comes_to_nothing_is_taken_away(market: Market):
    """Another setting by which rows no longer suffice: the table goes, labels become null."""
    market.make()
    assert market.stored(REGIME_MODELS.name).height
    rules = RULES.model_copy(update={"least_rows": 10_000})
    market.workspace = replace(
        market.workspace,
        settings=market.workspace.settings.model_copy(update={"regimes": rules}),
    )
    assert market.made() == market.days
    assert market.workspace.lake.index.entries(REGIME_MODELS.name) == []
    assert market.stored()["state_session"].null_count() == market.stored().height


def test_what_lies_behind_a_refit_that_failed_is_skipped(market: Market):
    """Its state is not known; what stands before it goes on."""
    refit = date(2024, 1, 22)
    row = {"asset": "regimes", "partition": str(Key(SYMBOL, refit)), "kind": "failed"}
    market.workspace.state.upsert(FAILURES, [row | {"message": "-", "version": "failed-0"}])
    days = [date(2024, 1, 19), date(2024, 1, 23)]
    assert [one.status.value for one in market.make(days)] == ["made", "skipped"]


def test_a_session_without_bars_is_not_due(market: Market):
    """There is nothing to label."""
    assert isinstance(market.plan(MISSING[1]), NotDue)


def test_the_plan_names_the_window_and_the_state(rebuilt: Market):
    """At a refit all sessions of the window, absent ones too; between refits the state alone."""
    refit, between = rebuilt.plan(date(2024, 1, 22)), rebuilt.plan(date(2024, 1, 26))
    assert isinstance(refit, Plan)
    assert isinstance(between, Plan)
    window = rebuilt.workspace.calendar(SYMBOL).previous(date(2024, 1, 22), 6)
    looked_at = {key.session for asset, key in refit.needs if asset == "bars"}
    assert looked_at == set(window)
    absent = [name for name, version in refit.inputs.items() if version == "absent"]
    assert sorted(name[-10:] for name in absent) == [day.isoformat() for day in MISSING]
    states = [name for name in between.inputs if name.startswith(REGIME_MODELS.name)]
    assert [name[-10:] for name in states] == ["2024-01-22"]
    bars = [name[-10:] for name in between.inputs if name.startswith("bars")]
    assert bars == ["2024-01-25", "2024-01-26"]
    assert ("regimes", Key(SYMBOL, date(2024, 1, 22))) in between.needs
