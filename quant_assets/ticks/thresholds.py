"""How far out a trade must lie before cleaning sets it aside."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Thresholds:
    """Bounds of the cleaning rules, and why each stands where it does.

    Ratios are shares of the price that is compared with. All of them are far out: what a market can
    do in a moment must stay, what is a slip of a feed (a lost digit, a shifted point) must go.

    Parameters
    ----------
    quote_reach
        How far beyond the nearer side of a quote a price may lie, as a share of the mid. Quotes of
        some feeds are a minute old; the narrowest band that US venues halt a stock at is 5 %.
    widest_quote
        A quote that is wider than this share of its mid vouches for no price.
    median_reach
        How far from the median of the last trades a price may lie. Twice the reach of a quote: a
        median lags behind.
    window_trades, window_minutes
        The median is that of the last trades, at most so many and none older. It is told anew after
        a pause: halts last five minutes, and prices jump across them.
    least_trades
        Fewer trades have no median that a price could be judged by.
    shift_trades
        So many trades in a row that are set aside, each near the one before, are a new level.
    misplaced_share
        Share of a session's landed rows that may carry the stamp of another session; with more of
        them it is the sessions that changed, and the session is refused.
    """

    quote_reach: float = 0.05
    widest_quote: float = 0.10
    median_reach: float = 0.10
    window_trades: int = 51
    window_minutes: float = 5.0
    least_trades: int = 5
    shift_trades: int = 5
    misplaced_share: float = 0.01

    @property
    def window_ns(self) -> int:
        """The age above which a trade no longer counts, in ns."""
        return round(self.window_minutes * 60_000_000_000)

    def to_json(self) -> dict[str, float]:
        """Return the bounds by name: what was cleaned by others is stale."""
        return asdict(self)
