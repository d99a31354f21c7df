"""The demo's market: two futures roots, two currency pairs and two stocks that never were.

The names of real products stand for their tick sizes and hours; no price is real. Stocks have
names that no exchange lists with such prices.
"""

from dataclasses import dataclass

from quant_assets.synthetic.equities import CENT, EquitySpec
from quant_assets.synthetic.forex import PairSpec
from quant_assets.synthetic.futures import FutureSpec
from quant_assets.synthetic.momentum_day import FADE, SQUEEZE
from quant_assets.synthetic.walk import WalkSpec

_FUTURES_EDGE = {"reversion_share": 0.22, "half_life_minutes": 30.0}
_FX_EDGE = {"reversion_share": 0.28, "half_life_minutes": 120.0}
_EQUITY_EDGE = {"reversion_share": 0.22, "half_life_minutes": 20.0}


@dataclass(frozen=True)
class MarketSpec:
    """Everything that is traded in a synthetic market."""

    futures: tuple[FutureSpec, ...]
    pairs: tuple[PairSpec, ...]
    equities: tuple[EquitySpec, ...]

    @property
    def calendars(self) -> tuple[str, ...]:
        """Names of the calendars that its symbols trade by, sorted."""
        names = {future.calendar for future in self.futures}
        names |= {pair.calendar for pair in self.pairs}
        names |= {equity.calendar for equity in self.equities}
        return tuple(sorted(names))

    @property
    def invented_instruments(self) -> dict[str, dict[str, str | float]]:
        """The stocks as entries of an `instruments.yaml`: no list can know them."""
        return {
            equity.symbol: {"class": "equity", "calendar": equity.calendar, "tick_size": CENT}
            for equity in self.equities
        }


DEMO_MARKET = MarketSpec(
    futures=(
        FutureSpec(
            root="ES",
            calendar="CME_EQUITY",
            tick_units=250_000_000,
            month_codes="HMUZ",
            carry=0.011,
            roll_at=0.5,
            ticks_per_session=8_000,
            mean_qty=3.0,
            final_hours=7.5,
            walk=WalkSpec(
                start_price=5_130.0, daily_volatility=0.009, gap_volatility=0.0005, **_FUTURES_EDGE
            ),
        ),
        FutureSpec(
            root="GC",
            calendar="CME_METALS",
            tick_units=100_000_000,
            month_codes="GJMQZ",
            carry=0.009,
            roll_at=0.6,
            ticks_per_session=7_500,
            mean_qty=2.0,
            final_hours=3.5,
            walk=WalkSpec(
                start_price=2_090.0, daily_volatility=0.010, gap_volatility=0.0005, **_FUTURES_EDGE
            ),
        ),
    ),
    pairs=(
        PairSpec(
            symbol="EURUSD",
            calendar="FX",
            digits=5,
            quotes_per_bar=260.0,
            walk=WalkSpec(
                start_price=1.0850, daily_volatility=0.0050, gap_volatility=0.0002, **_FX_EDGE
            ),
        ),
        PairSpec(
            symbol="GBPUSD",
            calendar="FX",
            digits=5,
            quotes_per_bar=310.0,
            walk=WalkSpec(
                start_price=1.2680, daily_volatility=0.0055, gap_volatility=0.0002, **_FX_EDGE
            ),
        ),
    ),
    equities=(
        EquitySpec(
            symbol="QSYN",
            calendar="XNYS",
            active_seconds=5_000,
            daily_volume=3_000_000.0,
            walk=WalkSpec(
                start_price=48.0, daily_volatility=0.015, gap_volatility=0.004, **_EQUITY_EDGE
            ),
        ),
        EquitySpec(
            symbol="MOMO",
            calendar="XNYS",
            active_seconds=3_000,
            daily_volume=900_000.0,
            walk=WalkSpec(
                start_price=6.40, daily_volatility=0.030, gap_volatility=0.010, **_EQUITY_EDGE
            ),
            momentum={0.6: SQUEEZE, 0.8: FADE},
        ),
    ),
)
