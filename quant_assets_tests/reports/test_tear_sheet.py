"""The tear sheet: all of a backtest on one page, against figures worked out by hand."""

import itertools
import math
import re
from collections import defaultdict
from dataclasses import replace

import polars as pl
import pytest

from quant_assets.backtests.engine import Result
from quant_assets.backtests.metrics import METRIC_NAMES
from quant_assets.reports.charts import account_sections
from quant_assets.reports.meanings import COSTS, METRICS
from quant_assets.reports.numbers import script_json
from quant_assets.reports.tear_sheet import build_tear_sheet
from quant_assets.reports.trade_charts import MOST_BARS, MOST_SYMBOLS, price_sections
from quant_assets.signals.strategy import Strategy
from quant_assets_tests.reports import cases
from quant_assets_tests.reports.cases import PROVENANCE
from quant_assets_tests.reports.reading import charts_of, own_text, read, table_of

CHARTS = [
    "equity", "drawdown", "returns", "rolling_sharpe", "exposure", "trades_NQ", "trades_ES",
    "results", "excursions", "cost_split", "regimes", "ladder", "stability_0", "stability_1",
]  # fmt: skip


@pytest.fixture(scope="module")
def made() -> tuple[Result, Strategy, dict[str, pl.DataFrame]]:
    """A backtest with trades in two symbols, its strategy and its bars."""
    return cases.backtest()


@pytest.fixture(scope="module")
def result(made) -> Result:
    """Its result."""
    return made[0]


@pytest.fixture(scope="module")
def plan(made) -> Strategy:
    """Its strategy."""
    return made[1]


@pytest.fixture(scope="module")
def page() -> str:
    """Its tear sheet, with all that it can show."""
    return cases.whole_tear_sheet()


def test_a_tear_sheet_asks_for_nothing_from_outside(page):
    """Outside plotly.js there is no address at all, and the content policy forbids requests."""
    text = own_text(page)
    assert not re.search(r"https?:|//[a-z]", text)
    assert read(text).addresses == ["data:,"]
    assert "default-src &#39;none&#39;" in text
    assert "form-action &#39;none&#39;" in text


def test_every_chart_has_its_place_and_its_marks(page, result):
    """Each chart's id is an element of the page, and each of its traces has values."""
    charts, ids = charts_of(page), read(own_text(page)).ids
    assert len(set(ids)) == len(ids)
    assert sorted(charts) == sorted(CHARTS)
    for name, chart in charts.items():
        assert name in ids
        assert all(len(trace["y"]) > 0 for trace in chart["data"])
    assert charts["equity"]["data"][0]["y"] == result.equity["equity"].to_list()


def test_a_page_stays_below_six_megabytes(page):
    """The chart library is most of it."""
    assert len(page.encode()) < 6_000_000


def test_no_button_of_a_chart_uploads_it(page):
    """plotly.js offers to upload each chart unless its buttons are named one by one."""
    named = re.search(r"const buttons = (.*);\n", own_text(page))[1]
    assert named == '[["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]]'
    assert "modeBarButtons: buttons" in own_text(page)


def test_marks_are_joined_by_steps_and_not_by_slopes(page):
    """Over a weekend the account is where it was, not on the way to Monday."""
    for name in ("equity", "drawdown", "exposure"):
        assert charts_of(page)[name]["data"][0]["line"]["shape"] == "hv"


@pytest.mark.parametrize("row", range(4_560, 4_570))
def test_a_long_account_keeps_its_highest_mark_and_its_deepest_fall(result, row):
    """Marks are thinned evenly, and wherever the one bar of a crash stands it is among them."""
    many = pl.concat([result.equity] * (9_000 // result.equity.height + 1))
    at = pl.Series(range(many.height))
    crashed = many.with_columns(
        drawdown=pl.when(at == row).then(-0.9).otherwise(pl.col("drawdown")),
        equity=pl.when(at == row + 1).then(999_999.0).otherwise(pl.col("equity")),
    )
    equity, drawdown = account_sections(replace(result, equity=crashed), currency="USD")
    assert min(drawdown.chart.traces[0]["y"]) == -90.0
    assert max(equity.chart.traces[0]["y"]) == 999_999.0
    assert len(equity.chart.traces[0]["y"]) <= 2_000
    assert f"of {many.height:,} marks are drawn" in equity.note


def test_only_the_last_2000_trades_have_a_bar(result, plan):
    """Each bar is an element of its own: a browser cannot hold a hundred thousand."""
    many = pl.concat([result.trades] * (2100 // result.trades.height + 1))
    text = build_tear_sheet(replace(result, trades=many), strategy=plan, provenance=PROVENANCE)
    bars = charts_of(text)["results"]["data"][0]
    assert bars["y"] == many["net"].tail(2000).to_list()
    assert bars["x0"] == many.height - 1999
    assert f"Net result by trade, USD, last 2,000 of {many.height:,}" in text


def test_months_compound_their_sessions(page, result, plan):
    """Each month is the product over its sessions, and the year that over its months."""
    last, ends = plan.capital, {}
    for row in result.equity.iter_rows(named=True):
        ends[row["session"]] = row["equity"]
    growth: dict[int, float] = defaultdict(lambda: 1.0)
    for session, equity in ends.items():
        growth[session.month] *= equity / last
        last = equity
    (row,) = table_of(own_text(page), "monthly")
    assert row[0] == "2024"
    told = {month: float(row[month]) for month in range(1, 13) if row[month]}
    assert told == {m: pytest.approx(100 * (g - 1), abs=0.0051) for m, g in growth.items()}
    assert float(row[13]) == pytest.approx(100 * (math.prod(growth.values()) - 1), abs=0.0051)


def test_the_rolling_sharpe_is_that_of_the_window_before_each_session(page, result, plan):
    """Twenty sessions here; the page says so, and a fresh sum gives the same figures."""
    ends = result.equity.group_by("session", maintain_order=True).last()["equity"].to_list()
    levels = [plan.capital, *ends]
    returns = [b / a - 1 for a, b in itertools.pairwise(levels)]
    chart = charts_of(page)["rolling_sharpe"]["data"][0]
    sharpes = []
    for end in range(20, len(returns) + 1):
        own = returns[end - 20 : end]
        mean = sum(own) / 20
        deviation = math.sqrt(sum((value - mean) ** 2 for value in own) / 19)
        sharpes.append(mean / deviation * math.sqrt(258))
    assert chart["y"] == pytest.approx(sharpes)
    sessions = result.equity["session"].unique(maintain_order=True)
    assert chart["x"] == [day.isoformat() for day in sessions[19:]]
    assert "Rolling Sharpe ratio, 20 sessions" in page


def test_exposure_is_the_value_held_over_the_equity(page, result):
    """In percent, shorts below zero, mark by mark."""
    rows = zip(result.equity["position"], result.equity["equity"], strict=True)
    told = charts_of(page)["exposure"]["data"][0]["y"]
    assert told == pytest.approx([100 * held / equity for held, equity in rows])
    assert min(told) < 0 < max(told)


def test_costs_lead_from_gross_to_net(page, result):
    """The steps are the sums of the trades' columns, and they add up."""
    steps = charts_of(page)["cost_split"]["data"][0]
    sums = [math.fsum(result.trades[name]) for name in COSTS]
    assert steps["y"] == pytest.approx([sums[0], *(-cost for cost in sums[1:-1]), sums[-1]])
    assert sum(steps["y"][:-1]) == pytest.approx(steps["y"][-1])
    assert [row[1] for row in table_of(own_text(page), "costs")] == [f"{s:,.2f}" for s in sums]


def test_trades_stand_on_the_bars_that_they_filled_in(page, result, made):
    """Each entry is marked at its price, over the bar that holds its instant."""
    chart = charts_of(page)["trades_ES"]
    traces = {trace["name"]: trace for trace in chart["data"]}
    closes = dict(zip(traces["close"]["x"], traces["close"]["y"], strict=True))
    own = result.trades.filter(pl.col("symbol") == "ES")
    for side in ("long", "short"):
        mine = own.filter(pl.col("side").cast(pl.String) == side)
        marked = traces[f"{side} entry"]
        assert marked["y"] == mine["entry_price"].to_list()
        assert marked["x"] == [f"{t:%H:%M:%S<br>%Y-%m-%d}" for t in mine["entry_ts"]]
    exits = traces["exit"]
    assert exits["y"] == own["exit_price"].to_list()
    assert set(exits["x"]) <= set(closes)
    bars = made[2]["ES"]["bar_start"].to_list()
    holders = [max(start for start in bars if start < exit_ts) for exit_ts in own["exit_ts"]]
    assert exits["x"] == [f"{start:%H:%M:%S<br>%Y-%m-%d}" for start in holders]
    assert sum("gain" in name or "loss" in name for name in traces) == 2


def test_many_bars_and_symbols_are_cut_and_the_page_says_so(result, made):
    """Of each symbol the last 1,500 bars, and the four symbols of most trades."""
    names = [f"S{n}" for n in range(6)]
    own = result.trades.filter(pl.col("symbol") == "ES")
    trades = pl.concat([own.head(9 - n).with_columns(symbol=pl.lit(f"S{n}")) for n in range(6)])
    bars = made[2]["ES"]
    first = bars["bar_start"].min()
    older = pl.datetime_range(
        first - pl.duration(hours=500), first, "15m", closed="left", eager=True
    ).cast(bars.schema["bar_start"])
    long = pl.concat(
        [
            pl.DataFrame({"bar_start": older, "close": [1.0] * len(older)}),
            bars.select("bar_start", "close"),
        ]
    )
    sections = price_sections(trades, dict.fromkeys(names, long))
    assert [s.title for s in sections] == [f"Trades in {name}" for name in names[:MOST_SYMBOLS]]
    assert all("The 4 symbols of 6 with most trades are shown." in s.note for s in sections)
    assert all(len(s.chart.traces[0]["x"]) == MOST_BARS for s in sections)
    assert all("the 1,500 bars up to the last exit" in s.note for s in sections)


def test_regimes_share_out_all_trades(page, result):
    """Each trade counts in its label's row, those without one apart, and the nets add up."""
    labels = dict(cases.regimes_of(result).iter_rows())
    nets = defaultdict(list)
    for row in result.trades.iter_rows(named=True):
        nets[labels.get(row["trade_id"], "no label")].append(row["net"])
    rows = table_of(own_text(page), "regime_table")
    assert rows == [
        [
            name, f"{len(own):,}", f"{100 * sum(n > 0 for n in own) / len(own):,.1f} %",
            f"{math.fsum(own) / len(own):,.2f}", f"{math.fsum(own):,.2f}",
        ]
        for name, own in sorted(nets.items())
    ]  # fmt: skip
    assert sum(map(len, nets.values())) == result.trades.height


def test_the_ladder_names_each_level_and_marks_the_pages_own(page):
    """Levels stand from the least to the most real; one that was not run is left out."""
    rows = table_of(own_text(page), "ladder_table")
    assert [row[0] for row in rows] == ["ideal", "spread (this page)", "full"]
    assert [row[1] for row in rows] == ["1.900", "0.700", "-"]
    assert [row[2] for row in rows] == ["9,100.00", "3,000.50", "-1,200.00"]


def test_stability_marks_the_strategy_among_its_neighbours(page):
    """The best of each value is joined, and the own trial is ringed at its metric."""
    trial, best, own = charts_of(page)["stability_0"]["data"]
    neighbours = cases.stability().neighbours
    assert len(trial["y"]) == neighbours.height
    assert best["x"] == ["3", "5", "8"]
    by_value = defaultdict(list)
    for fast, _, value in neighbours.iter_rows():
        by_value[fast].append(value)
    assert best["y"] == [max(by_value[fast]) for fast in (3, 5, 8)]
    assert (own["x"], own["y"]) == (["5"], [1.0])
    assert "9 trials of its sweep, itself among them. Plateau score 0.870." in page


def test_orders_not_filled_are_told_by_reason(result, plan):
    """Most frequent first, with their share; without any the page says so."""
    some = replace(result, unfilled={"halt": 2, "liquidity": 6, "none": 0})
    text = own_text(build_tear_sheet(some, strategy=plan, provenance=PROVENANCE))
    assert "Orders not filled, or not wholly: 8" in text
    assert table_of(text, "unfilled") == [["liquidity", "6", "75.0 %"], ["halt", "2", "25.0 %"]]
    whole = replace(result, unfilled={})
    none = own_text(build_tear_sheet(whole, strategy=plan, provenance=PROVENANCE))
    assert "Every order was filled as a whole." in none


def test_prices_of_a_symbol_have_the_same_digits(page):
    """Digits stand below each other: 1.2870 is not shown as 1.287 beside 1.2873."""
    digits = defaultdict(set)
    for row in table_of(own_text(page), "trades"):
        digits[row[1]].update(len(cell.partition(".")[2]) for cell in row[6:8])
    assert digits
    assert all(len(found) == 1 for found in digits.values())


def test_every_figure_has_a_name_and_a_meaning(page):
    """No metric is left out."""
    assert set(METRICS) | set(COSTS) == set(METRIC_NAMES)
    assert not set(METRICS) & set(COSTS)
    text = own_text(page)
    assert all(f">{title}</span>" in text for title in ("Sharpe ratio", "expectancy, USD"))


def test_a_tear_sheet_tells_what_it_was_made_from(page, result, plan):
    """Command, run, versions, seeds and the word synthetic, in red."""
    footer = page[page.index('<footer id="provenance">') :][:8000]
    wanted = ("quant backtest trial", result.run_hash, "1" * 64, "2" * 64, "c" * 64, "e" * 64)
    assert all(text in footer for text in wanted)
    seeds = {"booster": plan.seed, "latency&#39;s draws": plan.execution.seed}
    for name, seed in (seeds | {"synthetic market": 11}).items():
        assert re.search(rf"seed of the {name}</th><td>{seed}</td>", footer)
    assert '<p class="synthetic">synthetic' in footer
    assert ".synthetic { color: #c00000" in page


def test_a_rules_page_names_the_rules_seed_and_no_boosters(result):
    """A random rule hangs on its own seed; it trains nothing."""
    values = {
        "name": "luck", "timeframe": "15m", "capital": 1e5, "qty": 1.0,
        "signal": {"kind": "random", "chance": 0.1, "seed": 4711},
        "exits": {"horizon_bars": 5},
    }  # fmt: skip
    rule = Strategy.parse(values)
    text = own_text(build_tear_sheet(result, strategy=rule, provenance=PROVENANCE))
    assert "seed of the random signal</th><td>4711</td>" in text
    assert "seed of the booster" not in text


def test_a_thousand_inputs_are_listed_and_one_version_stands_for_all(result, plan):
    """A page of ten years of sessions would else be mostly hashes."""
    versions = {f"bars/{n:05d}": f"{n:064x}" for n in range(1_500)}
    many = replace(PROVENANCE, data_versions=versions)
    text = own_text(build_tear_sheet(result, strategy=plan, provenance=many))
    assert "of 1500 inputs; the first 1000 are listed" in text
    assert text.count("<th>bars/") == 1_000
    other = replace(many, data_versions=versions | {"bars/01499": "f" * 64})
    assert own_text(build_tear_sheet(result, strategy=plan, provenance=other)) != text


def test_real_data_is_not_called_synthetic(result, plan):
    """The mark stands only where it is true."""
    real = replace(PROVENANCE, synthetic=False, market_seed=None)
    text = build_tear_sheet(result, strategy=plan, provenance=real)
    assert 'class="synthetic"' not in text
    assert "seed of the synthetic market" not in text


def test_the_last_200_trades_are_shown(result, plan):
    """A long list is cut, and the page says how many there are."""
    many = pl.concat([result.trades] * (400 // result.trades.height + 1))
    text = own_text(
        build_tear_sheet(replace(result, trades=many), strategy=plan, provenance=PROVENANCE)
    )
    assert f"Last 200 of {many.height:,} trades" in text
    assert len(table_of(text, "trades")) == 200


def test_the_same_input_gives_the_same_page(page):
    """Nothing random, no clock."""
    assert cases.whole_tear_sheet() == page


def test_a_backtest_without_trades_has_a_page():
    """A strategy that never trades is a result too, and the page says so."""
    text = own_text(cases.quiet_tear_sheet())
    assert "No trade was made" in text
    assert "Last 0 of 0 trades" in text
    assert sorted(charts_of(cases.quiet_tear_sheet())) == ["drawdown", "equity"]
    read(text)


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_hostile_text_stays_text(result, plan):
    """Names from outside can end neither an element nor a script."""
    hostile = replace(PROVENANCE, command=HOSTILE, data_versions={HOSTILE: "v"})
    regimes = cases.regimes_of(result).with_columns(regime=pl.lit(HOSTILE))
    text = own_text(
        build_tear_sheet(
            replace(result, unfilled={HOSTILE: 1}),
            strategy=plan,
            provenance=hostile,
            regimes=regimes,
        )
    )
    assert HOSTILE not in text
    assert "<img" not in text
    read(text)
    assert "<" not in script_json({"x": HOSTILE})
