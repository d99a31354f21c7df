"""The leaderboard on a terminal: whole names, and as many columns as there is room for."""

import polars as pl
import pytest

from quant_assets.cli.leaderboard_table import (
    ALWAYS,
    AT_LAST,
    LEAST_NEEDED,
    WHERE_TOLD,
    left_out_for_width,
    shown_columns,
)
from quant_assets.optimization.leaderboard import build_leaderboard
from quant_assets_tests.optimization.test_overfitting import trial


@pytest.fixture(scope="module")
def board() -> pl.DataFrame:
    """Return the leaderboard of two trials."""
    return build_leaderboard([trial(1, 0.2), trial(2, -0.1)])


def test_with_room_for_all_nothing_is_left_out(board):
    """A page or pipe shows every column."""
    assert left_out_for_width(board, shown_columns(board), width=400) == frozenset()


@pytest.mark.parametrize("width", [140, 100, 80, 40, 10])
def test_names_stay_whole_on_a_narrow_terminal(board, width):
    """Columns go in their order, and strategy, Sharpe ratio, deflated one and trial stay."""
    columns = shown_columns(board)
    out = left_out_for_width(board, columns, width=width)
    there = [name for name in LEAST_NEEDED if name in columns]
    assert out == frozenset(there[: len(out)])
    assert not {"strategy", "sharpe", "dsr", "trial_id"} & out
    if out != frozenset(there):
        kept = [columns[name] for name in columns if name not in out]
        assert sum(len(title) + 2 for title in kept) - 2 <= width


def test_a_narrower_terminal_shows_no_more(board):
    """Column by column: what fits into less fits into more."""
    columns = shown_columns(board)
    sizes = [len(left_out_for_width(board, columns, width=width)) for width in range(20, 240)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_each_column_but_the_names_may_go():
    """The order knows all columns that there are."""
    always = {"strategy", "sharpe", "dsr", "trial_id"}
    assert set(LEAST_NEEDED) | always == {*ALWAYS, *WHERE_TOLD, *AT_LAST}
