"""Streams of random numbers."""

import pytest

from quant_assets.synthetic.seeds import stream

GOLDEN = [0.10248492396280129, 0.49526824383954215, 0.1803693553876411, 0.16476861597933357]


def _draws(seed, *names):
    return stream(seed, *names).random(4).tolist()


def test_the_same_seed_and_names_give_the_same_numbers():
    """A stream has no memory outside its seed and names."""
    assert _draws(7, "ES", "walk") == _draws(7, "ES", "walk")


@pytest.mark.parametrize(
    "other",
    [(8, "ES", "walk"), (7, "GC", "walk"), (7, "walk", "ES"), (7, "ES"), (7, "ESwalk")],
    ids=["seed", "name", "order", "fewer_names", "joined_names"],
)
def test_another_seed_or_name_gives_other_numbers(other):
    """Whatever differs, the streams differ."""
    assert _draws(7, "ES", "walk") != _draws(*other)


def test_the_numbers_of_a_stream_are_known():
    """The numbers do not depend on process, platform hash or order of calls."""
    assert _draws(7, "ES", "walk") == GOLDEN
