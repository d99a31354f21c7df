"""MetaTrader 4 files, compared as text."""

from datetime import UTC, datetime

import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.storage.writers.mt4_csv import write_mt4_csv


def test_bars_are_lines_without_header_with_all_their_decimals(tmp_path):
    """Trailing zeros stay, stamps are UTC to the minute, lines end in a line feed."""
    path = tmp_path / "EURUSD15.csv"
    stamps = [datetime(2024, 3, 4, 0, 0, tzinfo=UTC), datetime(2024, 3, 10, 21, 15, tzinfo=UTC)]
    bars = pl.DataFrame(
        {
            "bar_start": pl.Series(stamps, dtype=UTC_NS),
            "open": [1.0849, 1.1],
            "high": [1.08496, 1.10001],
            "low": [1.08458, 1.09999],
            "close": [1.0846, 1.1],
            "volume": [120.0, 1.0],
        }
    )
    write_mt4_csv(path, bars, digits=5)
    assert path.read_bytes() == (
        b"2024.03.04,00:00,1.08490,1.08496,1.08458,1.08460,120\n"
        b"2024.03.10,21:15,1.10000,1.10001,1.09999,1.10000,1\n"
    )
