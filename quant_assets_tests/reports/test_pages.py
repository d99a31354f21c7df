"""Pages: whole in one file, the same bytes for the same input, and nothing from outside."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

from quant_assets.backtests.engine import Result, run_backtest
from quant_assets.backtests.metrics import METRIC_NAMES
from quant_assets.market.errors import InputError
from quant_assets.optimization.leaderboard import build_leaderboard
from quant_assets.optimization.schema import LEADERBOARD
from quant_assets.reports.charts import build_charts
from quant_assets.reports.leaderboard_page import build_leaderboard_page
from quant_assets.reports.meanings import COSTS, METRICS
from quant_assets.reports.meanings import LEADERBOARD as TITLES
from quant_assets.reports.numbers import script_json
from quant_assets.reports.tear_sheet import Provenance, build_tear_sheet
from quant_assets_tests.backtests.market import strategy
from quant_assets_tests.backtests.test_engine import random_case
from quant_assets_tests.optimization.test_overfitting import trial

PROVENANCE = Provenance(
    data_versions={"bars/ES": "1" * 64, "predictions/ES": "2" * 64},
    code_version="c" * 64,
    model_version="e" * 64,
    command="quant backtest trial",
    synthetic=True,
)


class Reader(HTMLParser):
    """Collects the ids, the addresses, and whether every element is closed."""

    void = frozenset({"meta", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        """Note an element."""
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.addresses += [values[k] for k in ("src", "href") if k in values]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Note its end."""
        assert self.open.pop() == tag


def read(page: str) -> Reader:
    """Parse a page and check that its elements are closed."""
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def result() -> Result:
    """A backtest with trades in two symbols."""
    return run_backtest(*random_case(7))


@pytest.fixture(scope="module")
def page(result) -> str:
    """Its tear sheet."""
    return build_tear_sheet(result, strategy=strategy(), provenance=PROVENANCE)


def returns_of(result: Result) -> pl.DataFrame:
    """Return a return of nothing for each session."""
    sessions = result.equity["session"].unique(maintain_order=True)
    return pl.DataFrame({"session": sessions, "return": [0.0] * len(sessions)})


def own_text(page: str) -> str:
    """Return the page without plotly.js, which must stand in it once."""
    from plotly.offline import get_plotlyjs

    script = get_plotlyjs()
    assert page.count(script) == 1
    return page.replace(script, "")


def test_a_tear_sheet_asks_for_nothing_from_outside(page):
    """Outside plotly.js there is no address at all, and the content policy forbids requests."""
    text = own_text(page)
    assert not re.search(r"https?:|//[a-z]", text)
    assert read(text).addresses == ["data:,"]
    assert "default-src &#39;none&#39;" in text


def test_every_chart_has_its_place_and_its_marks(page, result):
    """Each chart's id is an element of the page, and its trace has values."""
    import json

    text = own_text(page)
    charts = json.loads(re.search(r"const charts = (.*);\n", text)[1])
    ids = read(text).ids
    assert len(set(ids)) == len(ids)
    assert [chart["id"] for chart in charts] == ["equity", "drawdown", "returns", "results"]
    for chart in charts:
        assert chart["id"] in ids
        assert len(chart["data"][0]["y"]) > 1
    assert charts[0]["data"][0]["y"] == result.equity["equity"].to_list()


def test_no_button_of_a_chart_uploads_it(page):
    """plotly.js offers to upload each chart unless its buttons are named one by one."""
    named = re.search(r"const buttons = (.*);\n", own_text(page))[1]
    assert named == '[["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]]'
    assert "modeBarButtons: buttons" in own_text(page)
    assert "form-action &#39;none&#39;" in page


def test_marks_are_joined_by_steps_and_not_by_slopes(result):
    """Over a weekend the account is where it was, not on the way to Monday."""
    charts = {chart["id"]: chart for chart in build_charts(result, returns_of(result))}
    for name in ("equity", "drawdown"):
        assert charts[name]["data"][0]["line"]["shape"] == "hv"


def test_only_the_last_2000_trades_have_a_bar(result):
    """Each bar is an element of its own: a browser cannot hold a hundred thousand."""
    many = pl.concat([result.trades] * (2100 // result.trades.height + 1))
    chart = build_charts(replace(result, trades=many), returns_of(result))[-1]
    assert chart["data"][0]["y"] == many["net"].tail(2000).to_list()
    assert chart["data"][0]["x0"] == many.height - 1999
    assert chart["title"] == f"Net result by trade, USD, last 2,000 of {many.height:,}"


def test_prices_of_a_symbol_have_the_same_digits(page):
    """Digits stand below each other: 1.2870 is not shown as 1.287 beside 1.2873."""
    table = page[page.index('<table id="trades"') :]
    rows = re.findall(r"<tr><td.*?</tr>", table[: table.index("</table>")], flags=re.DOTALL)
    digits = {}
    for row in rows:
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        digits.setdefault(cells[1], set()).update(len(c.partition(".")[2]) for c in cells[6:8])
    assert digits
    assert all(len(found) == 1 for found in digits.values())


def test_every_figure_has_a_name_and_a_meaning(page):
    """No metric and no column of the leaderboard is left out."""
    assert set(METRICS) | set(COSTS) == set(METRIC_NAMES)
    assert not set(METRICS) & set(COSTS)
    assert set(TITLES) == set(LEADERBOARD.schema.column_names())
    text = own_text(page)
    assert all(f">{title}</span>" in text for title in ("Sharpe ratio", "expectancy, USD"))


def test_a_tear_sheet_tells_what_it_was_made_from(page, result):
    """Command, run, versions, seed and the word synthetic, in red."""
    footer = page[page.index('<footer id="provenance">') :][:6000]
    wanted = ("quant backtest trial", result.run_hash, "1" * 64, "2" * 64, "c" * 64, "e" * 64)
    assert all(text in footer for text in wanted)
    assert '<p class="synthetic">synthetic' in footer
    assert ".synthetic { color: #c00000" in page


def test_real_data_is_not_called_synthetic(result):
    """The mark stands only where it is true."""
    real = build_tear_sheet(
        result, strategy=strategy(), provenance=replace(PROVENANCE, synthetic=False)
    )
    assert 'class="synthetic"' not in real


def test_the_last_200_trades_are_shown(result):
    """A long list is cut, and the page says how many there are."""
    many = pl.concat([result.trades] * (400 // result.trades.height + 1))
    text = own_text(
        build_tear_sheet(replace(result, trades=many), strategy=strategy(), provenance=PROVENANCE)
    )
    assert f"Last 200 of {many.height} trades" in text
    assert text.count(result.run_hash[:10] + "-") == 200


def test_the_same_input_gives_the_same_page(page, result):
    """Nothing random, no clock."""
    assert build_tear_sheet(result, strategy=strategy(), provenance=PROVENANCE) == page


def test_a_backtest_without_trades_has_a_page():
    """A strategy that never trades is a result too."""
    quiet = strategy(decision={"threshold": 0.9999, "side": "long"})
    histories, _, instruments = random_case(7)
    silent = {
        name: replace(h, signals=h.signals.with_columns(side=pl.lit(0, dtype=pl.Int8)))
        for name, h in histories.items()
    }
    made = run_backtest(silent, quiet, instruments)
    assert made.trades.is_empty()
    text = own_text(build_tear_sheet(made, strategy=quiet, provenance=PROVENANCE))
    assert "Last 0 of 0 trades" in text


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_hostile_text_stays_text(result):
    """Names from outside can end neither an element nor a script."""
    hostile = replace(PROVENANCE, command=HOSTILE, data_versions={HOSTILE: "v"})
    text = own_text(build_tear_sheet(result, strategy=strategy(), provenance=hostile))
    assert HOSTILE not in text
    assert "<img" not in text
    read(text)
    assert "<" not in script_json({"x": HOSTILE})


def board() -> pl.DataFrame:
    """Return a leaderboard of three trials."""
    return build_leaderboard([trial(1, 0.2), trial(2, None), trial(3, 0.4)], stale={f"{1:064x}"})


def test_the_leaderboard_page_lists_every_trial_best_first():
    """Order, link, stale mark and the sort key of each cell."""
    page = build_leaderboard_page(board(), links={f"{3:064x}": "tear_sheets/s3.html"})
    text = re.sub(r"\s+", " ", page)
    assert text.index(">s3<") < text.index(">s1<") < text.index(">s2<")
    reader = read(page)
    assert reader.addresses == ["data:,", "tear_sheets/s3.html"]
    assert 'class="stale">stale<' in text
    assert 'data-key="">-<' in text
    assert text.count(' aria-sort="descending">deflated</th>') == 1
    assert f'title="{3:064x}" class="text">0000000000<' in text
    assert not re.search(r"https?:", page)
    assert page == build_leaderboard_page(board(), links={f"{3:064x}": "tear_sheets/s3.html"})


@pytest.mark.parametrize(
    "path", ["https://example.com", "//example.com", "javascript:alert(1)", "../up.html", "/etc"]
)
def test_a_link_that_leaves_the_folder_is_refused(path):
    """Links are plain paths below the page."""
    with pytest.raises(InputError, match="a link to"):
        build_leaderboard_page(board(), links={f"{3:064x}": path})


def test_an_empty_leaderboard_is_a_page():
    """No trials are no error."""
    assert "0 trials" in build_leaderboard_page(build_leaderboard([]))
