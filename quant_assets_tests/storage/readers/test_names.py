"""Names of market files: symbol, minutes, and names that are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import FileRejectedError, SymbolError
from quant_assets.storage.readers.names import check_name, parse_bar_name, parse_trades_name


@pytest.mark.parametrize(
    ("name", "symbol", "timeframe"),
    [
        ("EURUSD15.csv", "EURUSD", "15m"),
        ("XAUUSD5", "XAUUSD", "5m"),
        ("GOOG1440.csv", "GOOG", "1d"),
        ("ETHBTC15.txt", "ETHBTC", "15m"),
        ("BTCUSD_PERP60.csv", "BTCUSD_PERP", "1h"),
        ("eurusd240.csv", "EURUSD", "4h"),
        ("EURUSD15 (1).csv", "EURUSD", "15m"),
        ("EURUSD_15.csv", "EURUSD", "15m"),
        ("EURUSD_M15_201401010000_201412312355.csv", "EURUSD", "15m"),
        ("US500_H4.csv", "US500", "4h"),
        ("DAT_ASCII_EURUSD_M1_2014.csv", "EURUSD", "1m"),
    ],
)
def test_a_bar_name_tells_symbol_and_minutes(name: str, symbol: str, timeframe: str) -> None:
    """Leading letters, digits and underscores are the symbol, what follows the minutes."""
    told = parse_bar_name(name)
    assert (told.symbol, str(told.timeframe)) == (symbol, timeframe)


@pytest.mark.parametrize("name", ["EURUSD.csv", "EURUSD7.csv", "15.csv", "US50015.csv", "A0.csv"])
def test_a_name_without_known_minutes_asks_for_a_symbol(name: str) -> None:
    """No step is assumed where the name has none."""
    with pytest.raises(FileRejectedError) as refused:
        parse_bar_name(name)
    assert refused.value.rule == "name_without_timeframe"
    assert "--symbol" in refused.value.remedy


@pytest.mark.parametrize(
    ("name", "symbol", "timeframe"),
    [
        ("US50015.csv", "US500", "15m"),
        ("us500_60.csv", "US500", "1h"),
        ("US500_M5_2014.csv", "US500", "5m"),
        ("AAPL.csv", "AAPL", None),
        ("EURUSD15.csv", "EUR.X", "15m"),
        ("AAPL.expected.csv", "AAPL", None),
    ],
)
def test_the_users_symbol_wins_and_minutes_are_looked_for_behind_it(
    name: str, symbol: str, timeframe: str | None
) -> None:
    """A given symbol may end in digits, and then the name needs no minutes."""
    told = parse_bar_name(name, symbol=symbol)
    assert told.symbol == symbol
    assert (told.timeframe and told.timeframe.name) == timeframe


@pytest.mark.parametrize(
    "name",
    [
        "..%2F..%2Fescape15.csv",
        "../EURUSD15.csv",
        "a/b15.csv",
        "a\\b15.csv",
        ".EURUSD15.csv",
        " EURUSD15.csv",
        "EURUSD15.csv\n",
        "EUR\0USD15.csv",
        "EURUSD'; drop table x15.csv",
        "\u202eEURUSD15.csv",
        "ÉURUSD15.csv",
        "EURUSD٣15.csv",
        "",
        "A" * 256,
    ],
)
def test_a_name_that_could_be_a_path_or_a_trick_is_refused(name: str) -> None:
    """Only plain letters, digits and a few marks pass, for bars and trades alike."""
    for parse in (check_name, parse_bar_name, parse_trades_name):
        with pytest.raises(FileRejectedError) as refused:
            parse(name)
        assert refused.value.rule == "bad_name"


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT-perp-20240808.trades.csv", "BTCUSDT"),
        ("BTCUSD_PERP-coinm-20240808.trades.parquet", "BTCUSD_PERP"),
        ("xrpeth-201910.trades.parquet", "XRPETH"),
    ],
)
def test_a_trades_name_starts_with_its_symbol(name: str, symbol: str) -> None:
    """The first token is the symbol."""
    assert parse_trades_name(name) == symbol


def test_a_wrong_symbol_of_the_user_is_his_error() -> None:
    """It is not laid on the file."""
    with pytest.raises(SymbolError):
        parse_bar_name("EURUSD15.csv", symbol="../x")
    with pytest.raises(SymbolError):
        parse_trades_name("EURUSD.trades.csv", symbol="a b")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_name_gives_a_valid_symbol_or_is_refused(name: str) -> None:
    """No text leads to another error, and no symbol that a path may not carry."""
    try:
        symbol = parse_bar_name(name).symbol
    except FileRejectedError:
        return
    assert symbol.replace("_", "").isalnum()
    assert symbol.isascii()
    assert symbol[0] != "_"
