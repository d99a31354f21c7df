"""`check-leaks` on files found by path: planted leaks are caught, clean features are let go."""

import re
import textwrap
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.features.frame_feature import FRAME_KEYS
from quant_assets.market.errors import InputError
from quant_assets.workflows.leak_check import LEAST_CUTS, check_leaks, leak_outcome
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.features.markets import random_bars, session_of

FILES = Path(__file__).parents[1] / "features"
LEAKS = sorted(path for path in (FILES / "leaks").glob("*.py") if path.stem != "__init__")
CLEAN = sorted(path for path in (FILES / "clean").glob("*.py") if path.stem != "__init__")

HEADER = """
import numpy as np
import polars as pl
from quant_assets.features.catalog import Family, feature
from quant_assets.features.frame_feature import frame_feature

def own(name, *inputs, **more):
    more = {"look_back": 5} | more
    return feature(name=name, family=Family.CUSTOM, unit="1", inputs=inputs, source="own", **more)
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return an empty data root."""
    return Workspace.open(tmp_path_factory.mktemp("empty") / "data")


def written(folder: Path, text: str) -> Path:
    """Write a file of features."""
    path = folder / "mine.py"
    path.write_text(HEADER + textwrap.dedent(text))
    return path


def statuses(report) -> dict[str, str]:
    """Return how each feature ended."""
    return {one.feature: one.status for one in report.verdicts}


def test_there_are_six_planted_leaks():
    """One a file, whatever else is put beside them."""
    assert len(LEAKS) == 6


@pytest.mark.parametrize("file", LEAKS, ids=lambda path: path.stem)
def test_each_planted_leak_is_caught_in_each_of_its_forms(workspace, file):
    """The report names feature, cut and time; the time is not after the cut."""
    report = check_leaks(workspace, file)
    assert set(statuses(report).values()) == {"leak"}
    assert not report.is_clean
    for one in report.verdicts:
        assert one.n_cuts >= LEAST_CUTS
        assert one.first.feature == one.feature
        assert one.first.time <= one.first.cut


def test_thirty_clean_features_raise_no_alarm(workspace):
    """All had values to be judged by, at 200 cuts and more."""
    verdicts = [one for file in CLEAN for one in check_leaks(workspace, file).verdicts]
    assert [one for one in verdicts if one.status != "clean"] == []
    assert len({one.feature for one in verdicts}) == len(verdicts) >= 30
    assert all(one.n_cuts >= LEAST_CUTS and one.n_values for one in verdicts)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_rarest_leak_is_caught_and_its_twin_let_go_on_any_bars(workspace, tmp_path, seed):
    """A filled gap shows only where a cut falls into one."""
    file = written(
        tmp_path,
        """
        @frame_feature(name="leaks", inputs=("close",))
        def leaks(bars):
            return pl.col("close").interpolate()

        @frame_feature(name="clean", inputs=("close",))
        def clean(bars):
            return pl.col("close").forward_fill()
        """,
    )
    assert statuses(check_leaks(workspace, file, seed=seed)) == {"leaks": "leak", "clean": "clean"}


def test_names_do_not_matter(workspace, tmp_path):
    """A leak under a clean feature's name is one, and the other way round."""
    leak, clean = (
        FILES / folder / name
        for folder, name in (("leaks", "shift_back.py"), ("clean", "frames.py"))
    )
    swapped = leak.read_text().replace("return_1_frame", "swap").replace("return_1", "clean_one")
    file = tmp_path / "swapped.py"
    file.write_text(swapped)
    assert set(statuses(check_leaks(workspace, file)).values()) == {"leak"}
    file.write_text(
        re.sub(r"name=\"(\w+)\"", r'name="leaky_\1"', clean.read_text()).replace(
            "rolled_close=pl", "leaky_rolled_close=pl"
        )
    )
    assert set(statuses(check_leaks(workspace, file)).values()) == {"clean"}


def test_a_function_that_gives_other_values_each_time_is_unstable_and_no_leak(workspace, tmp_path):
    """What differs on the same bars says nothing about later ones."""
    file = written(
        tmp_path,
        """
        rng = np.random.default_rng()

        @own("noise", "close")
        def noise(bars):
            return bars["close"] + rng.normal(size=len(bars))

        @own("steady", "close")
        def steady(bars):
            return bars["close"]
        """,
    )
    report = check_leaks(workspace, file)
    assert statuses(report) == {"noise": "unstable", "steady": "clean"}
    assert not report.is_clean


def test_a_function_that_fails_on_fewer_rows_is_an_error_and_the_rest_is_judged(
    workspace, tmp_path
):
    """The report says on which rows, and what was raised."""
    file = written(
        tmp_path,
        """
        @frame_feature(name="needs_many", inputs=("close",))
        def needs_many(bars):
            if len(bars) < 300:
                raise ValueError("too few")
            return pl.col("close")

        @frame_feature(name="short", inputs=("close",))
        def short(bars):
            return bars["close"][1:]

        @frame_feature(name="peeks", inputs=("close",))
        def peeks(bars):
            return pl.col("close").shift(-2)
        """,
    )
    found = {one.feature: one for one in check_leaks(workspace, file).verdicts}
    assert {n: one.status for n, one in found.items()} == {
        "needs_many": "error",
        "short": "error",
        "peeks": "leak",
    }
    assert re.search(
        r"with rows after 2024-\S+ removed: ValueError: too few", found["needs_many"].message
    )
    assert "with all rows" in found["short"].message


def test_a_feature_without_a_value_is_told_as_not_judged(workspace, tmp_path):
    """Nothing that could change is no proof."""
    file = written(
        tmp_path,
        """
        @own("nothing", "close")
        def nothing(bars):
            return np.full(len(bars), np.nan)
        """,
    )
    report = check_leaks(workspace, file)
    assert statuses(report) == {"nothing": "not judged"}
    assert not report.is_clean


LATE = """
        @own("late", "close", look_back=0)
        def late(bars):
            ends = bars.bar_start_ns[-1] // 86_400_000_000_000
            return bars["close"] * (bars.bar_start_ns // 86_400_000_000_000 == ends)
        """


def test_a_leak_over_the_sessions_end_is_caught(workspace, tmp_path):
    """Within one session such a function is honest: the stretch of several shows it."""
    verdict = check_leaks(workspace, written(tmp_path, LATE)).verdicts[0]
    assert verdict.status == "leak"
    assert verdict.bars.endswith("sessions in one")


REMEMBERED = """
        KNOWN = {}

        @own("window", "high", look_back=0)
        def window(bars):
            day = bars.bar_start_ns[0] // 86_400_000_000_000
            return np.full(len(bars), KNOWN.setdefault(day, bars["high"].max()))

        @frame_feature(name="frame", inputs=("close",))
        def frame(bars):
            key = "frame", bars["bar_start"][0]
            return KNOWN.setdefault(key, bars.select("bar_start", frame=pl.col("close").shift(-1)))
        """


def test_what_a_function_remembers_of_the_whole_hides_no_leak(workspace, tmp_path):
    """A high of the day that is kept by its day is the same for all bars that are changed."""
    report = check_leaks(workspace, written(tmp_path, REMEMBERED))
    assert statuses(report) == {"window": "leak", "frame": "leak"}


@pytest.mark.parametrize("name", ["values.parquet", "values.csv"])
def test_a_file_of_values_is_refused(workspace, tmp_path, name):
    """The error says what cannot be judged, and what to give."""
    with pytest.raises(InputError, match=r"cannot be computed again.*Give the Python file"):
        check_leaks(workspace, tmp_path / name)


def test_a_file_without_features_is_refused(workspace, tmp_path):
    """Nothing judged is not clean."""
    with pytest.raises(InputError, match="declares none"):
        check_leaks(workspace, written(tmp_path, ""))


def test_bars_of_a_symbol_that_the_lake_lacks_are_refused(workspace):
    """The error says which there are."""
    with pytest.raises(InputError, match=r"bars of ES.*bars of no symbol"):
        check_leaks(workspace, CLEAN[0], symbol="ES")


SESSION = session_of(2)
GAP = pl.int_range(pl.len()).is_between(2 * 90 + 50, 2 * 90 + 52)
BARS = random_bars(4, 90, seed=5).select(
    *FRAME_KEYS, "high", close=pl.when(~GAP).then(pl.col("close"))
)
"""Four sessions of 90 bars; three closes of the third are missing."""


def window_of(expression: pl.Expr, bars: pl.DataFrame) -> pl.DataFrame:
    """Return an expression of all bars, on the rows of the session."""
    rows = bars.select(*FRAME_KEYS, value=expression)
    return rows.filter(pl.col("session") == SESSION)


def judged(expression: pl.Expr, change=lambda stored: stored):
    """Hold what an expression gives against the law, after a change of what is stored."""
    compute = partial(window_of, expression)
    return leak_outcome(compute, BARS, change(compute(BARS)), session=SESSION)


def test_a_stored_session_of_an_honest_feature_passes_at_two_hundred_cuts():
    """Also where it has fewer bars than that."""
    found = judged(pl.col("close").rolling_mean(5))
    assert found.passed
    assert found.n_cuts == LEAST_CUTS > 90


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(pl.col("close").shift(-1), id="next_bar"),
        pytest.param(pl.col("high").max().over("session"), id="high_of_the_day"),
        pytest.param(pl.col("close").interpolate(), id="filled_gap"),
    ],
)
def test_a_stored_session_that_knows_the_future_does_not_pass(expression):
    """The leak names column, cut and time."""
    found = judged(expression)
    assert not found.passed
    assert {leak.feature for leak in found.leaks} == {"value"}
    assert all(leak.time <= leak.cut for leak in found.leaks)


def test_one_stored_bit_that_is_not_what_the_bars_give_is_seen():
    """The rows of the file are compared, not a second computation."""

    def nudged(stored: pl.DataFrame) -> pl.DataFrame:
        values = stored["value"].to_numpy(writable=True)
        values[40] = np.nextafter(values[40], np.inf)
        return stored.with_columns(value=pl.Series(values).fill_nan(None))

    found = judged(pl.col("high"), nudged)
    times = {leak.time for leak in found.leaks}
    assert times == {window_of(pl.col("high"), BARS)["bar_start"][40]}


def test_what_is_raised_on_changed_bars_is_told():
    """A check that cannot be made does not pass."""

    def compute(bars: pl.DataFrame) -> pl.DataFrame:
        if bars["bar_start"].max() < BARS["bar_start"].max() - timedelta(hours=25):
            raise RuntimeError("no bars left")
        return window_of(pl.col("high"), bars)

    found = leak_outcome(compute, BARS, compute(BARS), session=SESSION)
    assert not found.passed
    assert found.error == "RuntimeError: no bars left"
