"""Errors that a user may see: what they say, in this process and in another."""

import copy

import pytest

from quant_assets.market.errors import FileRejectedError, QuantError, StrategyError

WORDS = {"asked": "trade XY", "found": "no bars", "remedy": "Make them."}


@pytest.mark.parametrize(
    "error",
    [
        QuantError(**WORDS),
        StrategyError(**WORDS),
        FileRejectedError(rule="R1", where="line 3", **WORDS),
    ],
)
def test_an_error_of_a_worker_process_says_the_same_here(error):
    """Its kind, its words and what else it holds."""
    # A copy is taken apart and put together as by the queue between two processes.
    there = copy.copy(error)
    assert (type(there), str(there), vars(there)) == (type(error), str(error), vars(error))


def test_notes_added_to_an_error_do_not_keep_it_from_another_process():
    """Python keeps them beside what the error was made with."""
    error = StrategyError(**WORDS)
    error.add_note("while it was read")
    there = copy.copy(error)
    assert (str(there), there.__notes__) == (str(error), ["while it was read"])
