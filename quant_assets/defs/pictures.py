"""One picture a run, for the Dagster UI: drawn from what the range has just made."""

import base64
from collections.abc import Sequence
from datetime import date

import dagster as dg
import numpy as np
import polars as pl

from quant_assets.bronze.statistics import summarize_outcomes
from quant_assets.reports.pictures import draw_bars, draw_heat_map, draw_roll_volumes
from quant_assets.workflows.ranges import Outcome
from quant_assets.workflows.recipe import Status
from quant_assets.workflows.recipes.roll_history import RollRule, landed_volumes
from quant_assets.workflows.view import LakeView

_MOST_ROWS = 200_000
_BASIS_POINTS = 10_000
_MOST_SESSIONS = 20


def as_metadata(png: bytes) -> dg.MetadataValue:
    """Return a PNG as metadata that the UI shows in place."""
    encoded = base64.b64encode(png).decode()
    return dg.MetadataValue.md(f"![picture](data:image/png;base64,{encoded})")


def newest(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the made partitions of the symbol that comes last, oldest first."""
    made = [outcome for outcome in outcomes if outcome.status is Status.MADE]
    symbol = max(outcome.key.symbol for outcome in made)
    return [outcome for outcome in made if outcome.key.symbol == symbol][-_MOST_SESSIONS:]


def roll_picture(view: LakeView, outcomes: Sequence[Outcome]) -> bytes | None:
    """Draw each contract's volume, which of them is read and the days of a roll, for one root."""
    shown = newest(outcomes)
    root = shown[0].key.symbol
    rule = RollRule.of(view)
    volumes = landed_volumes(view, root, rule.basis).rename({"date": "session"})
    span = pl.col("session").is_between(shown[0].key.session, shown[-1].key.session)
    entries = [entry for outcome in shown for entry in outcome.entries]
    rolled: list[date] = [entry.day for entry in entries if entry.stats.get("rolled")]
    return draw_roll_volumes(
        volumes.filter(span),
        root=root,
        rolled_on=rolled,
        active={entry.day: entry.stats["contract"] for entry in entries},
        mode=rule.mode.value,
    )


def bars_picture(view: LakeView, outcomes: Sequence[Outcome]) -> bytes | None:
    """Draw close and volume of the research bars, for one symbol."""
    shown = newest(outcomes)
    entries = [e for o in shown for e in o.entries if e.stats.get("research") and e.rows]
    if not entries:
        return None
    frame = pl.concat([view.read(entry) for entry in entries])
    title = f"{shown[0].key.symbol} {entries[0].levels['timeframe']}, research bars"
    return draw_bars(frame, title=title)


def bronze_picture(view: LakeView, outcomes: Sequence[Outcome]) -> bytes | None:
    """Draw how many candles of one session each stop and target would have won from."""
    last = newest(outcomes)[-1]
    rows = view.read(last.entries[0], ("tp_ratio", "sl_ratio")).head(_MOST_ROWS)
    if rows.is_empty():
        return None
    wins = rows.group_by("tp_ratio", "sl_ratio").len()
    targets = wins["tp_ratio"].unique().sort()
    stops = wins["sl_ratio"].unique().sort()
    grid = np.zeros((len(targets), len(stops)))
    places = wins.select(
        pl.col("tp_ratio").replace_strict(dict(zip(targets, range(len(targets)), strict=True))),
        pl.col("sl_ratio").replace_strict(dict(zip(stops, range(len(stops)), strict=True))),
        "len",
    )
    for tp, sl, count in places.iter_rows():
        grid[tp, sl] = count
    return draw_heat_map(
        grid,
        rows=[f"{value:.4f}" for value in targets],
        columns=[f"{value:.4f}" for value in stops],
        title=f"{last.key.symbol} {last.key.session}: wins by target (rows) and stop (columns)",
        unit="wins, both directions",
    )


def outcomes_picture(view: LakeView, outcomes: Sequence[Outcome]) -> bytes | None:
    """Draw the expectancy of each stop and target over the newest sessions of one symbol."""
    shown = newest(outcomes)
    entries = [entry for outcome in shown for entry in outcome.entries if entry.rows]
    if not entries:
        return None
    levels = entries[-1].levels
    stats = pl.concat([view.read(entry) for entry in entries if entry.levels == levels])
    together = summarize_outcomes(stats, ["tp", "sl"])
    targets, stops = together["tp"].unique().sort(), together["sl"].unique().sort()
    return draw_heat_map(
        together["expectancy"].to_numpy().reshape(len(targets), len(stops)) * _BASIS_POINTS,
        rows=[f"{value:.4f}" for value in targets],
        columns=[f"{value:.4f}" for value in stops],
        title=f"{levels['symbol']} {levels['timeframe']}, {len(entries)} sessions to "
        f"{entries[-1].session}: target (rows), stop (columns)",
        unit="expectancy after spread, basis points",
    )
