"""Real market files: what is read of them, and the strategies and sweeps that are run on them."""

from pathlib import Path
from typing import Any

import yaml

FILES = (
    "futures/futures_ticks.sqlite",
    "futures/futures_minutes.sqlite",
    "ohlcv/EURUSD15.csv",
    "dbn/XNAS-20131007-A7LEANSEC1/xnas-itch-20131007.ohlcv-1s.dbn.zst",
    "dbn/XNAS-20131007-A7LEANSEC1/xnas-itch-20131008.ohlcv-1s.dbn.zst",
    "dbn/XNAS-20131007-A7LEANSEC1/xnas-itch-20131009.ohlcv-1s.dbn.zst",
    "dbn/XNAS-20140605-A7LEANSEC2/xnas-itch-20140605.ohlcv-1s.dbn.zst",
)
CUT = {"ohlcv/GBPUSD15.csv": 1008, "ohlcv/BTCUSD15.csv": 1060}
"""Files of which so many first lines are read: eleven or twelve sessions are enough."""

SETTINGS = {
    "partitions": {"start": "2012-01-01"},
    "universe": [{"symbol": "AIG", "reference": "SPY"}, {"symbol": "BAC", "reference": "SPY"}],
    # These files hold a few sessions: a state is fitted as soon as there is one before.
    "regimes": {"refit": "session", "window_sessions": 10, "least_rows": 60},
}
SPLITS = {"n_folds": 3, "min_train_sessions": 4, "embargo_bars": 1}

STRATEGIES: dict[str, dict[str, object]] = {
    "crypto_linear": {
        "symbols": ["BTCUSD"],
        "label": "return(24)",
        "model": {"kind": "logistic_regression"},
        "cv": {"kind": "combinatorial", "n_folds": 5, "embargo_bars": 24},
        "splits": SPLITS,
        "decision": {"threshold": 0.5},
    },
    "fx_cross": {
        "symbols": ["EURUSD"],
        "signal": {"kind": "sma_cross", "fast": 5, "slow": 40},
        "exits": {"stop": 0.003, "on_signal": True},
        "qty": 10_000,
    },
    "fx_forest": {
        "symbols": ["EURUSD", "GBPUSD"],
        "label": "meta(macd_histogram, 0.001, 0.002, 24)",
        "model": {"kind": "random_forest", "params": {"n_estimators": 20, "max_depth": 4}},
        "pruning": {"permutation": True},
        "splits": SPLITS,
        "decision": {"threshold": 0.4},
    },
}
"""Strategies beside the built-in ones: other labels, estimators and ways to cut."""

USUAL: dict[str, object] = {
    "timeframe": "15m",
    "capital": 100_000,
    "qty": 1,
}

REALISM = ["ideal", "spread", "latency", "full"]

SWEEPS: dict[str, dict[str, Any]] = {
    "futures_200": {
        "base": "future_1m_barriers",
        "vary": {
            "decision.threshold": [0.32, 0.34, 0.36, 0.38, 0.4],
            "model.params.num_leaves": [7, 15],
            "execution.realism": REALISM,
        },
    },
    "equities_200": {
        "base": "equity_1m_barriers",
        "vary": {
            "decision.threshold": [0.32, 0.34, 0.36, 0.38, 0.4],
            "model.params.num_leaves": [7, 15],
            "execution.realism": REALISM,
        },
    },
    "fx_200": {
        "base": "fx_cross",
        "vary": {
            "signal.fast": [2, 3, 4, 5, 6, 8, 10, 12, 15, 18],
            "signal.slow": [20, 25, 30, 40, 50, 60, 80, 100],
        },
    },
    "crypto_200": {
        "base": "crypto_linear",
        "vary": {
            "decision.threshold": [0.4, 0.42, 0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56, 0.58],
            "execution.realism": REALISM,
        },
    },
}
"""Two hundred cells in all, of two models of trees, a linear one and a rule."""

N_TRIALS = 200


def write_wishes(folder: Path) -> None:
    """Write settings and strategies to a data root."""
    (folder / "strategies").mkdir(parents=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    for name, wishes in STRATEGIES.items():
        text = yaml.safe_dump({"name": name, **USUAL, **wishes})
        (folder / "strategies" / f"{name}.yaml").write_text(text)


def write_sweeps(folder: Path, *, most: int | None = None) -> list[Path]:
    """Write the sweeps' specs, and return their files.

    Parameters
    ----------
    most
        Values of each key that are kept at most, from the first and the last on; None is all.
    """
    paths = []
    for name, spec in SWEEPS.items():
        vary = {key: _fewer(values, most) for key, values in spec["vary"].items()}
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"name": name, "base": spec["base"], "vary": vary}))
        paths.append(path)
    return paths


def _fewer(values: list[Any], most: int | None) -> list[Any]:
    """Return some of the values, the first and the last among them."""
    if most is None or len(values) <= most:
        return values
    return [values[round(n * (len(values) - 1) / (most - 1))] for n in range(most)]


def cut_files(shared: Path, folder: Path) -> list[Path]:
    """Write the first lines of some files, each under its own name."""
    for name, count in CUT.items():
        lines = (shared / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / Path(name).name).write_text("".join(lines[:count]), encoding="utf-8")
    return [folder / Path(name).name for name in CUT]
