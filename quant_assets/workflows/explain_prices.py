"""From a trade's bars to the landed row that each of its prices is read from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from quant_assets.lineage.records import SourceReceipt
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.index import Entry
from quant_assets.ticks.schema import CLEAN_TICKS, RAW_BARS, RAW_TICKS
from quant_assets.workflows.explain_decision import Row
from quant_assets.workflows.explanation import Step, StepState
from quant_assets.workflows.raw_rows import Wanted
from quant_assets.workflows.recipes.neighbours import research_history
from quant_assets.workflows.traced_trades import TracedTrade
from quant_assets.workflows.view import LakeView

FIELDS = ("open", "high", "low", "close")

_TICK_VALUES = ("price", "qty", "bid", "ask", "bid_qty", "ask_qty")
_BAR_VALUES = (*FIELDS, "volume", "bid", "ask")


@dataclass(frozen=True)
class TradeBar:
    """A bar that a trade hangs on.

    Parameters
    ----------
    role
        `signal`, `entry` or `exit`.
    field
        Which of its four prices the trade hangs on.
    entry, row
        Where it stands in the lake, and its values.
    """

    role: str
    field: str
    entry: Entry
    row: Mapping[str, Any]

    @property
    def price(self) -> float:
        """The price of the field."""
        return float(self.row[self.field])

    @property
    def start_ns(self) -> int:
        """Start of the bar."""
        return int(self.row["start_ns"])


class BarsOfTrade:
    """The bars that trades of one symbol hang on, each file read once by the view."""

    def __init__(self, view: LakeView, trade: TracedTrade) -> None:
        self._view = view
        self._row = trade.row
        self._ns = _instants(trade)
        self._length = Timeframe.parse(trade.run.strategy.timeframe)
        self._entries = [
            entry
            for entry in research_history(view, trade.row["symbol"])
            if entry.levels["timeframe"] == trade.run.strategy.timeframe
        ]

    def signal(self) -> TradeBar | None:
        """Return the bar at whose close the trade was asked for."""
        found = self._last(self._ns["signal_ts"] - self._length.ns, includes=True)
        if found is None or int(found[1]["start_ns"]) + self._length.ns != self._ns["signal_ts"]:
            return None
        return TradeBar("signal", "close", *found)

    def entry(self) -> TradeBar | None:
        """Return the bar in which the entry filled."""
        found = self._last(self._ns["entry_ts"], includes=True)
        return TradeBar("entry", "open", *found) if found else None

    def exit(self) -> TradeBar | None:
        """Return the bar in which the exit filled, and the price of it that decided.

        An exit bears the end of its bar, or the instant of the open that it filled at: where a bar
        ends and another begins there, the fill's price tells which of them it was.
        """
        ending = self._last(self._ns["exit_ts"], includes=False)
        opening = self._last(self._ns["exit_ts"], includes=True)
        begins = opening and int(opening[1]["start_ns"]) == self._ns["exit_ts"]
        reason = self._row["exit_reason"]
        if ending is None or (begins and (reason == "signal" or not self._fits(ending[1]))):
            return TradeBar("exit", "open", *opening) if opening else None
        return TradeBar("exit", self._exit_field(str(reason)), *ending)

    def _exit_field(self, reason: str) -> str:
        """Return the price of a bar that an exit inside of it hangs on."""
        is_long = self._row["side"] == "long"
        if reason == "target":
            return "high" if is_long else "low"
        if reason == "stop":
            return "low" if is_long else "high"
        return "close"

    def _fits(self, bar: Mapping[str, Any]) -> bool:
        """Whether the exit's price lies in a bar, what the fill cost aside."""
        row = self._row
        paid = abs(row["spread_cost"]) + abs(row["slippage"]) + abs(row["latency_cost"])
        traded = max(abs(row["gross"] - paid), paid) / row["qty"] if row["qty"] else 0.0
        margin = min(traded, 0.01 * bar["close"])
        return bool(bar["low"] - margin <= row["exit_price"] <= bar["high"] + margin)

    def _last(self, until_ns: int, *, includes: bool) -> tuple[Entry, Mapping[str, Any]] | None:
        """Return the last bar that begins before an instant, or at it."""
        for entry in reversed(self._entries):
            frame = self._view.read(entry)
            starts = frame["bar_start"].to_physical().to_numpy()
            side = "right" if includes else "left"
            place = int(np.searchsorted(starts, until_ns, side=side)) - 1  # type: ignore[call-overload]
            if place >= 0:
                row = frame.row(place, named=True) | {"start_ns": int(starts[place])}
                return entry, row
        return None


def bar_steps(trade: TracedTrade, bars: list[TradeBar]) -> Iterator[Step]:
    """Yield a step a bar, and whether the lake still holds it as the run read it."""
    told_prices = {"entry": trade.row["entry_price"], "exit": trade.row["exit_price"]}
    for bar in bars:
        prices = ", ".join(f"{name[0].upper()} {bar.row[name]:.10g}" for name in FIELDS)
        told = f"{bar.row['bar_start']:%Y-%m-%d %H:%M:%S} UTC, {prices}"
        if bar.role in told_prices:
            told += f"; filled at {told_prices[bar.role]:.10g}"
        version = trade.run.inputs.get(bar.entry.name, bar.entry.data_version)
        values = {
            "bar_start": bar.row["bar_start"].isoformat(),
            **{name: bar.row[name] for name in (*FIELDS, "volume", "contract")},
            "partition": bar.entry.name,
            "data_version": bar.entry.data_version,
        }
        state = StepState.FOUND
        if version != bar.entry.data_version:
            state = StepState.MISMATCH
            told += "; THE LAKE HOLDS OTHER BARS than the run read: make the backtest again"
        yield Step(f"bar of the {bar.role}", told, state, values)


@dataclass(frozen=True)
class PriceSource:
    """The landed row that a price of a bar is read from.

    Parameters
    ----------
    wanted
        What to look for in the vendor's file.
    sources
        Files that rows of its partition come from.
    """

    bar: TradeBar
    landed: Entry
    wanted: Wanted
    sources: tuple[SourceReceipt, ...]
    steps: tuple[Step, ...]


def price_source(view: LakeView, bar: TradeBar) -> PriceSource | Step:
    """Return the landed row behind a bar's price, or the step at which the chain breaks."""
    name = f"price of the {bar.role}"
    inputs = view.workspace.lake.lineage(bar.entry).inputs
    base = next((n for n in inputs if n.startswith((CLEAN_TICKS.name, RAW_BARS.name))), None)
    found = _standing(view, bar.entry, base, inputs)
    if found is None:
        told = "what the bar was made from is not what the lake holds now: make it again"
        return Step(name, told, StepState.ABSENT)
    if found.table == CLEAN_TICKS.name:
        return _from_tick(view, bar, found, name)
    return _from_bar(view, bar, found, name)


def _from_tick(view: LakeView, bar: TradeBar, clean: Entry, name: str) -> PriceSource | Step:
    """Go from a price to the cleaned tick that made it, and on to the landed tick."""
    ticks = _inside(view.read(clean), "ts", bar).filter(pl.col("qty") > 0)
    tick = _deciding(ticks, bar, dict.fromkeys(FIELDS, "price"), scale=PRICE_SCALE)
    if tick is None:
        return Step(name, "no cleaned tick of the bar has that price", StepState.MISMATCH)
    inputs = view.workspace.lake.lineage(clean).inputs
    raw_name = next((one for one in inputs if one.startswith(RAW_TICKS.name)), None)
    landed = _standing(view, clean, raw_name, inputs)
    if landed is None:
        told = "the landed ticks have changed since they were cleaned"
        return Step(name, told, StepState.ABSENT)
    raw = view.read(landed)
    rows = raw.filter(pl.col("seq") == tick["seq"])
    if rows.is_empty() or rows["price"][0] != tick["price"]:
        told = f"landed tick {tick['seq']} is not the cleaned one"
        return Step(name, told, StepState.MISMATCH)
    wanted = _wanted(landed, raw, rows, time="ts", values=_TICK_VALUES)
    step = Step(
        "tick",
        f"{tick['price'] / PRICE_SCALE:.10g}, qty {tick['qty']:g}, "
        f"{tick['ts']:%Y-%m-%d %H:%M:%S.%f} UTC, row {tick['seq']} of {landed.name}",
        values=_stated(tick, clean, landed),
    )
    return PriceSource(bar, landed, wanted, view.workspace.lake.lineage(landed).sources, (step,))


def _from_bar(view: LakeView, bar: TradeBar, landed: Entry, name: str) -> PriceSource | Step:
    """Go from a price to the landed bar that it is read from."""
    raw = view.read(landed)
    row = _deciding(_inside(raw, "bar_start", bar), bar, {f: f for f in FIELDS}, scale=1)
    if row is None:
        return Step(name, "no landed bar has that price", StepState.MISMATCH)
    rows = raw.filter(pl.col("bar_start").to_physical() == row["at_ns"])
    wanted = _wanted(landed, raw, rows, time="bar_start", values=_BAR_VALUES)
    step = Step(
        "landed bar",
        f"{row['bar_start']:%Y-%m-%d %H:%M:%S} UTC, "
        + ", ".join(f"{f[0].upper()} {row[f]:.10g}" for f in FIELDS)
        + f", of {landed.name}",
        values=_stated(row, landed),
    )
    return PriceSource(bar, landed, wanted, view.workspace.lake.lineage(landed).sources, (step,))


def _standing(
    view: LakeView, below: Entry, name: str | None, inputs: Mapping[str, str]
) -> Entry | None:
    """Return an input of an entry, where the lake still holds it at its version."""
    if name is None:
        return None
    found = view.at(name.split("/", 1)[0], below.symbol, below.day)
    return next((e for e in found if e.name == name and e.data_version == inputs[name]), None)


def _inside(frame: pl.DataFrame, time: str, bar: TradeBar) -> pl.DataFrame:
    """Return the rows of a bar with their stamp as `at_ns`; a daily bar has all of its session."""
    stamped = frame.with_columns(at_ns=pl.col(time).to_physical())
    length = Timeframe.parse(bar.entry.levels["timeframe"])
    if length.is_daily:
        return stamped
    end = bar.start_ns + length.ns
    return stamped.filter(pl.col("at_ns").is_between(bar.start_ns, end, closed="left"))


def _deciding(
    rows: pl.DataFrame, bar: TradeBar, columns: Mapping[str, str], *, scale: int
) -> Row | None:
    """Return the row that a bar's price is read from: of equal extremes the first."""
    if rows.is_empty():
        return None
    prices = rows[columns[bar.field]].to_numpy() / scale
    place = {
        "open": 0,
        "close": rows.height - 1,
        "high": int(np.argmax(prices)),
        "low": int(np.argmin(prices)),
    }[bar.field]
    return rows.row(place, named=True) if prices[place] == bar.price else None


def _wanted(
    landed: Entry, raw: pl.DataFrame, rows: pl.DataFrame, *, time: str, values: tuple[str, ...]
) -> Wanted:
    """Return what to look for: the row's values, and how many equal rows stand before it."""
    row = rows.row(0, named=True)
    kept = {name: row[name] for name in values}
    same = raw.filter(
        pl.col(time) == rows[time][0],
        *(pl.col(name).eq_missing(pl.lit(value)) for name, value in kept.items()),
    )
    before = same.filter(pl.col("seq") < row["seq"]).height if "seq" in same.columns else 0
    return Wanted(
        table=landed.table,
        symbol=landed.symbol,
        contract=landed.levels.get("contract"),
        bar_schema=landed.levels.get("schema"),
        at_ns=int(rows[time].to_physical()[0]),
        values=tuple(kept.items()),
        n_before=before,
    )


def _stated(row: Row, *entries: Entry) -> dict[str, Any]:
    """Return a row as JSON values, and where it stands."""
    values = {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
    }
    return values | {"partitions": {entry.name: entry.data_version for entry in entries}}


def _instants(trade: TracedTrade) -> dict[str, int]:
    """Return the trade's instants in ns, which Python's own would cut."""
    row = trade.run.trades.filter(pl.col("trade_id") == trade.trade_id)
    return {name: int(row[name].to_physical()[0]) for name in ("signal_ts", "entry_ts", "exit_ts")}
