"""Pictures as PNG bytes: the same figures give the same bytes."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from quant_assets.market.contracts import parse_contract

_SIZE_INCHES = (8.0, 4.0)
_DPI = 90
_MOST_POINTS = 4000
BLUE, RED, _GREY = "#1f5fa8", "#b3261e", "#8a8f98"


def draw_equity(equity: pl.DataFrame, *, title: str) -> bytes:
    """Return equity above drawdown, each mark held until the next.

    Parameters
    ----------
    equity
        Columns ts, equity and drawdown of EQUITY; no rows give an empty picture.
    """
    figure = new_figure()
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shown = thin_rows(equity, _MOST_POINTS)
    ts = _instants(shown["ts"])
    upper.plot(ts, shown["equity"].to_numpy(), color=BLUE, linewidth=1.0, drawstyle="steps-post")
    upper.set_title(title)
    upper.set_ylabel("equity")
    upper.ticklabel_format(axis="y", useOffset=False)
    depth = 100.0 * shown["drawdown"].to_numpy()
    lower.fill_between(ts, depth, 0.0, color=RED, linewidth=0.0, step="post")
    lower.set_ylabel("drawdown %")
    space_dates(lower)
    return as_png(figure)


def draw_bars(bars: pl.DataFrame, *, title: str) -> bytes:
    """Return closes above volumes, bar by bar without gaps for closed hours.

    Parameters
    ----------
    bars
        Columns bar_start, close and volume of BARS.
    """
    figure = new_figure()
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shown = thin_rows(bars, _MOST_POINTS)
    place = np.arange(shown.height)
    upper.plot(place, shown["close"].to_numpy(), color=BLUE, linewidth=1.0)
    upper.set_title(title)
    upper.set_ylabel("close")
    lower.fill_between(place, shown["volume"].to_numpy(), 0.0, color=_GREY, step="mid")
    lower.set_ylabel("volume")
    if shown.height:
        ticks = np.unique(np.linspace(0, shown.height - 1, 6).astype(int))
        lower.set_xticks(
            ticks, shown["bar_start"].dt.strftime("%m-%d %H:%M").gather(ticks).to_list()
        )
    return as_png(figure)


def draw_roll_volumes(
    volumes: pl.DataFrame,
    *,
    root: str,
    rolled_on: Sequence[date] = (),
    active: Mapping[date, str] | None = None,
    mode: str = "",
) -> bytes:
    """Return each contract's volume by session, with the days of a roll marked.

    The axis is logarithmic: the contracts behind the leader trade a thousandth of it.

    Parameters
    ----------
    volumes
        Columns contract, session, volume; each above 0.
    rolled_on
        Sessions on which another contract became active.
    active
        Contract that is read on each session: its volume is ringed, where it traded.
    mode
        How it is chosen, for the title.
    """
    figure = new_figure()
    axes = figure.subplots()
    for contract in sorted(volumes["contract"].unique(), key=parse_contract):
        own = volumes.filter(pl.col("contract") == contract).sort("session")
        days = own["session"].to_numpy()
        axes.plot(days, own["volume"].to_numpy(), marker="o", markersize=3, label=contract)
    _ring(axes, volumes, active or {})
    for day in rolled_on:
        axes.axvline(np.datetime64(day), color=RED, linestyle="--", linewidth=1.0)
    read = f", read by {mode} ringed" if mode else ""
    axes.set_title(f"{root}: volume by contract{read}, rolls dashed")
    axes.set_ylabel("volume")
    space_dates(axes)
    if volumes.height:
        axes.set_yscale("log")
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return as_png(figure)


def _ring(axes: Any, volumes: pl.DataFrame, active: Mapping[date, str]) -> None:
    """Ring the volume of the contract that is read on each session."""
    schema = {"session": pl.Date, "contract": pl.String}
    read = pl.DataFrame(list(active.items()), schema=schema, orient="row")
    own = volumes.join(read, on=["session", "contract"], how="semi").sort("session")
    axes.plot(
        own["session"].to_numpy(),
        own["volume"].to_numpy(),
        linestyle="none",
        marker="o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=_GREY,
    )


def draw_heat_map(
    values: np.ndarray,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    unit: str,
) -> bytes:
    """Return a matrix as colours; NaN stays white, and red stands only where something is negative.

    Parameters
    ----------
    values : float64 array of shape (n_rows, n_columns)
    rows, columns
        Their labels; at most about twenty are written.
    unit
        Written beside the colour bar.
    """
    figure = new_figure()
    axes = figure.subplots()
    finite = values[np.isfinite(values)]
    reach = float(np.abs(finite).max(initial=0.0)) or 1.0
    signed = bool((finite < 0.0).any())
    colours, least = ("RdBu", -reach) if signed else ("Blues", 0.0)
    image = axes.imshow(values, aspect="auto", cmap=colours, vmin=least, vmax=reach)
    for labels, put in ((rows, axes.set_yticks), (columns, axes.set_xticks)):
        step = max(1, len(labels) // 20)
        put(range(0, len(labels), step), list(labels)[::step], fontsize=7)
    axes.tick_params(axis="x", rotation=45)
    axes.set_title(title)
    figure.colorbar(image, ax=axes, label=unit)
    return as_png(figure)


def thin_rows(frame: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return at most `most` rows, evenly spread, the first and the last among them."""
    if frame.height <= most:
        return frame
    return frame[np.unique(np.linspace(0, frame.height - 1, most).astype(np.int64))]


def _instants(ts: pl.Series) -> np.ndarray:
    """Return instants as datetime64[ns] in UTC."""
    return ts.to_physical().to_numpy().astype("datetime64[ns]")


def space_dates(axes: Any) -> None:
    """Put few dates on the axis, so that they do not overlap."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date

    first, last = axes.xaxis.get_data_interval()
    if first == last:
        # The locator warns that it finds no interval in a single date.
        axes.set_xticks([first], [f"{num2date(first):%Y-%m-%d}"])
        return
    locator = AutoDateLocator(maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def new_figure(size_inches: tuple[float, float] = _SIZE_INCHES) -> Any:
    """Return a figure that no window or global state knows."""
    from matplotlib.figure import Figure

    return Figure(figsize=size_inches, dpi=_DPI, layout="constrained")


def as_png(figure: Any) -> bytes:
    """Return the picture without date or software in its metadata."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.image import imsave

    for axes in figure.axes:
        # Lines over the cells of a heat map would read as values.
        if not axes.images and axes.get_label() != "<colorbar>":
            axes.grid(visible=True, alpha=0.25)
    # `savefig` would draw twice, the first time for the layout alone.
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    bare: Any = {"Software": None}
    pixels = canvas.buffer_rgba()
    imsave(buffer, pixels, format="png", origin="upper", dpi=figure.dpi, metadata=bare)
    return buffer.getvalue()
