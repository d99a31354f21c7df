"""A cross of means by vectorbt and backtesting.py: a script for an environment of its own.

`python backtest_peer_script.py BARS.npz TRADES.npz FOLDER` prints JSON: seconds of both. FOLDER
holds backtesting.py. What a close asks for is bought or sold at the next open; the position is
always one of `qty`, long or short.
"""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd  # noqa: TID253 -- not the project's environment
import vectorbt as vbt

_CHUNK = 100


def by_vectorbt(bars, fast, slow, qty, kept):
    """Return seconds of all pairs, and the closed trades of those that are compared."""
    seconds, trades = 0.0, {}
    for begin in range(0, fast.size, _CHUNK):
        chunk = slice(begin, begin + _CHUNK)
        began = time.process_time()
        portfolio = _portfolio(bars, fast[chunk], slow[chunk], qty)
        portfolio.total_profit()
        seconds += time.process_time() - began
        for pair in kept:
            if begin <= pair < begin + _CHUNK:
                trades[pair] = _closed(portfolio, pair - begin)
    return seconds, trades


def _portfolio(bars, fast, slow, qty):
    """Return a portfolio of some pairs, a column each."""
    close = bars["close"]
    windows = np.unique(np.append(fast, slow))
    means = vbt.MA.run(close, window=windows.tolist()).ma.to_numpy()
    quick = means[:, np.searchsorted(windows, fast)]
    calm = means[:, np.searchsorted(windows, slow)]
    longs, shorts = np.zeros(quick.shape, dtype=bool), np.zeros(quick.shape, dtype=bool)
    longs[1:], shorts[1:] = (quick > calm)[:-1], (quick < calm)[:-1]
    return vbt.Portfolio.from_signals(
        close.to_numpy()[:, None],
        entries=longs,
        short_entries=shorts,
        price=bars["open"].to_numpy()[:, None],
        size=qty,
        init_cash=1e6,
        freq="1min",
    )


def _closed(portfolio, column):
    """Return a column's closed trades: entry and exit row, side, entry and exit price."""
    records = portfolio.exit_trades.values
    mine = records[(records["col"] == column) & (records["status"] == 1)]
    side = np.where(mine["direction"] == 0, 1, -1)
    return np.stack(
        [mine["entry_idx"], mine["exit_idx"], side, mine["entry_price"], mine["exit_price"]], axis=1
    )


def by_backtesting(bars, fast, slow, qty, kept):
    """Return seconds of the compared pairs, and their closed trades."""
    from backtesting import Backtest, Strategy

    frame = bars.rename(columns=str.capitalize)

    class Cross(Strategy):
        quick, calm = 1, 2

        def init(self):
            closes = pd.Series(self.data.Close)
            self.fast = self.I(lambda: closes.rolling(self.quick).mean())
            self.slow = self.I(lambda: closes.rolling(self.calm).mean())

        def next(self):
            wanted = np.sign(self.fast[-1] - self.slow[-1])
            if wanted > 0 and not self.position.is_long:
                self.buy(size=qty)
            elif wanted < 0 and not self.position.is_short:
                self.sell(size=qty)

    seconds, trades = 0.0, {}
    for pair in kept:
        began = time.process_time()
        test = Backtest(frame, Cross, cash=1e6, exclusive_orders=True)
        told = test.run(quick=int(fast[pair]), calm=int(slow[pair]))
        seconds += time.process_time() - began
        rows = told._trades
        trades[pair] = np.stack(
            [rows["EntryBar"], rows["ExitBar"], np.sign(rows["Size"]), rows["EntryPrice"],
             rows["ExitPrice"]], axis=1,
        ).astype(float)  # fmt: skip
    return seconds, trades


def main():
    """Run both and write what they traded."""
    warnings.simplefilter("ignore")
    given, out, folder = sys.argv[1:]
    with np.load(given) as file:
        values = {name: file[name] for name in file.files}
    index = pd.date_range("1970-01-01", periods=values["close"].size, freq="1min")
    columns = ("open", "high", "low", "close")
    bars = pd.DataFrame({name: values[name] for name in columns}, index=index)
    fast, slow, kept, qty = (values[name] for name in ("fast", "slow", "kept", "qty"))
    by_vectorbt(bars, fast[:2], slow[:2], float(qty), [])
    one, first = by_vectorbt(bars, fast, slow, float(qty), kept.tolist())
    sys.path.append(folder)
    two, second = by_backtesting(bars, fast, slow, int(qty), kept.tolist())
    named = {f"vectorbt{pair}": rows for pair, rows in first.items()}
    np.savez(out, **named, **{f"backtesting{pair}": rows for pair, rows in second.items()})
    json.dump({"version": vbt.__version__, "vectorbt": one, "backtesting": two}, sys.stdout)


if __name__ == "__main__":
    main()
