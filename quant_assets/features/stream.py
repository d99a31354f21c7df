"""Features bar by bar: the session-window rule on bars as they come, bits as in batch.

A stream holds the longest look-back before the session and the session's own bars, no more. Each
feature is computed anew on its window, which is what gives the same bits.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from quant_assets.features.catalog import Catalog
from quant_assets.features.inputs import REFERENCE_CONTRACT
from quant_assets.features.schema import features_table
from quant_assets.features.standard import standard_catalog
from quant_assets.features.window import compute_features, require_columns
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe

_TEXTS = ("contract", REFERENCE_CONTRACT)
"""Columns that bars may have: where they change, features start anew."""


class FeatureStream:
    """Computes features of one symbol from chunks of its bars in time order.

    Parameters
    ----------
    timeframe
        Length of a bar.
    names
        Features wanted; None is all of the catalogue.
    catalog
        Where features are looked up; default the package's.

    Raises
    ------
    InputError
        Where a name is unknown.
    """

    def __init__(
        self,
        *,
        timeframe: Timeframe,
        names: Sequence[str] | None = None,
        catalog: Catalog | None = None,
    ) -> None:
        self._catalog = catalog or standard_catalog()
        self._chosen = self._catalog.select(names)
        self._names = [one.name for one in self._chosen]
        self._timeframe = timeframe
        self._look_back = self._catalog.look_back_bars(self._names, timeframe)
        inputs = sorted({column for one in self._chosen for column in one.inputs})
        self._types: dict[str, pl.DataType] = {
            "session": pl.Date(),
            "bar_start": UTC_NS,
            **dict.fromkeys(_TEXTS, pl.String()),
            **dict.fromkeys(inputs, pl.Float64()),
        }
        self._held = pl.DataFrame(schema=self._types)
        self._nothing = features_table(self._names, catalog=self._catalog).empty()

    @property
    def n_held(self) -> int:
        """Bars that it holds: at most the longest look-back and the session's own."""
        return self._held.height

    def push(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Take the next bars and return their features.

        Parameters
        ----------
        bars
            As the window of `compute_features`, in time order; one bar or many, of one session or
            of several, a session in one piece or in any number of them.

        Returns
        -------
        DataFrame
            As `compute_features` returns it, a row for each of the bars.

        Raises
        ------
        InputError
            If a column is missing, or a bar does not start after the one before it, or is of an
            earlier session. The stream then stays as it was.
        """
        require_columns(bars, self._chosen)
        chunk = self._taken(bars)
        self._require_order(chunk)
        held, made = self._held, [self._nothing]
        for part in chunk.partition_by("session", maintain_order=True):
            session: date = part["session"][0]
            held = pl.concat([self._kept(held, session), part])
            made.append(self._features(held, session)[-part.height :])
        self._held = held
        return pl.concat(made)

    def _taken(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Return the columns that the stream reads, in the types it holds."""
        absent = [name for name in _TEXTS if name not in bars.columns]
        bars = bars.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent)
        return bars.select(pl.col(name).cast(dtype) for name, dtype in self._types.items())

    def _require_order(self, chunk: pl.DataFrame) -> None:
        """Raise where a bar is not later than the one before it, the last held one included."""
        rows = pl.concat([self._held[-1:], chunk])
        in_order = (rows["bar_start"].diff() > timedelta(0)) & (
            rows["session"].diff() >= timedelta(0)
        )
        wrong = rows[1:].filter(~in_order[1:].fill_null(value=False))
        if wrong.height:
            session, start = wrong.row(0)[:2]
            raise InputError(
                asked=f"features of the next {chunk.height} bars",
                found=f"the bar at {start} of session {session} is not later than the one before",
                remedy="Feed each bar once, in time order; begin anew with another stream.",
            )

    def _kept(self, held: pl.DataFrame, session: date) -> pl.DataFrame:
        """Return what is still needed of the bars held, once bars of a session are added."""
        if held.height and held["session"][-1] != session:
            return held.tail(self._look_back)
        return held

    def _features(self, held: pl.DataFrame, session: date) -> pl.DataFrame:
        """Return the features of a session's bars so far."""
        return compute_features(
            held,
            session=session,
            timeframe=self._timeframe,
            names=self._names,
            catalog=self._catalog,
        )
