"""Pictures of trials: how they are spread, how they rank, and one backtest at a glance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from quant_assets.optimization.leaderboard import rank_leaderboard
from quant_assets.reports.pictures import BLUE, RED, as_png, new_figure, space_dates, thin_rows

_GREY = "#8a8f98"
_BELIEVED = 0.95
_MOST_BARS = 20
_MOST_POINTS = 2000


def draw_trials(
    sharpes: Sequence[float | None], *, expected_best: float | None, title: str
) -> bytes:
    """Return how the Sharpe ratios of trials are spread, beside the best to be had by luck.

    Parameters
    ----------
    sharpes
        One a trial, None where it is not defined; those are counted in the title of the axis.
    expected_best
        Sharpe ratio that the best of as many trials is expected to have by luck alone, in the same
        unit; None where there are too few trials.
    """
    figure = new_figure()
    axes = figure.subplots()
    known = np.array([value for value in sharpes if value is not None], dtype=np.float64)
    axes.set_title(title)
    missing = len(sharpes) - known.size
    axes.set_xlabel("Sharpe ratio" + (f" ({missing:,} trials without one)" if missing else ""))
    axes.set_ylabel("trials")
    axes.yaxis.get_major_locator().set_params(integer=True)
    if not known.size:
        axes.text(0.5, 0.5, "no trial with a Sharpe ratio", ha="center", transform=axes.transAxes)
        return as_png(figure)
    axes.set_axisbelow(b=True)
    axes.hist(known, bins=_n_bins(known.size), color=BLUE, edgecolor="white", linewidth=0.5)
    best = float(known.max())
    axes.axvline(best, color="#1c1f23", linewidth=1.2, label=f"best of {known.size:,}: {best:.2f}")
    if expected_best is not None:
        label = f"best by luck, expected: {expected_best:.2f}"
        axes.axvline(expected_best, color=RED, linestyle="--", linewidth=1.2, label=label)
    axes.legend(fontsize=8, loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.16))
    return as_png(figure)


def draw_leaderboard(board: pl.DataFrame, *, title: str) -> bytes:
    """Return the deflated Sharpe ratios as bars, the best on top; stale trials are hatched.

    Parameters
    ----------
    board
        In the columns of LEADERBOARD; the best 20 that have one are drawn.
    """
    ranked = rank_leaderboard(board).drop_nulls("dsr")
    shown = ranked.head(_MOST_BARS)
    figure = new_figure((8.0, 1.6 + 0.24 * max(8, shown.height)))
    axes = figure.subplots()
    cut = f", best {shown.height} of {board.height:,}" if shown.height < board.height else ""
    axes.set_title(f"{title}{cut}")
    for place, row in enumerate(shown.iter_rows(named=True)):
        _draw_bar(axes, -place, row)
    names = [f"{row['strategy']} {row['trial_id'][:6]}" for row in shown.iter_rows(named=True)]
    axes.set_yticks([-place for place in range(shown.height)], names, fontsize=8)
    axes.set_axisbelow(b=True)
    axes.axvline(_BELIEVED, color=RED, linestyle="--", linewidth=1.2)
    axes.set_xlim(0.0, 1.12)
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, _BELIEVED], ["0", "0.25", "0.5", "0.75", "0.95"])
    axes.set_xlabel("deflated Sharpe ratio; stale trials are hatched")
    if not shown.height:
        axes.text(0.5, 0.5, "no trial has one", ha="center", transform=axes.transAxes)
    return as_png(figure)


def _draw_bar(axes: Any, place: int, row: dict[str, Any]) -> None:
    """Draw one trial's bar with its figure."""
    is_stale = row["is_stale"]
    style = {"color": "white", "hatch": "///"} if is_stale else {"color": BLUE}
    axes.barh(place, row["dsr"], height=0.7, edgecolor=_GREY if is_stale else BLUE, **style)
    axes.text(row["dsr"] + 0.01, place, f"{row['dsr']:.3f}", va="center", fontsize=8)


def draw_tear_sheet(equity: pl.DataFrame, net: Sequence[float], *, title: str) -> bytes:
    """Return a backtest at a glance: equity, drawdown, and how the results of trades are spread.

    Parameters
    ----------
    equity
        Columns ts, equity and drawdown of EQUITY.
    net
        Net result of each trade.
    """
    figure = new_figure((9.0, 4.5))
    grid = figure.add_gridspec(2, 2, width_ratios=(2.2, 1.0), height_ratios=(2.0, 1.0))
    upper = figure.add_subplot(grid[0, 0])
    lower = figure.add_subplot(grid[1, 0], sharex=upper)
    figure.suptitle(title)
    shown = thin_rows(equity, _MOST_POINTS)
    ts = shown["ts"].to_physical().to_numpy().astype("datetime64[ns]")
    upper.plot(ts, shown["equity"].to_numpy(), color=BLUE, linewidth=1.0, drawstyle="steps-post")
    upper.set_ylabel("equity")
    upper.ticklabel_format(axis="y", useOffset=False)
    upper.tick_params(labelbottom=False)
    depth = 100.0 * shown["drawdown"].to_numpy()
    lower.fill_between(ts, depth, 0.0, color=RED, linewidth=0.0, step="post")
    lower.set_ylabel("drawdown %")
    space_dates(lower)
    _draw_results(figure.add_subplot(grid[:, 1]), np.asarray(net, dtype=np.float64))
    return as_png(figure)


def _draw_results(axes: Any, net: np.ndarray) -> None:
    """Draw how the results of trades are spread."""
    axes.set_title(f"{net.size:,} trades", fontsize=9)
    axes.set_xlabel("net result of a trade")
    axes.set_ylabel("trades")
    axes.yaxis.get_major_locator().set_params(integer=True)
    if not net.size:
        axes.text(0.5, 0.5, "no trade", ha="center", transform=axes.transAxes)
        return
    axes.set_axisbelow(b=True)
    axes.hist(net, bins=_n_bins(net.size), color=BLUE, edgecolor="white", linewidth=0.5)
    axes.axvline(float(net.mean()), color=RED, linestyle="--", label=f"mean {net.mean():,.2f}")
    axes.tick_params(axis="x", labelrotation=30, labelsize=8)
    axes.legend(fontsize=8, loc="best")


def _n_bins(n: int) -> int:
    """Return bins for n values: their root, 5 to 60."""
    return int(np.clip(np.sqrt(n), 5, 60))
