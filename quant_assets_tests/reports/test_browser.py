"""Pages in a headless Chromium without a network: nothing asked, nothing logged, all drawn."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from quant_assets.reports.leaderboard_page import build_leaderboard_page
from quant_assets_tests.reports import cases
from quant_assets_tests.reports.browser import Browser, find_chromium
from quant_assets_tests.reports.real_backtest import real_tear_sheet
from quant_assets_tests.reports.test_ladder import page_of, walk

WIDTHS = (1280, 390)
MARKS = """
Array.from(document.querySelectorAll(".chart, #ladder, svg.marks"), (chart) => {
  const layers = ".scatterlayer path, .barlayer path, .waterfalllayer path, .heatmaplayer image";
  const drawn = chart.querySelectorAll(chart.matches("svg") ? "circle" : layers);
  const seen = Array.from(drawn).filter((mark) => {
    const box = mark.getBoundingClientRect();
    return box.width + box.height > 0;
  });
  return [chart.id, seen.length];
})
"""
CUT = """
Array.from(document.querySelectorAll("h1, h2, p, .metrics div, svg.main-svg .xtitle, .ytitle"))
  .filter((text) => {
    const box = text.getBoundingClientRect();
    return box.width > 0 && (box.left < -1 || box.right > innerWidth + 1);
  }).map((text) => text.textContent)
"""


@cache
def page_named(name: str) -> str:
    """Return one of the pages; each is made once."""
    return PAGES[name]()


def leaderboard() -> str:
    """Return a leaderboard with a tear sheet."""
    return build_leaderboard_page(cases.board(), links={f"{3:064x}": "s3.html"}, synthetic=True)


PAGES: dict[str, Callable[[], str]] = {
    "tear_sheet": cases.whole_tear_sheet,
    "quiet_tear_sheet": cases.quiet_tear_sheet,
    "sweep": cases.sweep_report,
    "leaderboard": leaderboard,
    "footprint": lambda: page_of(walk()),
}
N_CHARTS = {"tear_sheet": 14, "quiet_tear_sheet": 2, "sweep": 7, "leaderboard": 1, "footprint": 1}


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    """One Chromium for all tests of this file."""
    with Browser(find_chromium(), tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def show(browser, tmp_path_factory):
    """Open a page's text at some width."""
    folder, numbers = tmp_path_factory.mktemp("pages"), itertools.count()

    def opened(text: str, width: int = 1280):
        path = folder / f"{next(numbers)}.html"
        path.write_text(text, encoding="utf-8")
        return browser.open(path, width=width)

    return opened


def check(tab, *, n_charts: int, width: int) -> None:
    """Check what holds for every page."""
    assert tab.requests == [tab.address]
    assert tab.complaints == []
    marks = dict(tab.run(MARKS))
    assert len(marks) == n_charts
    assert all(marks.values()), marks
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run(CUT) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_nobody_logs_nothing_and_draws_every_chart(show, name, width):
    """As wide as a screen and as a phone; no heading, text or axis is cut off at its side."""
    check(show(page_named(name), width), n_charts=N_CHARTS[name], width=width)


@pytest.mark.shared
def test_a_backtest_of_a_real_market_has_a_page_as_well(show, shared_data):
    """Euro against dollar from a file, traded by a cross of means; it is not called synthetic."""
    tab = show(real_tear_sheet(shared_data))
    check(tab, n_charts=8, width=1280)
    assert tab.run("document.querySelectorAll('.synthetic').length") == 0
    assert tab.run("document.getElementById('trades').tBodies[0].rows.length") > 10


@pytest.mark.parametrize(
    "script",
    [
        "fetch('http://127.0.0.1:9/x').catch(() => null)",
        "console.warn('careful')",
        "setTimeout(() => { throw new Error('lost'); })",
        "document.body.innerHTML += '<img src=\"https://example.com/x.png\">'",
    ],
    ids=["fetches", "warns", "throws", "loads a picture"],
)
def test_the_watch_sees_a_page_that_asks_or_complains(show, script):
    """The checks above are not blind: each of these is noticed."""
    tab = show(f"<!DOCTYPE html><title>bad</title><body><script>{script}</script></body>")
    assert tab.requests != [tab.address] or tab.complaints


def test_a_pages_policy_forbids_what_a_script_should_try(show):
    """Even a script that got into a page reaches nobody."""
    attempt = "<script>fetch('http://127.0.0.1:9/x').catch(() => null)</script></body>"
    tab = show(leaderboard().replace("</body>", attempt))
    assert any("Content Security Policy" in text for text in tab.complaints)
    assert tab.requests == [tab.address]


COLUMN = "Array.from(document.querySelectorAll('#{table} tbody tr'), (r) => r.cells[{n}].innerText)"


def column(tab, table: str, title: str) -> list[str]:
    """Return the texts of one column from top to bottom."""
    heads = tab.run(f"Array.from(document.querySelectorAll('#{table} th'), (h) => h.innerText)")
    place = next(n for n, head in enumerate(heads) if head.split(" \u2193")[0].strip() == title)
    return tab.run(COLUMN.format(table=table, n=place))


def falls(texts: list[str]) -> bool:
    """Whether figures fall from row to row, those that are none last."""
    known = [float(text.rstrip(" %").replace(",", "")) for text in texts if text != "-"]
    return known == sorted(known, reverse=True) and texts[len(known) :] == ["-"] * (
        len(texts) - len(known)
    )


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_the_order(show):
    """Figures by size and not by text; a trial without one stays last both ways."""
    tab = show(leaderboard())
    assert falls(column(tab, "leaderboard", "deflated"))
    head = "#leaderboard th[title^='sharpe:']"
    before = column(tab, "leaderboard", "strategy")
    for _ in range(2):
        tab.click(head)
    rising = column(tab, "leaderboard", "Sharpe")
    assert rising[-1] == "-"
    assert falls([*rising[-2::-1], "-"])
    assert column(tab, "leaderboard", "strategy") != before
    assert tab.run(f'document.querySelector("{head}").ariaSort') == "ascending"
    tab.click(head)
    assert falls(column(tab, "leaderboard", "Sharpe"))


@pytest.mark.parametrize("key", [("Enter", "\r"), (" ", " ")], ids=["enter", "space"])
def test_a_key_on_a_heading_sorts_too(show, key):
    """Whoever uses no mouse sorts by the same columns."""
    tab = show(leaderboard())
    tab.run("document.querySelector(\"#leaderboard th[title^='strategy:']\").focus()")
    tab.press(*key)
    names = column(tab, "leaderboard", "strategy")
    assert names == sorted(names, reverse=True)
    tab.press(*key)
    assert column(tab, "leaderboard", "strategy") == sorted(names)


def test_the_filter_keeps_rows_and_marks_that_hold_the_text(show):
    """Letters of either case; the count follows, and an empty filter shows all again."""
    tab = show(leaderboard())
    tab.click("#filter")
    tab.write("S1")
    shown = "Array.from(document.querySelectorAll('#leaderboard tbody tr:not([hidden])'), "
    assert sorted(tab.run(shown + "(r) => r.cells[0].innerText)")) == ["s1", "s10", "s11"]
    assert tab.run("document.getElementById('shown').textContent") == "3 of 12 rows"
    visible = "Array.from(document.querySelectorAll('#marks circle'))"
    assert tab.run(f"{visible}.filter((m) => m.style.visibility !== 'hidden').length") == 2
    tab.run(
        "(() => { const f = document.getElementById('filter'); f.value = '';"
        "f.dispatchEvent(new Event('input')); })()"
    )
    assert tab.run(shown + "(r) => 1).length") == 12
    assert tab.complaints == []


def test_the_heat_map_shows_the_keys_and_the_statistic_that_a_reader_chooses(show):
    """Turned keys turn the cells; the mean is the mean; one key against itself is refused."""
    tab = show(cases.sweep_report())
    choose = (
        "(() => {{ const s = document.getElementById('{0}'); s.value = '{1}';"
        "s.dispatchEvent(new Event('change')); }})()"
    )
    held = defaultdict(list)
    for row in cases.sweep_trials().iter_rows(named=True):
        if row["state"] == "completed":
            held[row["slow"], row["exit"]].append(row["sharpe"])
    for name, value in (("across", "exit"), ("up", "slow"), ("statistic", "mean")):
        tab.run(choose.format(name, value))
    z = tab.run("Array.from(document.getElementById('heat').data[0].z, (r) => Array.from(r))")
    assert tab.run("document.getElementById('heat').data[0].x") == ["signal", "stop"]
    for y, slow in enumerate((20, 30, 40, 60, 90)):
        for x, leave in enumerate(("signal", "stop")):
            own = held[slow, leave]
            assert z[y][x] == pytest.approx(sum(own) / len(own), rel=1e-5)
    note = "document.getElementById('heat_note').textContent"
    assert "the mean of Sharpe ratio over its completed trials, whatever fast" in tab.run(note)
    tab.run(choose.format("up", "exit"))
    assert tab.run(note) == "Choose two keys that differ."
    assert tab.complaints == []
