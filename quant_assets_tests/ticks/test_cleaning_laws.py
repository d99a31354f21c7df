"""Laws of cleaning: nothing knows the future, and no row is lost between two sessions."""

from collections import Counter
from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl
import pytest

from quant_assets.lineage.records import Lineage
from quant_assets.ticks.cleaning import clean_ticks
from quant_assets.ticks.schema import CLEAN_TICKS, QUARANTINE, RAW_TICKS
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.shares import shares_of
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.ticks.rows import instrument, raw_ticks

SYMBOL = "BTCUSD"
DAYS = [date(2024, 1, day) for day in (2, 3, 4, 5)]
DAY_NS = 86_400_000_000_000

Verdicts = Callable[[pl.DataFrame], pl.DataFrame]


def walk(seed: int, count: int = 240) -> pl.DataFrame:
    """Return landed trades with shifts of level, slips, old quotes, pauses and repeats."""
    rng = np.random.default_rng(seed)
    stamps = np.cumsum(
        rng.choice([0, 1, 1, 10**9, 310 * 10**9], count, p=[0.3, 0.3, 0.2, 0.18, 0.02])
    )
    level = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    level *= np.where(np.cumsum(rng.random(count) < 0.02) % 2 == 0, 1.0, 1.4)
    price = level * rng.choice([1.0, 10.0, 0.1], count, p=[0.94, 0.03, 0.03])
    return raw_ticks(
        *(
            {
                "ts": int(stamps[n]),
                "price": round(float(price[n]), 1),
                "qty": float(rng.integers(0, 3)),
                "bid": round(float(level[n - 5]) - 0.1, 1) if n > 5 and n % 3 else None,
                "ask": round(float(level[n - 5]) + 0.1, 1) if n > 5 else None,
            }
            for n in range(count)
        )
    )


def verdicts(ticks: pl.DataFrame) -> pl.DataFrame:
    """Return all that cleaning says of each row, by its place in the source."""
    found = clean_ticks(ticks, contract=None, instrument=instrument())
    told = found.frame.select("seq", "side", "side_method", "repeats", "no_spread")
    place = pl.col("place").str.strip_prefix("row ").cast(pl.UInt32)
    return (
        ticks.select("seq")
        .join(told, on="seq", how="left")
        .join(found.set_aside.select(seq=place, rule="rule"), on="seq", how="left")
        .sort("seq")
    )


def leaky_verdicts(ticks: pl.DataFrame) -> pl.DataFrame:
    """Say of each row what cleaning says of the next one: the law must catch it."""
    return verdicts(ticks).with_columns(pl.exclude("seq").shift(-1))


def broken_cuts(say: Verdicts, seeds: range, cuts_each: int) -> int:
    """Count the cuts after which scrambled or dropped rows change what was said before them."""
    broken = 0
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        ticks = walk(seed)
        whole = say(ticks)
        for cut in rng.integers(1, ticks.height, cuts_each).tolist():
            later = rng.permutation(ticks.height - cut) + cut
            values = ticks[later].drop("seq", "ts")
            mixed = ticks[cut:].select("seq", "ts").hstack(values).select(ticks.columns)
            for rest in (mixed, ticks.clear()):
                changed = say(pl.concat([ticks[:cut], rest])).head(cut)
                broken += not changed.equals(whole.head(cut))
    return broken


def test_no_verdict_knows_a_later_row():
    """Rules, sides and flags stay as they are, whatever comes after."""
    assert broken_cuts(verdicts, range(8), 30) == 0


def test_a_verdict_that_looks_ahead_is_caught():
    """A guard that finds no leak must be able to find one."""
    assert broken_cuts(leaky_verdicts, range(2), 30) > 20


@pytest.fixture
def workspace(tmp_path):
    """Return an empty data root."""
    opened = Workspace.open(tmp_path / "data")
    yield opened
    opened.state.close()


def land(workspace: Workspace, session: date, stamps_ns: list[int], **changes) -> None:
    """Land trades of a session at given instants, counted from the start of its date."""
    start = (session - date(1970, 1, 1)).days * DAY_NS
    prices = changes.pop("prices", [100.0 + n / 100 for n in range(len(stamps_ns))])
    rows = raw_ticks(*({"price": price} | changes for price in prices))
    placed = rows.with_columns(
        session=pl.lit(session),
        ts=pl.Series([start + ts for ts in stamps_ns]).cast(rows.schema["ts"]),
    )
    levels = {"symbol": SYMBOL}
    workspace.lake.commit(RAW_TICKS, levels, placed, Lineage("landed"), session=session)


def make(workspace: Workspace, days: list[date]) -> list[Outcome]:
    """Make the cleaned ticks of some sessions in one range."""
    keys = [Key(SYMBOL, day) for day in days]
    return list(make_range(workspace, recipes()["clean_ticks"], keys))


def test_what_lands_is_clean_or_in_quarantine(workspace):
    """Bad rows of every session, counted by rule; good and bad ones together are all of them."""
    for day in DAYS:
        land(workspace, day, [*range(1000)])
    bad = raw_ticks({"price": -1.0}, {"price": 100.0}, {"price": 0.0})
    bad = bad.with_columns(session=pl.lit(DAYS[1]))
    workspace.lake.commit(RAW_TICKS, {"symbol": SYMBOL}, bad, Lineage("landed"), session=DAYS[1])
    outcomes = make(workspace, DAYS)
    assert [(one.status, one.reason) for one in outcomes] == [(Status.MADE, "")] * 4
    assert [one.rows for one in outcomes] == [1000, 1, 1000, 1000]
    assert outcomes[1].counts["set_aside_non_positive_price"] == 2
    (aside,) = workspace.lake.index.entries(QUARANTINE.name)
    rows = workspace.lake.read(aside)
    assert rows["place"].to_list() == ["row 0", "row 2"]
    assert set(rows["session"]) == {DAYS[1]}


def test_any_cut_of_a_range_gives_the_same(tmp_path):
    """All sessions at once, one by one, and backwards."""
    versions = []
    for number, chunks in enumerate(([DAYS], [[day] for day in DAYS], [DAYS[2:], DAYS[:2]])):
        workspace = Workspace.open(tmp_path / str(number))
        for day in DAYS:
            land(workspace, day, [*range(0, 500 * day.day, 7)])
        made = {one.key: one.version for chunk in chunks for one in make(workspace, chunk)}
        versions.append(made)
        workspace.state.close()
    assert versions[0] == versions[1] == versions[2]
    assert len(set(versions[0].values())) == 4


def test_a_few_misplaced_rows_are_set_aside_and_many_are_an_error(workspace):
    """One row in a hundred may carry another session's stamp; with more, sessions changed."""
    land(workspace, DAYS[0], [-1, *range(98), DAY_NS])
    land(workspace, DAYS[1], [-1, *range(99)])
    too_many, few = make(workspace, DAYS[:2])
    assert too_many.status is Status.FAILED
    assert "2 of its 100 rows lie outside it" in too_many.reason
    assert (few.status, few.rows) == (Status.MADE, 99)
    assert few.counts["set_aside_other_session"] == 1


def test_another_threshold_or_tick_size_makes_stale(tmp_path):
    """The bounds are parameters of each partition; what they are stands in its footer."""
    root = tmp_path / "data"
    texts = ("", "cleaning: {median_reach: 0.2}\n", "cleaning: {median_reach: 0.2}\n")
    statuses = []
    for text in texts:
        root.mkdir(exist_ok=True)
        (root / "settings.yaml").write_text(text)
        workspace = Workspace.open(root)
        if not statuses:
            land(workspace, DAYS[0], [1, 2, 3])
        statuses += [one.status for one in make(workspace, DAYS[:1])]
        (entry,) = workspace.lake.index.entries(CLEAN_TICKS.name)
        bounds = workspace.lake.lineage(entry).parameters["cleaning"]
        assert bounds["median_reach"] == (0.2 if text else 0.1)
        workspace.state.close()
    for tick_size in (0.001, 0.5):
        (root / "instruments.yaml").write_text(
            f"instruments: {{BTCUSD: {{tick_size: {tick_size}}}}}\n"
        )
        workspace = Workspace.open(root)
        (again,) = make(workspace, DAYS[:1])
        statuses.append(again.status)
        workspace.state.close()
    assert statuses == [Status.MADE, Status.MADE, Status.KEPT, Status.MADE, Status.FAILED]
    assert "a tick size of 0.5: 67 % of 3 prices" in again.reason


def test_few_prices_off_the_grid_are_set_aside_and_many_are_an_error(workspace):
    """One in two hundred is a bad print; two in three are another instrument's tick size."""
    land(workspace, DAYS[0], [*range(200)], prices=[*([100.0] * 199), 100.001])
    (few,) = make(workspace, DAYS[:1])
    assert few.status is Status.MADE
    assert few.counts["set_aside_off_tick_grid"] == 1
    assert LakeView(workspace).at(QUARANTINE.name, SYMBOL, DAYS[0])


def test_shares_are_told_of_a_runs_totals(workspace):
    """Not the mean of the sessions' shares: a session of many trades weighs more."""
    land(workspace, DAYS[0], [1], side="buy")
    land(workspace, DAYS[1], [1, 2, 3], bid=99.0, ask=100.0)
    counts: Counter[str] = Counter()
    for outcome in make(workspace, DAYS[:2]):
        counts.update(outcome.counts)
    assert shares_of(counts, recipes()["clean_ticks"].shares) == {
        "share_side_by_feed": 0.25,
        "share_side_by_quote": 0.75,
        "share_side_by_tick": 0.0,
        "share_side_by_none": 0.0,
    }
    assert shares_of({"side_by_feed": 0.0}, ["side_by_"]) == {}
