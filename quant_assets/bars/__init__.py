"""OHLCV bars from ticks and from finer bars."""
