"""Shares of what a run counted: counts add up over partitions, shares do not."""

from collections.abc import Iterable, Mapping


def shares_of(counts: Mapping[str, float], families: Iterable[str]) -> dict[str, float]:
    """Return for each count of some families its share of the family's sum.

    Parameters
    ----------
    counts
        Totals of a run, by name.
    families
        What the names of a family begin with, for example `side_by_`; one whose counts are all
        zero has no shares.

    Returns
    -------
    dict
        `share_<name>` to a number from 0 to 1.
    """
    shares: dict[str, float] = {}
    for family in families:
        own = {name: n for name, n in counts.items() if name.startswith(family)}
        if total := sum(own.values()):
            shares |= {f"share_{name}": n / total for name, n in own.items()}
    return shares
