"""One stream of random numbers a name, so that a new symbol changes no other."""

import hashlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of one named thing of a market.

    Parameters
    ----------
    seed
        Seed of the market, 0 or above.
    names
        What the numbers are for, from the general to the special: `"ES", "2024-03-04", "walk"`.

    Notes
    -----
    The names are hashed and not counted, so the stream depends on nothing but seed and names.
    """
    keys = (hashlib.sha256(name.encode()).digest()[:8] for name in names)
    spawn_key = tuple(int.from_bytes(key, "big") for key in keys)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=spawn_key))
