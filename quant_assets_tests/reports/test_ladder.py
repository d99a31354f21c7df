"""The ladder: which cells it shows, and that picture and page show them all."""

import json
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.bars.footprint import RULES, Footprints
from quant_assets.reports.footprint_page import MOST_BARS, build_footprint_page
from quant_assets.reports.ladder import build_ladder, busiest_bars, quantity
from quant_assets.reports.ladder_picture import draw_ladder
from quant_assets_tests.bars.test_footprint import FIRST_DAY, TICK, made, trade_lists
from quant_assets_tests.reports.reading import own_text, read

NS_PER_DAY = 86_400_000_000_000


def walk(n: int = 3_000, seed: int = 7) -> Footprints:
    """Return minute footprints of a random walk through one session."""
    rng = np.random.default_rng(seed)
    ts = FIRST_DAY * NS_PER_DAY + np.sort(rng.integers(0, 3_600 * 10**9, n))
    price = 4_000 * TICK + TICK * np.cumsum(rng.integers(-1, 2, n))
    sides = np.array(["buy", "sell", "unknown"])[rng.integers(0, 3, n)]
    rows = zip(ts.tolist(), price.tolist(), sides.tolist(), strict=True)
    return made([(t, FIRST_DAY, p, 1.0, s) for t, p, s in rows], "1m")


def page_of(found: Footprints, **changes) -> str:
    """Return the page of some footprints."""
    parts = {"title": "Footprint: ES, 1m", "source": "Made from ticks.csv.", "synthetic": True}
    return build_footprint_page(
        found.rows, found.bars, bucket=TICK, rules=RULES, **(parts | changes)
    )


def chart_of(page: str) -> dict:
    """Return the chart that a page draws."""
    return json.loads(re.search(r"const chart = (\{.*\});\n", own_text(page))[1])


def test_a_page_shows_every_cell_of_its_bars():
    """Text, colour and marks stand for each row; the page asks nobody for anything."""
    found = walk()
    page = page_of(found)
    assert read(page).addresses == ["data:,"]
    traces = {trace["name"]: trace for trace in chart_of(page)["data"] if "name" in trace}
    assert len(traces["delta of the row"]["x"]) == found.rows.height
    assert len(traces["bid volume"]["text"]) == found.rows.height
    assert len(traces["point of control"]["x"]) == found.bars.height
    assert traces["delta"]["y"] == found.bars["delta"].to_list()
    bold = sum(text.startswith("<b>") for text in traces["ask volume"]["text"])
    assert bold == found.bars["imbalance_buy"].sum() > 0
    assert "synthetic data" in page
    assert "last 60 of 60 bars" in page


def test_a_page_of_too_many_bars_shows_the_last_and_says_so():
    """A browser could not draw them all."""
    trades = [(FIRST_DAY * NS_PER_DAY + n, FIRST_DAY, TICK, 1.0, "buy") for n in range(1_000)]
    page = page_of(made(trades, "tick1"))
    assert f"last {MOST_BARS} of 1,000 bars" in page
    assert len(chart_of(page)["layout"]["xaxis"]["tickvals"]) == MOST_BARS


def test_a_page_without_bars_is_a_page():
    """Nothing traded: nothing is drawn."""
    assert "no bars" in page_of(made([], "1m"))


def test_what_a_page_is_told_is_escaped():
    """A file's name ends no element."""
    page = page_of(walk(50), title="<script>alert(1)</script>", source="</footer><b>")
    assert "<script>alert" not in page
    assert "&lt;/footer&gt;" in page


def test_the_picture_is_a_png_and_the_same_for_the_same_bars():
    """Fixed sizes, no date in it."""
    found = walk()
    parts = {"bucket": TICK, "rules": RULES, "title": "ES"}
    first = draw_ladder(found.rows, found.bars, **parts)
    assert first.startswith(b"\x89PNG")
    assert first == draw_ladder(found.rows, found.bars, **parts)


@settings(max_examples=10)
@given(trades=trade_lists())
def test_any_footprint_can_be_drawn(trades):
    """One bar, no bar, a zero volume on a side: nothing stops the picture."""
    found = made(trades, "1m")
    parts = {"bucket": TICK, "rules": RULES, "title": "any"}
    assert draw_ladder(found.rows, found.bars, **parts).startswith(b"\x89PNG")
    chart_of(page_of(found))


@given(spread=st.integers(1, 2_000_000))
def test_rows_are_made_wider_until_they_fit(spread):
    """By 1, 2, 5 or 10 times a power of ten, and never more than needed."""
    trades = [
        (FIRST_DAY * NS_PER_DAY + n, FIRST_DAY, n * spread * TICK, 1.0, "buy") for n in range(2)
    ]
    found = made(trades, "1h")
    ladder = build_ladder(found.rows, found.bars, bucket=TICK, rules=RULES, most_rows=50)
    factor = ladder.bucket // TICK
    assert ladder.bucket % TICK == 0
    assert str(factor).rstrip("0") in {"1", "2", "5"}
    assert (spread + 1) / factor <= 50
    assert factor == 1 or (spread + 1) / (factor / 2.5) > 50 * 0.99
    assert ladder.cells["trades"].sum() == 2


def test_colours_stay_light_and_figures_keep_their_digits():
    """One huge row bleaches no other; a million and a half is not written 1.5e+06."""
    ts = FIRST_DAY * NS_PER_DAY
    volumes = [1_423_901.0, *([10.0] * 40)]
    trades = [(ts + n, FIRST_DAY, TICK * n, v, "buy") for n, v in enumerate(volumes)]
    (cells,) = (t for t in chart_of(page_of(made(trades, "1h")))["data"] if "base" in t)
    assert "1423901" in cells["text"][0]
    assert len(set(cells["marker"]["color"])) == 1
    assert all(int(colour[1:3], 16) >= 140 for colour in cells["marker"]["color"])


def test_a_chart_of_rows_put_together_says_so():
    """The reader must not take its rows for the footprint's."""
    ts = FIRST_DAY * NS_PER_DAY
    trades = [(ts + n, FIRST_DAY, n * 300 * TICK, 1.0, "buy") for n in range(2)]
    trades += [(ts + n, FIRST_DAY, n * 300 * TICK, 1.0, "buy") for n in range(2, 4)]
    assert "of the footprint&#39;s put together" in page_of(made(trades, "1h"))


def test_the_busiest_bars_are_neighbours():
    """The stretch of most volume, the first of equals."""
    bars = pl.DataFrame({"volume": [1.0, 5.0, 5.0, 1.0, 6.0, 4.0]})
    assert busiest_bars(bars, 2)["volume"].to_list() == [5.0, 5.0]
    assert busiest_bars(bars, 9).equals(bars)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (340.0, "340"), (0.0156, "0.0156"), (12_345.0, "12k"), (2.5e7, "25M")],
)
def test_quantities_are_short(value, text):
    """A cell has room for four characters or so."""
    assert quantity(value) == text


def test_bars_that_share_a_start_stay_apart():
    """A session that begins inside four hours gives both sessions a bar of that start."""
    ts = FIRST_DAY * NS_PER_DAY
    trades = [(ts + n, FIRST_DAY + n // 2, TICK * (n % 2), 1.0, "buy") for n in range(4)]
    found = made(trades, "4h")
    assert found.bars["bar_start"].n_unique() == 1
    ladder = build_ladder(found.rows, found.bars, bucket=TICK, rules=RULES, most_rows=50)
    assert ladder.cells.height == found.rows.height == 4
    assert ladder.cells["at"].to_list() == [0, 0, 1, 1]
    assert ladder.cells["is_poc"].sum() == 2
    assert ladder.cells["buy_imbalance"].sum() == found.bars["imbalance_buy"].sum() == 2
