"""Models on a terminal: a line a version, and one model fold by fold."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from quant_assets.cli.leaderboard_table import console_of

if TYPE_CHECKING:
    from quant_assets.models.trained import TrainedModel
    from quant_assets.workflows.model_list import ListedModel

_SCORES = (
    ("base_rate", "base rate"),
    ("auc", "AUC"),
    ("logloss", "log loss"),
    ("logloss_of_base_rate", "of base rate"),
    ("brier", "Brier"),
)


def print_models(listed: "Sequence[ListedModel]") -> None:
    """Print one line a version."""
    from rich.table import Table

    from quant_assets.workflows.model_list import mean_score

    if not listed:
        print("No model is stored or registered: train one with quant train STRATEGY")
        return
    table = Table(box=None, pad_edge=False)
    # Words may break where the page is narrow; figures would be cut, and names are to be copied.
    names = {"strategy", "version", "model"}
    for title in ("strategy", "version", "model", "alias", "estimator", "symbols"):
        table.add_column(title, no_wrap=title in names, overflow="fold")
    for title in ("rows", "AUC", "log loss", "of base rate"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in listed:
        content = one.model.content if one.model else None
        scores = [
            mean_score(one.model, name) for name in ("auc", "logloss", "logloss_of_base_rate")
        ]
        table.add_row(
            one.strategy,
            str(one.registered.number) if one.registered else "-",
            one.model_version[:10],
            ", ".join(one.registered.aliases) if one.registered else "",
            content.model.kind if content else "replaced",
            ", ".join(content.symbols) if content else "",
            f"{content.n_rows:,}" if content else "",
            *(_number(score) for score in scores),
        )
    console_of().print(table)


def print_model(listed: "ListedModel") -> None:
    """Print a model: what it is, each fold's scores, and which features it left out and why."""
    model = listed.model
    if model is None:
        return
    content = model.content
    kind = "SYNTHETIC market" if listed.entry and listed.entry.synthetic else "real market"
    print(f"{listed.strategy}: {content.model.kind}, label {content.label.dataset}")
    print(
        f"{', '.join(content.symbols)} {content.timeframe}, {content.n_rows:,} rows, "
        f"{len(model.features)} features, {kind}"
    )
    console_of().print(_folds(model))
    if model.cv:
        print(f"cross-validation, {len(model.cv)} folds: {_means(model)}")
    print(_pruned(model))
    for line in undone(model):
        print(line)
    number = f", version {listed.registered.number}" if listed.registered else ""
    aliases = ", ".join(listed.registered.aliases) if listed.registered else "not registered"
    print(f"model {listed.model_version[:10]}{number} ({aliases})")


def _folds(model: "TrainedModel") -> Any:
    """Return the table of walk-forward folds."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("fold", "tested from", "train rows", "test rows"):
        table.add_column(title, justify="left" if title == "tested from" else "right")
    for _, title in _SCORES:
        table.add_column(title, justify="right")
    for number, fold in enumerate(model.folds):
        start = datetime.fromtimestamp(fold.test_start_ns / 1e9, tz=UTC)
        table.add_row(
            str(number),
            f"{start:%Y-%m-%d %H:%M}Z",
            f"{fold.n_train:,}",
            f"{fold.n_test:,}",
            *(_number(fold.scores.get(name)) for name, _ in _SCORES),
        )
    return table


def _means(model: "TrainedModel") -> str:
    """Return the mean scores of cross-validation, and in how many folds the model beats none."""
    from quant_assets.workflows.model_list import mean_of

    better = sum(
        one.scores["logloss"] < one.scores["logloss_of_base_rate"]
        for one in model.cv
        if one.scores["logloss"] is not None and one.scores["logloss_of_base_rate"] is not None
    )
    auc, loss = (_number(mean_of(model.cv, name)) for name in ("auc", "logloss"))
    return f"mean AUC {auc}, mean log loss {loss}, below that of the base rate in {better}"


def _pruned(model: "TrainedModel") -> str:
    """Return how many features the final model keeps, and why it left the others out."""
    final = model.content.final
    reasons = Counter(reason.split(":", 1)[0].split(" ", 1)[0] for reason in final.dropped.values())
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    head = f"{len(final.features)} of {len(model.features)} features kept"
    return f"{head}; left out: {told}" if told else head


def undone(model: "TrainedModel") -> list[str]:
    """Return what was asked for and not done, and in which folds, and the rows lost to nulls."""
    folds = [(f"fold {number}", fold.pipeline) for number, fold in enumerate(model.folds)]
    where: dict[str, list[str]] = {}
    for place, pipeline in (*folds, ("the final model", model.content.final)):
        for what in pipeline.notes:
            where.setdefault(what, []).append(place)
    lines = [f"no {what} in {', '.join(places)}" for what, places in sorted(where.items())]
    lost = model.content.final.n_without_value
    told = f"{lost:,} rows have a null that the estimator cannot read: not learned from"
    return [*lines, told] if lost else lines


def _number(value: float | None) -> str:
    """Write a score."""
    return "-" if value is None else f"{value:.4f}"
