"""Charts of a sweep: each key alone, all keys side by side, plateaus, and overfitting."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from quant_assets.optimization.cscv import Overfitting
from quant_assets.reports.meanings import title_of
from quant_assets.reports.numbers import amount, count, percent
from quant_assets.reports.pictures import BLUE, RED, thin_rows
from quant_assets.reports.sections import Chart, Section, lay_out
from quant_assets.reports.sweep_frames import MOST_KEYS, MOST_VALUES, key_values

_MOST_LINES = 1000
_MOST_DOTS = 2000
_N_GROUPS = 5
_N_BINS = 40
_GREY = "#8a8f98"

# Light to dark, so that the order is seen without telling hues apart.
_SHADES = ("#dcdcdc", "#b9c9de", "#8fb0d8", "#5583be", "#123f75")


def marginal_sections(done: pl.DataFrame, *, varied: Sequence[str], metric: str) -> list[Section]:
    """Return the best and the mean of the metric at each value of each key, the others whatever."""
    known = done.drop_nulls(metric)
    if known.is_empty():
        return []
    return [
        Section(
            f"{title_of(metric)} by {key}",
            note="Best and mean over all completed trials with that value." * (place == 0),
            chart=_marginal(known, key, metric, place),
        )
        for place, key in enumerate(varied[:MOST_KEYS])
    ]


def _marginal(known: pl.DataFrame, key: str, metric: str, place: int) -> Chart:
    """Return the chart of one key."""
    values = key_values(known[key], most=MOST_VALUES)
    rows = pl.DataFrame({"value": values.texts, "metric": known[metric].cast(pl.Float64)})
    by_value = rows.group_by("value").agg(
        best=pl.col("metric").max(), mean=pl.col("metric").mean(), n=pl.len()
    )
    told = {text: (best, mean, n) for text, best, mean, n in by_value.iter_rows()}
    ordered = [told[text] for text in values.ordered]
    counts = [f"{count(n)} trials" for _, _, n in ordered]
    style = {"type": "scatter", "mode": "lines+markers", "x": values.ordered, "text": counts}
    lines = (
        {"name": "best", "y": [best for best, _, _ in ordered], "line": {"color": BLUE}},
        {"name": "mean", "y": [mean for _, mean, _ in ordered],
         "line": {"color": _GREY, "dash": "dash"}},
    )  # fmt: skip
    axis = {"type": "category", "categoryorder": "array", "categoryarray": values.ordered}
    layout = lay_out(x=key, y=title_of(metric), legend=True, x_axis=axis)
    return Chart(f"marginal_{place}", [style | line for line in lines], layout)


def parallel_section(done: pl.DataFrame, *, varied: Sequence[str], metric: str) -> list[Section]:
    """Return each trial as a line over its keys and its metric, the best ones drawn last.

    Lines are drawn as vectors: the chart library's own parallel coordinates need a graphics card.
    At most 1,000 trials, evenly spread over the ranking, and eight keys.
    """
    known = done.drop_nulls(metric)
    if known.is_empty():
        return []
    shown, keys = thin_rows(known, _MOST_LINES), list(varied[:MOST_KEYS])
    axes = [key_values(shown[key]) for key in keys]
    heights = [_spread(axis.places, len(axis.ordered)) for axis in axes]
    heights.append(_between(shown[metric].to_numpy()))
    traces = _bundles(np.array(heights), np.arange(shown.height), shown.height)
    names = [*keys, title_of(metric)]
    layout = lay_out(
        legend=True,
        x_axis={"tickvals": list(range(len(names))), "ticktext": names, "showgrid": True,
                "range": [-0.25, len(names) - 0.6], "gridcolor": _GREY},
        y_axis={"visible": False, "range": [-0.05, 1.05]},
        annotations=[
            note
            for place, axis in enumerate(axes)
            for note in _axis_notes(place, axis.ordered)
        ] + _metric_notes(len(keys), shown[metric]),
    )  # fmt: skip
    which = f"{count(shown.height)} of {count(known.height)} completed trials, evenly spread over"
    note = f"A line each: {which} the ranking; the darker, the better."
    chart = Chart("parallel", traces, layout, tall=True)
    return [Section(f"Parallel coordinates: {title_of(metric)}", note=note, chart=chart)]


def _bundles(heights: np.ndarray, rank: np.ndarray, n_trials: int) -> list[dict[str, Any]]:
    """Return lines bundled by rank, the worst first; shape of heights (n_axes, n_trials)."""
    traces = []
    groups = np.minimum((n_trials - 1 - rank) * _N_GROUPS // n_trials, _N_GROUPS - 1)
    for group in range(_N_GROUPS):
        own = heights[:, groups == group]
        if not own.shape[1]:
            continue
        x = [at for _ in range(own.shape[1]) for at in (*range(own.shape[0]), None)]
        y = [at for line in own.T.round(4).tolist() for at in (*line, None)]
        ends = f"{100 - 20 * group - 20}-{100 - 20 * group} %"
        traces.append(
            {
                "type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip",
                "line": {"color": _SHADES[group], "width": 1.0 + 0.25 * group},
                "name": f"best {ends}" if group < _N_GROUPS - 1 else "best 20 %",
            }
        )  # fmt: skip
    return traces


def _spread(places: Sequence[int], n_values: int) -> list[float]:
    """Return places as heights 0 to 1; a single value stands in the middle."""
    return [place / (n_values - 1) if n_values > 1 else 0.5 for place in places]


def _between(values: np.ndarray) -> list[float]:
    """Return values as heights between the lowest and the highest."""
    low, high = float(values.min()), float(values.max())
    return [(v - low) / (high - low) if high > low else 0.5 for v in values.tolist()]


def _axis_notes(place: int, ordered: Sequence[str]) -> list[dict[str, Any]]:
    """Return up to six values of a key beside its axis."""
    at = np.unique(np.linspace(0, len(ordered) - 1, min(6, len(ordered))).astype(int))
    heights = _spread(at.tolist(), len(ordered))
    return [_note(place, y, ordered[n]) for n, y in zip(at, heights, strict=True)]


def _metric_notes(place: int, values: pl.Series) -> list[dict[str, Any]]:
    """Return the lowest and the highest value of the metric beside its axis."""
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
    if low == high:
        return [_note(place, 0.5, amount(low, 3))]
    return [_note(place, 0.0, amount(low, 3)), _note(place, 1.0, amount(high, 3))]


def _note(x: float, y: float, text: str) -> dict[str, Any]:
    """Return a small text right of a place."""
    return {
        "x": x, "y": y, "text": text, "showarrow": False, "xanchor": "left", "xshift": 4,
        "bgcolor": "rgba(255,255,255,0.8)", "font": {"size": 11},
    }  # fmt: skip


def plateau_section(done: pl.DataFrame, *, plateau: str, metric: str) -> list[Section]:
    """Return the metric of each trial against its plateau score, where there is one."""
    if plateau not in done.columns:
        return []
    known = thin_rows(done.drop_nulls([metric, plateau]), _MOST_DOTS)
    if known.is_empty():
        return []
    dots = {
        "type": "scatter", "mode": "markers", "name": "trial",
        "x": known[plateau].to_list(), "y": known[metric].to_list(),
        "marker": {"color": BLUE, "size": 6, "opacity": 0.6},
    }  # fmt: skip
    note = "How good a trial's neighbours in the grid are; a peak that stands alone lies left."
    chart = Chart("plateau", [dots], lay_out(x="plateau score", y=title_of(metric)))
    return [Section(f"Plateau score against {title_of(metric)}", note=note, chart=chart)]


def overfitting_section(told: Overfitting | None) -> Section:
    """Return the probability of overfitting, and its logits by how often they occur.

    Bailey, Borwein, Lopez de Prado and Zhu, The Probability of Backtest Overfitting, Journal of
    Computational Finance 20, 2016: the share of splits whose logit is at or below 0.
    """
    if told is None or told.pbo is None:
        why = (told.note if told else None) or "it was not computed for this sweep"
        return Section("Probability of overfitting (PBO)", note=f"None: {why}.")
    note = (
        f"{percent(told.pbo, 1)} of {count(len(told.logits))} splits: the trial that is best in "
        "one half of the sessions lies at or below the median in the other, where the logit of "
        f"its rank is at most 0. {count(told.n_trials)} trials, {count(told.n_sessions)} sessions "
        f"in {count(told.n_blocks)} blocks."
    )
    title = f"Probability of overfitting (PBO): {percent(told.pbo, 1)}"
    counts, edges = _histogram(told.logits)
    middles = 0.5 * (edges[:-1] + edges[1:])
    bars = {
        "type": "bar", "name": "splits", "x": middles.tolist(), "y": counts.tolist(),
        "width": float(edges[1] - edges[0]),
        "marker": {"color": [RED if upper <= 0.0 else BLUE for upper in edges[1:].tolist()]},
    }  # fmt: skip
    layout = lay_out(x="logit; at or below 0 in red", y="splits")
    return Section(title, note=note, chart=Chart("logits", [bars], layout))


def _histogram(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and edges of bins (a, b], one edge at 0, so that 0 counts as overfit."""
    finite = logits[np.isfinite(logits)]
    # Infinite logits, of a trial that is first or last out of sample, lie in the outermost bins.
    half, reach = _N_BINS // 2, 1.0001 * float(np.abs(finite).max(initial=1.0))
    steps = reach * np.arange(half + 1) / half
    edges = np.concatenate((-steps[:0:-1], steps))
    inside = np.clip(logits, np.nextafter(edges[0], 0.0), edges[-1])
    places = np.searchsorted(edges, inside, side="left") - 1
    return np.bincount(places, minlength=_N_BINS), edges
