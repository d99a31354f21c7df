"""A sweep's report: each cell is what a plain loop over the trials says."""

import itertools
import math
import re
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.errors import InputError
from quant_assets.optimization.cscv import Overfitting
from quant_assets.reports.sections import script_charts
from quant_assets.reports.sweep_charts import overfitting_section, parallel_section
from quant_assets.reports.sweep_frames import MOST_VALUES, key_values, pair_cells
from quant_assets.reports.sweep_page import build_sweep_report
from quant_assets.reports.sweep_tables import N_TRIALS_SHOWN
from quant_assets_tests.reports import cases
from quant_assets_tests.reports.cases import VARIED, sweep_trials
from quant_assets_tests.reports.reading import charts_of, own_text, read, table_of
from quant_assets_tests.reports.test_tear_sheet import HOSTILE


def report(trials: pl.DataFrame, **changes: object) -> str:
    """Return the report of some trials."""
    asked = {"varied": VARIED, "metric": "sharpe", "title": "Sweep", "synthetic": False}
    return build_sweep_report(trials, **(asked | changes))


@pytest.fixture(scope="module")
def page() -> str:
    """A report with all that it can show."""
    return cases.sweep_report()


def test_a_report_asks_for_nothing_from_outside(page):
    """Outside plotly.js there is no address, and the same input gives the same bytes."""
    text = own_text(page)
    assert not re.search(r"https?:|//[a-z]", text.replace("// ", ""))
    assert read(text).addresses == ["data:,"]
    assert page == cases.sweep_report()
    assert len(page.encode()) < 6_000_000


def test_every_chart_has_its_place_and_its_marks(page):
    """Keys alone, all side by side, plateaus and logits; each trace has values."""
    charts, ids = charts_of(page), read(own_text(page)).ids
    assert sorted(charts) == [
        "logits", "marginal_0", "marginal_1", "marginal_2", "parallel", "plateau",
    ]  # fmt: skip
    assert set(charts) < set(ids)
    assert "heat" in ids
    assert all(len(trace["y"]) for chart in charts.values() for trace in chart["data"])


def test_each_cell_holds_the_best_and_the_mean_whatever_the_other_keys():
    """For each two keys and each cell, against a loop; what was not completed counts nowhere."""
    trials = sweep_trials()
    done = trials.filter(pl.col("state") == "completed")
    pairs = pair_cells(done, varied=VARIED, metric="sharpe")
    assert [pair["keys"] for pair in pairs] == [
        ["fast", "slow"], ["fast", "exit"], ["slow", "exit"],
    ]  # fmt: skip
    for pair in pairs:
        across, up = pair["keys"]
        held = defaultdict(list)
        for row in trials.iter_rows(named=True):
            if row["state"] == "completed":
                held[str(row[across]), str(row[up])].append(row["sharpe"])
        for y, top in enumerate(pair["labels"][1]):
            for x, side in enumerate(pair["labels"][0]):
                own = held[side, top]
                assert pair["counts"][y][x] == len(own)
                best = pytest.approx(max(own), rel=1e-5) if own else None
                assert pair["best"][y][x] == best
                mean = sum(own) / len(own) if own else None
                assert pair["mean"][y][x] == (
                    mean if mean is None else pytest.approx(mean, rel=1e-5)
                )
        assert pair["others"] == [key for key in VARIED if key not in pair["keys"]]


FIGURES = st.lists(st.none() | st.integers(-9, 9) | st.floats(-5, 5), min_size=1, max_size=60)


@given(FIGURES)
def test_values_of_a_key_stand_in_order_of_size(values):
    """Not of text: 9 stands before 10; equal figures are one value, null comes first."""
    column = pl.Series(values, dtype=pl.Float64)
    told = key_values(column)
    known = sorted({f"{v:.10g}" for v in column.drop_nulls()}, key=float)
    assert told.texts == ["-" if v is None else f"{v:.10g}" for v in column]
    assert [float(t) for t in told.ordered if t != "-"] == [float(t) for t in known]
    assert [told.ordered[place] for place in told.places] == told.texts


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=30, max_size=200))
def test_many_figures_are_put_into_ranges_that_hold_them(values):
    """A random search over a continuous key: at most twenty ranges, each figure inside its own."""
    column = pl.Series(values, dtype=pl.Float64)
    told = key_values(column, most=MOST_VALUES)
    assert len([t for t in told.ordered if t != "-"]) <= MOST_VALUES
    assert set(told.ordered) == set(told.texts)
    order = {}
    for value, text in zip(column, told.texts, strict=True):
        if value is not None:
            order.setdefault(text, []).append(value)
    spans = [(min(order[t]), max(order[t])) for t in told.ordered if t != "-"]
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


def test_a_range_holds_its_lower_end_and_the_last_one_both():
    """Four ranges of forty figures: 9 lies in the second, 39 in the last."""
    told = key_values(pl.Series(range(40)), most=4)
    assert told.ordered == ["0 to 9", "9 to 19", "19 to 29", "29 to 39"]
    assert [told.texts[n] for n in (0, 8, 9, 19, 38, 39)] == [
        "0 to 9", "0 to 9", "9 to 19", "19 to 29", "29 to 39", "29 to 39",
    ]  # fmt: skip


def test_the_best_trial_stands_first_and_its_keys_with_it(page):
    """By the metric, nulls and unfinished cells nowhere."""
    done = sweep_trials().filter(pl.col("state") == "completed")
    rows = table_of(own_text(page), "trials")
    best = done.sort("sharpe", descending=True).row(0, named=True)
    assert rows[0][:5] == [
        "1", str(best["fast"]), str(best["slow"]), best["exit"], f"{best['sharpe']:,.3f}",
    ]  # fmt: skip
    assert len(rows) == done.height
    assert [float(r[4]) for r in rows] == sorted((float(r[4]) for r in rows), reverse=True)


def test_a_large_sweep_is_cut_and_says_so_and_stays_small():
    """20,000 trials by random search: the table, the lines and the dots are bounded."""
    rng = np.random.default_rng(1)
    n = 20_000
    keys = {name: rng.random(n) for name in ("a", "b", "c", "d", "e", "f", "g", "h", "i")}
    trials = pl.DataFrame(
        keys | {"sharpe": rng.normal(size=n), "plateau": rng.normal(size=n)}
    ).with_columns(state=pl.lit("completed"))
    text = report(trials, varied=tuple(keys))
    assert len(text.encode()) < 6_000_000
    assert f"Best {N_TRIALS_SHOWN} of 20,000 completed trials" in text
    assert "1,000 of 20,000 completed trials, evenly spread" in text


def test_cells_without_a_result_are_listed_with_their_reasons(page):
    """Counted by reason, then cell by cell."""
    text, trials = own_text(page), sweep_trials()
    rest = trials.filter(pl.col("state") != "completed")
    counts = table_of(text, "reasons")
    assert sum(int(row[2]) for row in counts) == rest.height
    assert ["invalid", "signal.fast &lt; signal.slow / 2 fails", "10"] in counts
    rows = table_of(text, "unfinished")
    assert len(rows) == rest.height
    assert {row[0] for row in rows} == {"invalid", "failed"}


def test_a_line_of_the_parallel_chart_is_a_trial():
    """Each line meets each axis at its value, and the metric between lowest and highest."""
    done = sweep_trials().filter(pl.col("state") == "completed").sort("sharpe", descending=True)
    (section,) = parallel_section(done, varied=VARIED, metric="sharpe")
    lines = []
    for trace in section.chart.traces:
        points = list(zip(trace["x"], trace["y"], strict=True))
        lines += [points[at : at + 4] for at in range(0, len(points), 5)]
    assert len(lines) == done.height
    low, high = done["sharpe"].min(), done["sharpe"].max()
    slows = sorted(set(done["slow"]))
    wanted = sorted(
        (round(slows.index(row["slow"]) / 4, 4), round((row["sharpe"] - low) / (high - low), 4))
        for row in done.iter_rows(named=True)
    )
    assert sorted((line[1][1], line[3][1]) for line in lines) == wanted
    assert max(section.chart.traces[-1]["y"][3::5]) == 1.0


def test_the_logits_in_red_are_the_probability():
    """A logit of exactly 0 counts as overfit, as the share at or below 0 does; none is lost."""
    told = cases.overfitting()
    section = overfitting_section(told)
    (bars,) = section.chart.traces
    red = [n for n, c in zip(bars["y"], bars["marker"]["color"], strict=True) if c == "#b3261e"]
    assert sum(bars["y"]) == len(told.logits)
    assert sum(red) / sum(bars["y"]) == pytest.approx(told.pbo)
    assert sum(value <= 0.0 for value in told.logits) == sum(red)


@given(st.lists(st.floats(-40, 40) | st.sampled_from([0.0, math.inf, -math.inf]), min_size=1))
def test_no_logit_is_lost_and_the_split_at_zero_is_exact(logits):
    """Whatever they are: all are counted, those at or below 0 in red."""
    (bars,) = overfitting_section(Overfitting(0.5, np.array(logits), 9, 16, 4)).chart.traces
    red = [n for n, c in zip(bars["y"], bars["marker"]["color"], strict=True) if c == "#b3261e"]
    assert (sum(bars["y"]), sum(red)) == (len(logits), sum(v <= 0.0 for v in logits))


def test_without_a_probability_the_reason_stands_there():
    """PBO is none, not 0."""
    none = Overfitting(None, np.empty(0), 9, 3, 0, "too few sessions")
    assert overfitting_section(none).note == "None: too few sessions."
    assert "it was not computed" in own_text(report(sweep_trials()))


def test_a_sweep_of_one_key_has_no_heat_map():
    """There is nothing to set against it; the key's own chart remains."""
    one = sweep_trials().filter((pl.col("slow") == 40) & (pl.col("exit") == "stop"))
    text = report(one, varied=("fast",))
    assert 'id="heat"' not in text
    assert "marginal_0" in charts_of(text)
    read(own_text(text))


@pytest.mark.parametrize("state", ["failed", "pending"])
def test_a_sweep_without_a_result_has_a_page(state):
    """All cells failed, or none has run yet."""
    none = sweep_trials().with_columns(state=pl.lit(state), sharpe=pl.lit(None, pl.Float64))
    text = own_text(report(none))
    assert "No cell was completed." in text
    assert "0 of 0" in text
    read(text)


def test_a_missing_column_is_named():
    """The message says which, and which there are."""
    with pytest.raises(InputError, match=r"no column exit.*fast"):
        report(sweep_trials().drop("exit"))


def test_hostile_reasons_and_values_stay_text():
    """A reason or a value can end neither an element nor a script."""
    bad = sweep_trials().with_columns(exit=pl.lit(HOSTILE), reason=pl.lit(HOSTILE))
    text = own_text(report(bad, title=HOSTILE))
    assert HOSTILE not in text
    assert "<img" not in text
    read(text)
    assert script_charts([]) == []
