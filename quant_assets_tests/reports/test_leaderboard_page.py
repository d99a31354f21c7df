"""The leaderboard page: every trial and column, best first, what is stale marked."""

import re

import polars as pl
import pytest

from quant_assets.market.errors import InputError
from quant_assets.optimization.leaderboard import build_leaderboard
from quant_assets.optimization.schema import LEADERBOARD
from quant_assets.reports.leaderboard_page import build_leaderboard_page
from quant_assets.reports.meanings import LEADERBOARD as TITLES
from quant_assets.reports.strip import Mark, scatter_of
from quant_assets_tests.optimization.test_overfitting import trial
from quant_assets_tests.reports.cases import board
from quant_assets_tests.reports.reading import read
from quant_assets_tests.reports.test_tear_sheet import HOSTILE


def rows_of(page: str) -> list[str]:
    """Return the HTML of each row of the leaderboard."""
    body = re.search(r'<table id="leaderboard".*?<tbody>(.*?)</tbody>', page, re.DOTALL)[1]
    return re.findall(r"<tr.*?</tr>", body, re.DOTALL)


def test_the_page_lists_every_trial_best_first():
    """Deflated Sharpe falls from row to row, and trials without one come last."""
    page = build_leaderboard_page(board(), links={f"{3:064x}": "tear_sheets/s3.html"})
    ranked = board().sort("dsr", "trial_id", descending=[True, False], nulls_last=True)
    told = [re.search(r'data-trial="(\w+)"', row)[1] for row in rows_of(page)]
    assert told == ranked["trial_id"].to_list()
    assert read(page).addresses.count("tear_sheets/s3.html") == 2  # in the table, on the mark
    assert page.count(' aria-sort="descending">deflated</th>') == 1
    assert not re.search(r"https?:", page)
    assert page == build_leaderboard_page(board(), links={f"{3:064x}": "tear_sheets/s3.html"})


def test_only_stale_rows_are_marked():
    """The row is tinted and the word stands in it."""
    page = build_leaderboard_page(board())
    for row in rows_of(page):
        is_old = f'data-trial="{0:064x}"' in row
        assert ('class="old"' in row, ">stale<" in row) == (is_old, is_old)


def test_every_column_of_the_table_stands_on_the_page_with_its_meaning():
    """A column that the table gains appears by itself, under its own name if it has no title."""
    page = build_leaderboard_page(board())
    for name, column in LEADERBOARD.schema.columns().items():
        assert f'title="{name}: {column.metadata["meaning"]}"' in page.replace("&#39;", "'")
        assert f">{TITLES.get(name, name.replace('_', ' '))}</th>" in page
    heads = re.findall(r"<th scope", page)
    assert len(heads) == len(LEADERBOARD.schema.column_names())
    assert all(row.count("<td") == len(heads) for row in rows_of(page))


def test_a_cell_sorts_by_its_exact_value_and_not_by_its_text():
    """The key holds all digits; a null has none, and a flag is 0 or 1."""
    ranked = board().sort("dsr", "trial_id", descending=[True, False], nulls_last=True)
    first, last = ranked.row(0, named=True), ranked.row(-1, named=True)
    rows = rows_of(build_leaderboard_page(board()))
    assert f'data-key="{first["dsr"]!r}"' in rows[0]
    assert last["dsr"] is None
    assert 'data-key="">-<' in re.sub(r"\s+(?=>)", "", rows[-1])
    assert 'data-key="0"' in rows[0]


def test_a_mark_stands_where_its_figures_say():
    """Places are linear in both figures, the axis holds them all, and stale ones are hollow."""
    marks = [
        Mark(-0.4, 0.0, "a", "a"),
        Mark(1.1, 1.0, "b", "b", hollow=True),
        Mark(0.35, 0.5, "c", "c"),
    ]
    drawn = scatter_of(marks, x="x", y="y", bar=0.95)
    a, b, c = drawn["marks"]
    assert c["x"] == pytest.approx((a["x"] + b["x"]) / 2, abs=0.11)
    assert c["y"] == pytest.approx((a["y"] + b["y"]) / 2, abs=0.11)
    assert a["y"] > b["y"]
    assert b["fill"] == "#fff" != a["fill"]
    (bar,) = [line for line in drawn["lines"] if line["dashed"]]
    assert bar["y1"] == bar["y2"] == pytest.approx(b["y"] + 0.05 * (a["y"] - b["y"]), abs=0.11)
    steps = [float(t["text"]) for t in drawn["texts"] if re.fullmatch(r"-?[\d.]+", t["text"])]
    assert steps[0] <= -0.4
    assert steps[-1] >= 1.1


def test_equal_figures_still_have_an_axis():
    """One trial, or all alike: nothing is divided by zero."""
    for value in (0.0, 3.0, -2e-9):
        (mark,) = scatter_of([Mark(value, 0.5, "a", "a")], x="x", y="y")["marks"]
        assert 0 <= mark["x"] <= 760


def test_each_trial_with_both_figures_has_a_mark():
    """Trials without a Sharpe ratio have no place in the scatter."""
    page = build_leaderboard_page(board())
    assert page.count("<circle") == board().drop_nulls(["sharpe", "dsr"]).height


@pytest.mark.parametrize(
    "path", ["https://example.com", "//example.com", "javascript:alert(1)", "../up.html", "/etc"]
)
def test_a_link_that_leaves_the_folder_is_refused(path):
    """Links are plain paths below the page."""
    with pytest.raises(InputError, match="a link to"):
        build_leaderboard_page(board(), links={f"{3:064x}": path})


def test_hostile_names_stay_text():
    """A strategy's name can end no element."""
    named = board().with_columns(strategy=pl.lit(HOSTILE))
    page = build_leaderboard_page(named)
    assert HOSTILE not in page
    assert "<img" not in page
    read(page)


def test_a_large_leaderboard_lists_its_best_and_stays_small():
    """10,000 trials of a sweep: all are counted, the best 2,000 have a row."""
    ids = [f"{n:064x}" for n in range(10_000)]
    one = board().filter(pl.col("dsr").is_not_null()).head(1)
    many = pl.concat([one] * 10_000).with_columns(
        trial_id=pl.Series(ids), dsr=pl.Series([n / 10_000 for n in range(10_000)])
    )
    page = build_leaderboard_page(many)
    assert "10,000 trials" in page
    assert "the best 2,000 are listed" in page
    told = [re.search(r'data-trial="(\w+)"', row)[1] for row in rows_of(page)]
    assert told == ids[:7_999:-1]
    assert len(page.encode()) < 6_000_000


def test_an_empty_leaderboard_is_a_page():
    """No trials are no error, and there is nothing to draw."""
    page = build_leaderboard_page(build_leaderboard([]))
    assert "0 trials" in page
    assert "<svg" not in page


def test_trials_that_none_has_a_figure_of_are_a_page():
    """Trials are listed though none can be drawn."""
    page = build_leaderboard_page(build_leaderboard([trial(1, None)]))
    assert len(rows_of(page)) == 1
    assert "<svg" not in page
