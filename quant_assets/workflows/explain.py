"""From a trade back to the bytes that its prices come from, each step shown or why it ends."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from quant_assets.lineage.records import SourceReceipt
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.ticks.schema import RAW_TICKS
from quant_assets.workflows.explain_decision import decision_steps, plain
from quant_assets.workflows.explain_prices import (
    BarsOfTrade,
    PriceSource,
    TradeBar,
    bar_steps,
    price_source,
)
from quant_assets.workflows.explanation import Explanation, Step, StepState
from quant_assets.workflows.raw_evidence import show_row
from quant_assets.workflows.raw_rows import RawFile, RawFiles, Wanted
from quant_assets.workflows.strategy_backtest import backtest_code_version
from quant_assets.workflows.traced_trades import TracedTrade, TradeFinder
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

Progress = Callable[[str], None]


def explain_trades(
    workspace: Workspace,
    trade_ids: Sequence[str],
    *,
    raw: Sequence[Path] = (),
    progress: Progress = lambda _: None,
) -> list[Explanation]:
    """Walk from trades to the rows of vendors' files that their prices come from.

    Parameters
    ----------
    trade_ids
        Ids of table trades; the first digits of a run alone stand for all of its trades. Each
        vendor's file is read once for all of them.
    raw
        Files and folders in which vendors' files lie, besides `raw` of the data root.

    Raises
    ------
    InputError
        If there is no such trade, or its run was not stored and cannot be computed again.
    """
    view = LakeView(workspace)
    finder = TradeFinder(view, progress=progress)
    drafts = [_Draft.of(view, finder.find(one)) for one in _each_id(finder, trade_ids)]
    files = RawFiles(workspace, raw)
    sources = [one for draft in drafts for one in draft.sources()]
    _read_files(files, sources, progress)
    return [draft.finished(files) for draft in drafts]


def _each_id(finder: TradeFinder, named: Iterable[str]) -> Iterator[str]:
    """Yield ids, those of all trades where a run is named."""
    for one in named:
        if "-" in one:
            yield one
        else:
            yield from finder.ids_of_run(one)


def _read_files(files: RawFiles, sources: Sequence[PriceSource], progress: Progress) -> None:
    """Look for each row in the files of its partition, one after the other until it is found."""
    for turn in range(max((len(one.sources) for one in sources), default=0)):
        wanted: dict[SourceReceipt, list[Wanted]] = {}
        for one in sources:
            if turn < len(one.sources) and not _is_found(files, one):
                wanted.setdefault(one.sources[turn], []).append(one.wanted)
        for source, rows in sorted(wanted.items(), key=lambda pair: pair[0]):
            progress(f"reading {source.name} for {len(set(rows))} rows")
            files.read({source: list(dict.fromkeys(rows))})


def _is_found(files: RawFiles, one: PriceSource) -> bool:
    """Whether a row was found in a file whose bytes are those that were landed."""
    return any(
        one.wanted in file.rows and file.is_as_landed for file in map(files.file, one.sources)
    )


@dataclass(frozen=True)
class _Draft:
    """An explanation before vendors' files are read."""

    trade: TracedTrade
    first: tuple[Step, ...]
    prices: tuple[PriceSource | Step, ...]
    synthetic: bool

    @classmethod
    def of(cls, view: LakeView, trade: TracedTrade) -> "_Draft":
        """Walk as far as the lake goes."""
        place = BarsOfTrade(view, trade)
        signal, entry, exit_ = place.signal(), place.entry(), place.exit()
        bars = [bar for bar in (signal, entry, exit_) if bar is not None]
        steps = [_trade_step(trade), _trial_step(trade)]
        if signal is None:
            told = "the lake holds no bar any more that closes when the trade was asked for"
            steps.append(Step("bar of the signal", told, StepState.ABSENT))
        else:
            steps += decision_steps(view, trade, signal.entry, dict(signal.row))
        steps += bar_steps(trade, bars)
        prices = tuple(price_source(view, bar) for bar in bars)
        return cls(trade, tuple(steps), prices, any(bar.entry.synthetic for bar in bars))

    def sources(self) -> list[PriceSource]:
        """Return the rows that are to be looked for in files."""
        return [one for one in self.prices if isinstance(one, PriceSource)]

    def finished(self, files: RawFiles) -> Explanation:
        """Add what the files hold."""
        steps = list(self.first)
        for one in self.prices:
            if isinstance(one, Step):
                steps.append(one)
            else:
                steps += [*_named(one.steps, one.bar), _raw_step(files, one, self.synthetic)]
        steps.append(_code_step(self.trade))
        return Explanation(self.trade.trade_id, tuple(steps), self.synthetic)


def _trade_step(trade: TracedTrade) -> Step:
    """Show the trade's row."""
    row = trade.row
    what = row["contract"] or row["symbol"]
    told = (
        f"{row['side']} {row['qty']:g} {what} at {row['entry_price']:.10g} on "
        f"{row['entry_ts']:%Y-%m-%d %H:%M:%S} UTC, out at {row['exit_price']:.10g} by "
        f"{row['exit_reason']} on {row['exit_ts']:%Y-%m-%d %H:%M:%S} UTC, net {row['net']:.2f} "
        f"at realism {row['realism']}"
    )
    return Step("trade", told, values=plain(dict(row)))


def _trial_step(trade: TracedTrade) -> Step:
    """Say which run the trade is of, and how it was come by."""
    run = trade.run
    kept = "stored in the lake" if run.entry else "computed again just now, with the same identity"
    trial_id = run.trial.trial_id if run.trial else None
    sweep = f", of sweep {run.trial.sweep}" if run.trial and run.trial.sweep else ""
    told = f"{(trial_id or trade.trade_id)[:10]} of strategy {run.strategy.name}{sweep}, {kept}"
    values = {
        "trial_id": trial_id,
        "strategy": run.strategy.to_mapping(),
        "sweep": run.trial.sweep if run.trial else None,
        "n_inputs": len(run.inputs),
    }
    return Step("trial", told, values=values)


def _code_step(trade: TracedTrade) -> Step:
    """Say which code computed the trade, and whether it is the code of now."""
    now = backtest_code_version()
    is_same = trade.run.code_version == now
    package = _package_version()
    told = f"{trade.run.code_version[:12]}, " + (
        f"the code of now (quant_assets {package})" if is_same else f"now it is {now[:12]}"
    )
    values = {"code_version": trade.run.code_version, "now": now, "package": package}
    return Step("code", told, values=values)


@cache
def _package_version() -> str:
    """Return the version that is installed."""
    return version("quant_assets")


def _named(steps: Iterable[Step], bar: TradeBar) -> list[Step]:
    """Return steps with the bar that they belong to in their names."""
    return [Step(f"{s.name} of the {bar.role}", s.told, s.state, s.values) for s in steps]


def _raw_step(files: RawFiles, one: PriceSource, synthetic: bool) -> Step:  # noqa: FBT001
    """Say what the vendor's file holds of a price."""
    name = f"raw row of the {one.bar.role}"
    looked = [files.file(source) for source in one.sources]
    mark = "SYNTHETIC, " if synthetic else ""
    found = [file for file in looked if one.wanted in file.rows]
    sound = [file for file in found if file.is_as_landed]
    if sound:
        return _shown_step(name, mark, one, sound[0])
    values = {"files": [_of_file(file) for file in looked]}
    changed = [file for file in looked if file.path is not None and not file.is_as_landed]
    if changed:
        file = changed[0]
        where = "the row is still in it" if file in found else "THE ROW IS NOT IN IT"
        told = (
            f"{mark}{file.source.name} HAS CHANGED since it was landed: SHA-256 "
            f"{str(file.sha256)[:12]}, landed as {file.source.sha256[:12]}; {where}"
        )
        return Step(name, told, StepState.MISMATCH, values)
    if any(file.path is None for file in looked):
        names = ", ".join(sorted({file.source.name for file in looked if file.path is None}))
        told = f"{mark}no file {names} where files were looked for: name its folder with --raw"
        return Step(name, told, StepState.ABSENT, values)
    faults = "; ".join(file.fault for file in looked if file.fault)
    names = ", ".join(file.source.name for file in looked) or "no file"
    told = f"{mark}{one.bar.field} {one.bar.price:.10g} IS NOT IN {names}"
    return Step(name, f"{told}{f': {faults}' if faults else ''}", StepState.MISMATCH, values)


def _shown_step(name: str, mark: str, one: PriceSource, file: RawFile) -> Step:
    """Show the row in a file, and see once more that the price stands in it."""
    row = file.rows[one.wanted]
    assert file.path is not None  # noqa: S101 a row was found in it
    shown = show_row(file.path, row)
    held = shown.holds(one.bar.price)
    stated = _stated_by_reader(one) if shown.text is None else shown.text
    told = (
        f"{mark}{file.source.name}, {row.place}: {stated}; SHA-256 {file.source.sha256} is as "
        f"landed; {one.bar.field} {one.bar.price:.10g} "
        f"{'IS NOT' if held is False else 'is'} in it"
    )
    state = StepState.MISMATCH if held is False else StepState.FOUND
    values = {
        **_of_file(file),
        "place": row.place,
        "raw": shown.text,
        "field": one.bar.field,
        "price": one.bar.price,
    }
    return Step(name, told, state, values)


def _stated_by_reader(one: PriceSource) -> str:
    """Return the values of a binary record, as its reader typed them."""
    scale = PRICE_SCALE if one.wanted.table == RAW_TICKS.name else 1
    values: Mapping[str, float] = {n: v for n, v in one.wanted.values if v is not None}
    prices = {"price", "bid", "ask"}
    return ", ".join(
        f"{name}={value / scale if name in prices else value:.10g}"
        for name, value in values.items()
    )


def _of_file(file: RawFile) -> dict[str, str | None]:
    """Return a file as JSON values, without the folder that it lies in."""
    return {
        "file": file.source.name,
        "sha256_landed": file.source.sha256,
        "sha256_now": file.sha256,
        "fault": file.fault,
    }
