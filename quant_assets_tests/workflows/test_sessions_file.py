"""`sessions.yaml` of a data root: what it makes stale, what goes, and what stays as it is."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from quant_assets.market.errors import SettingsError
from quant_assets.market.sessions import SESSIONS
from quant_assets.storage.package_data import load_calendars
from quant_assets.ticks.expiries import BOOTSTRAP_SESSIONS
from quant_assets.workflows.calendars import store_sessions
from quant_assets.workflows.freshness import stored_entries
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.leaderboard import stale_trials
from quant_assets.workflows.plan import GONE, INPUT, plan_assets
from quant_assets.workflows.ranges import Outcome, decide, make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.momentum import LOOK_BACK_SESSIONS
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.session_closes import closes_versions
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_backtest import run_simulation, stored_backtest
from quant_assets.workflows.strategy_model import train_model_task, training_entries
from quant_assets.workflows.trials import all_trials
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

pytestmark = pytest.mark.slow

STRATEGY = "equity_15m_barriers"
DAYS = load_calendars()["XNYS"].between(date(2024, 1, 2), date(2024, 3, 20))
KEYS = [Key("SPY", day) for day in DAYS]
DAY = date(2024, 2, 14)
BEFORE = date(2024, 2, 13)
SATURDAY = date(2024, 2, 17)

EARLY_CLOSE = f"calendars: {{XNYS: {{sessions: {{{DAY}: {{close: {DAY}T18:00:00Z}}}}}}}}"
CLOSED = f"calendars: {{XNYS: {{closed: [{DAY}]}}}}"
ADDED = (
    f"calendars: {{XNYS: {{sessions: {{{SATURDAY}: "
    f"{{open: {SATURDAY}T14:30:00Z, close: {SATURDAY}T16:00:00Z}}}}}}}}"
)


def _write_bars(file: Path, days: list[date], *, seed: int = 1) -> None:
    """Write M15 bars from 14:30 to 20:00 UTC."""
    rng = np.random.default_rng(seed)
    price, lines = 470.0, []
    for day in days:
        for number in range(22):
            minutes = 14 * 60 + 30 + 15 * number
            close = price * (1 + rng.normal(0, 6e-3))
            low, high = min(price, close) * 0.999, max(price, close) * 1.001
            figures = ",".join(f"{value:.2f}" for value in (price, high, low, close))
            clock = f"{minutes // 60:02d}:{minutes % 60:02d}"
            lines.append(f"{day:%Y.%m.%d},{clock},{figures},{rng.integers(9, 99)}\n")
            price = close
    file.write_text("".join(lines))


def _make(workspace: Workspace) -> dict[str, set[date]]:
    """Make all that is not fresh, without Dagster; return the sessions made, by asset."""
    made = {}
    for asset, recipe in recipes().items():
        if asset == "predictions":
            train_model_task(workspace, strategies(workspace)[STRATEGY])
        outcomes = list(make_range(workspace, recipe, KEYS))
        assert not [one.reason for one in outcomes if one.status in {Status.FAILED, Status.SKIPPED}]
        made[asset] = {one.key.session for one in outcomes if one.status is Status.MADE}
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root in which everything of an equity is made, backtest included."""
    root = tmp_path_factory.mktemp("sessions") / "data"
    (root / "raw").mkdir(parents=True)
    _write_bars(root / "raw" / "SPY15.csv", DAYS)
    workspace = Workspace.open(root)
    (report,) = ingest_files(workspace, [root / "raw" / "SPY15.csv"])
    assert report.status in {"accept", "warn"}
    _make(workspace)
    run_simulation(workspace, strategies(workspace)[STRATEGY])
    workspace.state.close()
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "data"))


@pytest.fixture
def opened() -> Iterator[list[Workspace]]:
    """Keep what a test opens, and close it in the end."""
    found: list[Workspace] = []
    yield found
    for workspace in found:
        workspace.state.close()


def _open(root: Path, opened: list[Workspace], text: str | None = None) -> Workspace:
    """Open a data root, with a file on sessions where a text is given."""
    if text is not None:
        (root / "sessions.yaml").write_text(text)
    opened.append(Workspace.open(root))
    return opened[-1]


def _stale(workspace: Workspace) -> dict[str, set[date]]:
    """Return the sessions of which something would be made, by asset, where there are any."""
    view = LakeView(workspace)
    found = {
        asset: {key.session for key in KEYS if not isinstance(decide(recipe, view, key), Outcome)}
        for asset, recipe in recipes().items()
    }
    return {asset: days for asset, days in found.items() if days}


def _reading(workspace: Workspace, session: date) -> dict[str, set[date]]:
    """Return the other sessions that were made from a session's bars or profile, by asset."""
    view = LakeView(workspace)
    read = {f"bars/timeframe=15m/symbol=SPY/{session}", f"profiles/symbol=SPY/{session}"}
    found = {
        asset: {
            key.session
            for key in KEYS
            for entry in stored_entries(recipe, view, key)
            if key.session != session and read & set(workspace.lake.lineage(entry).inputs)
        }
        for asset, recipe in recipes().items()
    }
    return {asset: days for asset, days in found.items() if days}


def test_without_the_file_all_is_fresh(root: Path, opened: list[Workspace]) -> None:
    """Nor does a file that speaks of another calendar or another year change anything."""
    other = "calendars: {FX: {closed: [2024-02-14]}, XNYS: {closed: [2012-10-10]}}"
    for text in (None, "", other):
        workspace = _open(root, opened, text)
        assert _stale(workspace) == {}
        assert stored_backtest(workspace, strategies(workspace)[STRATEGY]) is not None
        assert stale_trials(workspace, all_trials(workspace)) == set()


def test_another_close_makes_stale_what_goes_by_it(root: Path, opened: list[Workspace]) -> None:
    """Minutes to it, labels, regular hours and the backtest; no bars, no other session."""
    workspace = _open(root, opened, EARLY_CLOSE)
    by_close = {"features", "momentum_days", "training_set"}
    assert _stale(workspace) == {name: {DAY} for name in by_close}
    strategy = strategies(workspace)[STRATEGY]
    assert stored_backtest(workspace, strategy) is None
    (trial,) = all_trials(workspace)
    assert stale_trials(workspace, [trial]) == {trial.trial_id}
    view = LakeView(workspace)
    (entry,) = stored_entries(recipes()["training_set"], view, Key("SPY", DAY))
    before = view.read(entry).height
    assert _make(workspace)["training_set"] == {DAY}
    view = LakeView(workspace)
    (entry,) = stored_entries(recipes()["training_set"], view, Key("SPY", DAY))
    ends = view.read(entry)["label_end"]
    assert len(ends) < before
    assert ends.max() == datetime(2024, 2, 14, 18, tzinfo=UTC)
    assert run_simulation(workspace, strategy).is_new
    assert stale_trials(workspace, all_trials(workspace)) == {trial.trial_id}
    assert _stale(workspace) == {}


def test_a_closed_date_goes_and_what_looked_at_it_is_made_anew(
    root: Path, opened: list[Workspace]
) -> None:
    """Its partitions leave the lake; what lies well before it, and what was landed, stays."""
    reading = _reading(_open(root, opened), DAY)
    workspace = _open(root, opened, CLOSED)
    landed = [e.path for e in workspace.lake.index.entries("raw_bars")]
    assert {"bronze_trades", "features", "momentum_days"} <= set(reading)
    assert len(reading["momentum_days"]) == LOOK_BACK_SESSIONS
    # The session before reaches on to the next one's start, over the closed day.
    names = ("bars", "footprint", "levels", "contract_table")
    reaching = {name: {BEFORE, *reading.get(name, ())} for name in names}
    assert _stale(workspace) == reading | reaching
    assert stored_backtest(workspace, strategies(workspace)[STRATEGY]) is None
    lines = {line.asset: line for line in plan_assets(workspace, [*recipes(), "model"], KEYS)}
    assert lines["bars"].reasons == {GONE: 1, "parameters changed": 1}
    assert lines["training_set"].reasons[GONE] == 1
    assert lines["model"].reasons == {INPUT: 1}
    assert DAY not in {e.day for e in training_entries(workspace, strategies(workspace)[STRATEGY])}
    _make(workspace)
    tables = set(workspace.lake.index.tables()) - {"raw_bars", "models", "trades", "equity"}
    assert tables
    for table in sorted(tables):
        assert str(DAY) not in {e.session for e in workspace.lake.index.entries(table)}
        assert not list(workspace.lake.root.glob(f"{table}/**/month=02/day=14/*"))
    assert [e.path for e in workspace.lake.index.entries("raw_bars")] == landed
    assert _stale(workspace) == {}
    assert run_simulation(workspace, strategies(workspace)[STRATEGY]).is_new
    (root / "sessions.yaml").unlink()
    assert DAY in _stale(_open(root, opened))["bars"]


def test_rows_landed_under_other_sessions_are_refused_until_they_are_landed_again(
    root: Path, opened: list[Workspace]
) -> None:
    """A Saturday's rows lie in Friday's session; the remedy that the error gives mends it."""
    friday = date(2024, 2, 16)
    file = root / "raw" / "SPY15 (saturday).csv"
    _write_bars(file, [SATURDAY], seed=2)
    workspace = _open(root, opened)
    assert next(ingest_files(workspace, [file])).committed == 22
    keys = [Key("SPY", friday), Key("SPY", SATURDAY)]
    assert [one.status for one in make_range(workspace, recipes()["bars"], keys)] == [
        Status.MADE,
        Status.NO_SESSION,
    ]
    workspace = _open(root, opened, ADDED)
    broken, missing = make_range(workspace, recipes()["bars"], keys)
    assert (broken.status, missing.status) == (Status.FAILED, Status.MISSING)
    assert "22 of its 44 rows lie outside it: sessions.yaml has changed" in broken.reason
    (path,) = (e.path for e in workspace.lake.index.entries("raw_bars", session=str(friday)))
    assert f"Delete {path} in the lake" in broken.reason
    (workspace.lake.root / path).unlink()
    assert workspace.lake.reindex()[1] == 1
    reports = list(ingest_files(workspace, [file, root / "raw" / "SPY15.csv"]))
    assert [report.status for report in reports] == ["accept", "accept"]
    outcomes = list(make_range(workspace, recipes()["bars"], keys))
    assert [(one.status, one.rows) for one in outcomes] == [(Status.MADE, 22), (Status.MADE, 22)]


def test_the_stored_sessions_follow_the_file(root: Path, opened: list[Workspace]) -> None:
    """They are what the workspace goes by; taken away, the baked ones are back."""
    baked = store_sessions(_open(root, opened))
    assert not store_sessions(_open(root, opened, "")).is_new
    closed = _open(root, opened, CLOSED)
    stored = store_sessions(closed)
    assert (stored.is_new, stored.rows) == (True, baked.rows - 1)
    (entry,) = (
        e for e in closed.lake.index.entries(SESSIONS.name) if e.levels["calendar"] == "XNYS"
    )
    assert closed.lake.read(entry)["session"].to_list() == list(closed.calendars["XNYS"].sessions)
    (root / "sessions.yaml").unlink()
    assert store_sessions(_open(root, opened)).version == baked.version


def test_a_wrong_file_is_said_when_the_data_root_is_opened(tmp_path: Path) -> None:
    """With file, calendar and key."""
    (tmp_path / "sessions.yaml").write_text("calendars: {XNYS: {closed: [soon]}}")
    with pytest.raises(
        SettingsError, match=r"'calendars\.XNYS\.closed\.0' of sessions\.yaml: soon"
    ):
        Workspace.open(tmp_path)


def test_closes_are_an_input_where_positions_end_at_them(tmp_path: Path) -> None:
    """Of shares inside a day; of futures, of daily bars and of other tables there are none."""
    workspace = Workspace.open(tmp_path)
    names = [
        "bars/timeframe=15m/symbol=SPY/2024-02-14",
        "bars/timeframe=1d/symbol=AAPL/2024-02-14",
        "bars/timeframe=15m/symbol=ES/2024-02-14",
        "predictions/model=x/timeframe=15m/symbol=BAC/2024-02-14",
    ]
    assert set(closes_versions(workspace, names)) == {"session_closes/symbol=SPY"}
    workspace.state.close()


def _land_gold(workspace: Workspace, days: list[date]) -> None:
    """Land two contracts of gold; the nearer one leads."""
    file = workspace.root / "gold.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        for contract, volume in (("GCZ13", 9), ("GCG14", 2)):
            connection.execute(
                f'CREATE TABLE "{contract}_TICK" (timestamp TEXT, price REAL, volume INTEGER)'
            )
            rows = [(f"{day} 15:00:00.000000", 1320.0, volume) for day in days]
            connection.executemany(f'INSERT INTO "{contract}_TICK" VALUES (?, ?, ?)', rows)
    (report,) = ingest_files(workspace, [file], zone="UTC")
    assert report.committed == 2 * len(days)


def test_the_roll_map_goes_by_the_sessions_that_are(
    tmp_path: Path, opened: list[Workspace]
) -> None:
    """A closed date has no row and nothing rests on it; rows that lie well before it stay."""
    days = load_calendars()["CME_METALS"].between(date(2013, 10, 1), date(2013, 10, 24))
    closed, keys = days[10], [Key("GC", day) for day in days]
    _land_gold(_open(tmp_path, opened), days)
    roll_map = recipes()["roll_map"]
    first = list(make_range(opened[0], roll_map, keys))
    assert {one.status for one in first} == {Status.MADE}
    workspace = _open(tmp_path, opened, f"calendars: {{CME_METALS: {{closed: [{closed}]}}}}")
    again = {one.key.session: one for one in make_range(workspace, roll_map, keys)}
    kept = [day for day, one in again.items() if one.status is Status.KEPT]
    # The session before the closed one ends later now, so it counts as changed too.
    assert kept == days[: 9 - BOOTSTRAP_SESSIONS]
    assert again.pop(closed).status is Status.NO_SESSION
    made = [one for one in again.values() if one.status is Status.MADE]
    assert len(made) + len(kept) == len(days) - 1
    (after,) = (one for one in made if one.key.session == days[11])
    known_at = workspace.lake.read(after.entries[0])["known_at"].item()
    bounds = workspace.calendars["CME_METALS"].bounds(days[9])
    assert known_at.timestamp() * 10**9 == bounds.close_ns
    assert str(closed) not in {e.session for e in workspace.lake.index.entries("roll_map")}


def test_an_expiry_that_a_closed_date_moves_makes_the_roll_map_stale(
    tmp_path: Path, opened: list[Workspace]
) -> None:
    """Contracts expire by the business days of New York; other closed dates there move nothing."""
    keys = [Key("GC", day) for day in (date(2013, 10, 2), date(2013, 10, 3))]
    _land_gold(_open(tmp_path, opened), [key.session for key in keys])
    roll_map = recipes()["roll_map"]
    for text, status in (
        (None, Status.MADE),
        ("calendars: {XNYS: {closed: [2013-12-03]}}", Status.KEPT),
        ("calendars: {XNYS: {closed: [2013-12-30]}}", Status.MADE),
    ):
        outcomes = make_range(_open(tmp_path, opened, text), roll_map, keys)
        assert {one.status for one in outcomes} == {status}
