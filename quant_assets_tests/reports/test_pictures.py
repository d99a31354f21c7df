"""Pictures: real PNGs, and the same bytes for the same figures."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from quant_assets.reports import pictures
from quant_assets.reports.feature_pictures import draw_drifts
from quant_assets.reports.model_pictures import draw_model_tear
from quant_assets.reports.signal_picture import draw_signals
from quant_assets.reports.trial_pictures import draw_leaderboard, draw_tear_sheet, draw_trials
from quant_assets_tests.reports.cases import board

SIGNATURE = b"\x89PNG\r\n\x1a\n"
N = 50
STAMPS = [datetime(2024, 3, 4, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(N)]
MATRIX = np.array([[1.0, np.nan], [-2.0, 0.5]])
WAVE = np.sin(np.arange(N) / 5.0)


def equity() -> pl.DataFrame:
    """Return an equity curve."""
    stamps = pl.Series(STAMPS, dtype=pl.Datetime("ns", "UTC"))
    return pl.DataFrame({"ts": stamps, "equity": 100 + WAVE, "drawdown": np.minimum(WAVE, 0) / 9})


def bars() -> pl.DataFrame:
    """Return bars."""
    return equity().select(bar_start="ts", close="equity", volume=pl.lit(3.0))


def volumes() -> pl.DataFrame:
    """Return the volumes of two contracts over a roll."""
    days = [date(2024, 3, 4) + timedelta(days=n) for n in range(6)]
    return pl.DataFrame(
        {
            "contract": ["ESH24"] * 6 + ["ESM24"] * 6,
            "session": days * 2,
            "volume": [6.0, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6],
        }
    )


def signals() -> pl.DataFrame:
    """Return closes with sides wanted, and some that the regime or a second opinion blocks."""
    asked = [(0, 1, -1)[n % 3] for n in range(N)]
    why = [("regime", "unconfirmed")[n % 2] if n % 5 == 0 and asked[n] else None for n in range(N)]
    side = [0 if reason else wanted for wanted, reason in zip(asked, why, strict=True)]
    marks = pl.DataFrame({"asked": asked, "side": side, "blocked": why})
    return pl.concat([bars().drop("volume"), marks], how="horizontal")


DRAWN = {
    "equity": lambda: pictures.draw_equity(equity(), title="one"),
    "bars": lambda: pictures.draw_bars(bars(), title="one"),
    "rolls": lambda: pictures.draw_roll_volumes(
        volumes(), root="ES", rolled_on=[date(2024, 3, 7)]
    ),
    "heat_map": lambda: pictures.draw_heat_map(
        MATRIX, rows=["a", "b"], columns=["c", "d"], title="t", unit="R"
    ),
    "model_tear": lambda: draw_model_tear(
        importances={"rsi": 3.0, "adx": 1.0},
        fold_scores=[{"auc": 0.6}, {"auc": None}],
        calibration=[{"mean_proba": 0.4, "frequency": 0.5, "count": 9}],
        title="tear",
    ),
    "drifts": lambda: draw_drifts({"rsi": 0.3, "adx": 0.1}, n_shown=9),
    "signals": lambda: draw_signals(signals(), title="signals"),
    "trials": lambda: draw_trials([*WAVE.tolist(), None], expected_best=1.2, title="trials"),
    "leaderboard": lambda: draw_leaderboard(board(30), title="board"),
    "tear_sheet": lambda: draw_tear_sheet(equity(), WAVE.tolist(), title="glance"),
}  # fmt: skip

EMPTY = {
    "equity": lambda: pictures.draw_equity(equity().head(0), title="none"),
    "bars": lambda: pictures.draw_bars(bars().head(0), title="none"),
    "rolls": lambda: pictures.draw_roll_volumes(volumes().head(0), root="ES"),
    "heat_map": lambda: pictures.draw_heat_map(
        np.full((1, 1), np.nan), rows=["a"], columns=["b"], title="none", unit="R"
    ),
    "model_tear": lambda: draw_model_tear(
        importances={}, fold_scores=[], calibration=[], title="none"
    ),
    "signals": lambda: draw_signals(signals().head(0), title="none"),
    "trials": lambda: draw_trials([], expected_best=None, title="none"),
    "trials without a Sharpe ratio": lambda: draw_trials([None], expected_best=0.0, title="none"),
    "leaderboard": lambda: draw_leaderboard(board().head(0), title="none"),
    "tear_sheet": lambda: draw_tear_sheet(equity().head(0), [], title="none"),
    "a single mark": lambda: draw_tear_sheet(equity().head(1), [1.0], title="one"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_a_small_png_that_says_nothing_of_its_making(name):
    """No date and no software in the metadata, and small enough for an event log."""
    png = DRAWN[name]()
    assert png.startswith(SIGNATURE)
    assert len(png) < 100_000
    assert b"tEXt" not in png
    assert b"matplotlib" not in png.lower()


@pytest.mark.parametrize("name", EMPTY)
def test_a_picture_of_nothing_is_still_a_picture(name):
    """No rows are no error."""
    assert EMPTY[name]().startswith(SIGNATURE)


def test_the_same_figures_give_the_same_bytes_in_a_fresh_process():
    """Neither process nor hash seed reach a picture, and other figures give other bytes."""
    code = (
        "import hashlib\n"
        "from quant_assets_tests.reports.test_pictures import DRAWN\n"
        "print(*(hashlib.sha256(draw()).hexdigest() for draw in DRAWN.values()))"
    )
    import hashlib

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [hashlib.sha256(draw()).hexdigest() for draw in DRAWN.values()]
    assert done.stdout.split() == here
    assert len(set(here)) == len(here)


def test_thinned_rows_keep_both_ends():
    """A long curve is drawn with fewer points, its first and last among them."""
    rows = pl.DataFrame({"x": range(10_001)})
    thin = pictures.thin_rows(rows, 100)["x"].to_list()
    assert len(thin) == 100
    assert (thin[0], thin[-1]) == (0, 10_000)
    assert pictures.thin_rows(rows, 20_000).height == 10_001


def test_volumes_of_a_single_session_are_drawn_without_a_warning():
    """A single date has no interval that an axis could be cut by."""
    volumes = pl.DataFrame({"contract": ["ESZ13"], "session": [date(2013, 10, 7)], "volume": [5.0]})
    assert pictures.draw_roll_volumes(volumes, root="ES").startswith(b"\x89PNG")


def test_what_is_drawn_of_signals_hangs_on_side_and_reason():
    """A blocked signal looks other than an allowed one, and the two reasons differ."""
    allowed = signals().with_columns(side="asked", blocked=pl.lit(None, pl.String))
    other = signals().with_columns(
        blocked=pl.when(pl.col("blocked").is_not_null()).then(pl.lit("regime"))
    )
    drawn = {draw_signals(rows, title="s") for rows in (signals(), allowed, other)}
    assert len(drawn) == 3


def test_a_stale_trial_looks_stale_on_the_leaderboard():
    """The bar is hatched: the picture differs from one of fresh trials only."""
    fresh = board().with_columns(is_stale=pl.lit(value=False))
    assert draw_leaderboard(board(), title="b") != draw_leaderboard(fresh, title="b")
