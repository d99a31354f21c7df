"""What the figures of a page are called there, and what they mean."""

from quant_assets.execution.costs import Realism
from quant_assets.reports.numbers import amount, count, percent

METRICS = {
    "total_return": ("total return", "return of the capital over all sessions"),
    "cagr": ("annual return", "growth a year that compounds to the total return"),
    "volatility": ("volatility", "standard deviation of the session returns, a year"),
    "sharpe": ("Sharpe ratio", "mean over standard deviation of the session returns, a year"),
    "sortino": ("Sortino ratio", "mean over downside deviation of the session returns, a year"),
    "calmar": ("Calmar ratio", "annual return over the deepest drawdown"),
    "max_drawdown": ("max drawdown", "deepest fall of the equity from its highest mark"),
    "hit_rate": ("hit rate", "share of the trades with a net gain"),
    "profit_factor": ("profit factor", "sum of net gains over sum of net losses"),
    "expectancy": ("expectancy", "mean net result of a trade, in currency"),
    "sqn": ("SQN", "system quality number: root of trades x mean over deviation of net results"),
    "turnover": ("turnover", "value bought and sold over the mean equity"),
    "exposure": ("exposure", "share of the bars at whose end something was held"),
    "n_trades": ("trades", "number of closed trades"),
    "n_sessions": ("sessions", "number of sessions tested"),
    "sharpe_per_session": ("Sharpe a session", "Sharpe ratio of the session returns, not a year's"),
    "skewness": ("skewness", "third standardised moment of the session returns"),
    "kurtosis": ("kurtosis", "fourth standardised moment of the session returns; a normal has 3"),
}
"""Metric to its name on a page and its meaning; the costs have a table of their own."""

COSTS = {
    "gross": ("gross", "result at mid prices, before all costs"),
    "spread_cost": ("spread", "half the spread on both sides"),
    "fees": ("fees", "fees of both sides"),
    "latency_cost": ("latency", "move between decision and arrival"),
    "slippage": ("slippage", "worse price by size"),
    "net": ("net", "gross less all costs"),
}
"""Lines of the table of costs, from gross to net."""

FILLS = {
    Realism.IDEAL: "no costs",
    Realism.SPREAD: "half the spread a side, and fees",
    Realism.LATENCY: "half the spread a side, fees, and the time an order takes",
    Realism.FULL: "half the spread a side, fees, latency, slippage, partial fills and halts",
}
"""What the fills paid for, by level of realism."""


_PERCENTS = ("total_return", "cagr", "volatility", "max_drawdown", "hit_rate", "exposure")
_COUNTS = ("n_trades", "n_sessions")
_MONEY = ("expectancy", *COSTS)


def figure_text(name: str, value: float | None) -> str:
    """Return a metric or a cost in its unit, or a dash; an unknown name has three digits."""
    if name in _PERCENTS:
        return percent(value)
    if name in _COUNTS:
        return count(value)
    return amount(value, 2 if name in _MONEY else 3)


def title_of(name: str) -> str:
    """Return what a metric or a cost is called on a page; an unknown name stays as it is."""
    return (METRICS | COSTS).get(name, (name, ""))[0]


LEADERBOARD = {
    "strategy": "strategy",
    "is_stale": "state",
    "sharpe": "Sharpe",
    "psr": "PSR",
    "dsr": "deflated",
    "pbo": "overfitting",
    "n_trials": "trials",
    "min_track": "sessions needed",
    "n_sessions": "sessions",
    "n_trades": "trades",
    "net": "net",
    "max_drawdown": "drawdown",
    "realism": "realism",
    "sharpe_ideal": "Sharpe ideal",
    "sharpe_spread": "Sharpe spread",
    "sharpe_latency": "Sharpe latency",
    "sharpe_full": "Sharpe full",
    "quality_share": "sound data",
    "sweep": "sweep",
    "trial_id": "trial",
    "data_version": "data",
    "model_version": "model",
    "code_version": "code",
}
"""Columns of the leaderboard in the order of its page, and what they are called there.

Those that the table does not have are left out; columns without a title here come last.
"""
