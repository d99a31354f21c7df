"""What symbols are: listed, by rule, by shape of name, and with a user's file on top."""

import pytest

from quant_assets.market.errors import SettingsError, SymbolError
from quant_assets.market.instruments import AssetClass, InstrumentBook
from quant_assets.market.sessions import CALENDARS
from quant_assets.storage.package_data import load_instruments

BOOK = load_instruments()


def with_user(tmp_path, text: str) -> InstrumentBook:
    """Return the package's book with a user's file on top."""
    path = tmp_path / "instruments.yaml"
    path.write_text(text, encoding="utf-8")
    return load_instruments(path)


@pytest.mark.parametrize(
    ("symbol", "calendar", "tick_value"),
    [
        ("ES", "CME_EQUITY", 12.5),
        ("NQ", "CME_EQUITY", 5.0),
        ("YM", "CME_EQUITY", 5.0),
        ("RTY", "CME_EQUITY", 5.0),
        ("MES", "CME_EQUITY", 1.25),
        ("MNQ", "CME_EQUITY", 0.5),
        ("GC", "CME_METALS", 10.0),
        ("MGC", "CME_METALS", 1.0),
        ("SI", "CME_METALS", 25.0),
        ("HG", "CME_METALS", 12.5),
        ("CL", "CME_METALS", 10.0),
        ("NG", "CME_METALS", 10.0),
        ("ZN", "CME_METALS", 15.625),
        ("ZB", "CME_METALS", 31.25),
        ("ZF", "CME_METALS", 7.8125),
        ("ZC", "CME_METALS", 12.5),
        ("ZS", "CME_METALS", 12.5),
        ("ZW", "CME_METALS", 12.5),
        ("6E", "CME_METALS", 6.25),
        ("6J", "CME_METALS", 6.25),
        ("6B", "CME_METALS", 6.25),
    ],
)
def test_a_tick_of_a_future_is_worth_what_the_exchange_says(symbol, calendar, tick_value):
    """Tick size times multiplier is the tick value of the contract specification, in USD."""
    future = BOOK.instrument(symbol)
    assert future.tick_size is not None
    assert future.tick_size * future.multiplier == pytest.approx(tick_value)
    assert (future.asset_class, future.calendar) == (AssetClass.FUTURE, calendar)
    assert (future.currency, future.known) == ("USD", True)


@pytest.mark.parametrize("symbol", ["ESM24", "ESZ13", "ESH1"])
def test_a_contract_is_its_root(symbol):
    """A contract code of a listed root gives the root, known."""
    assert BOOK.instrument(symbol) == BOOK.instrument("ES")


@pytest.mark.parametrize(
    ("symbol", "pip", "tick", "currency"),
    [
        ("EURUSD", 0.0001, 0.00001, "USD"),
        ("GBPUSD", 0.0001, 0.00001, "USD"),
        ("USDJPY", 0.01, 0.001, "JPY"),
        ("JPYUSD", 0.0001, 0.00001, "USD"),
        ("NOKSEK", 0.0001, 0.00001, "SEK"),
    ],
)
def test_two_currencies_make_a_known_pair(symbol, pip, tick, currency):
    """A pip is 0.0001, against the yen 0.01; a tick is a tenth of it."""
    pair = BOOK.instrument(symbol)
    assert (pair.asset_class, pair.calendar, pair.known) == (AssetClass.FX, "FX", True)
    assert pair.pip_size == pytest.approx(pip)
    assert pair.tick_size == pytest.approx(tick)
    assert pair.currency == currency


def test_gold_has_its_own_pip():
    """A pip of gold is 0.1 USD."""
    gold = BOOK.instrument("XAUUSD")
    assert (gold.asset_class, gold.calendar, gold.pip_size) == (AssetClass.METAL, "FX", 0.1)


@pytest.mark.parametrize("symbol", ["BTCUSD", "ETHUSD"])
def test_coins_in_dbn_files_count_in_1e_8(symbol):
    """Quantities of these two are stored there as counts of 1e-8 coins."""
    coin = BOOK.instrument(symbol)
    assert (coin.calendar, coin.qty_scale, coin.known) == ("CRYPTO", 1e-8, True)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "LTCBTC", "ETHBTC", "XRPETH", "BTCUSD_PERP"])
def test_other_quantities_are_plain(symbol):
    """Only DBN quantities of two symbols are scaled."""
    coin = BOOK.instrument(symbol)
    assert (coin.asset_class, coin.qty_scale, coin.known) == (AssetClass.CRYPTO, 1.0, True)


@pytest.mark.parametrize("symbol", ["SPY", "AIG", "BAC", "AAPL", "TWX", "GOOG", "FB", "NVDA"])
def test_a_listed_equity_moves_in_cents(symbol):
    """Equities trade on New York days with a tick of 0.01."""
    equity = BOOK.instrument(symbol)
    assert (equity.asset_class, equity.calendar) == (AssetClass.EQUITY, "XNYS")
    assert (equity.tick_size, equity.multiplier, equity.known) == (0.01, 1.0, True)


@pytest.mark.parametrize(
    ("symbol", "asset_class", "calendar", "currency"),
    [
        pytest.param("MLGO", AssetClass.EQUITY, "XNYS", "USD", id="letters"),
        pytest.param("GOOGLE", AssetClass.EQUITY, "XNYS", "USD", id="six_letters_no_currency"),
        pytest.param("USDUSD", AssetClass.EQUITY, "XNYS", "USD", id="one_currency_twice"),
        pytest.param("BRK.B", AssetClass.EQUITY, "XNYS", "USD", id="share_class"),
        pytest.param("DOGEUSDT", AssetClass.CRYPTO, "CRYPTO", "USDT", id="coin_in_usdt"),
        pytest.param("SOLUSDC", AssetClass.CRYPTO, "CRYPTO", "USDC", id="coin_in_usdc"),
        pytest.param("ADABTC", AssetClass.CRYPTO, "CRYPTO", "BTC", id="coin_in_btc"),
        pytest.param("LTC-USD", AssetClass.CRYPTO, "CRYPTO", "USD", id="with_a_dash"),
        pytest.param("XAUEUR", AssetClass.METAL, "FX", "EUR", id="metal_in_euro"),
    ],
)
def test_an_unknown_symbol_gets_its_class_by_shape(symbol, asset_class, calendar, currency):
    """It is not known, and its tick size is left to its prices."""
    unknown = BOOK.instrument(symbol)
    assert (unknown.asset_class, unknown.calendar) == (asset_class, calendar)
    assert (unknown.currency, unknown.symbol) == (currency, symbol)
    assert (unknown.known, unknown.tick_size, unknown.spread) == (False, None, None)


def test_a_contract_of_an_unknown_root_is_an_unknown_future():
    """The symbol is the root, as for known ones."""
    unknown = BOOK.instrument("QQH24")
    assert (unknown.symbol, unknown.asset_class) == ("QQ", AssetClass.FUTURE)
    assert (unknown.known, unknown.tick_size) == (False, None)


@pytest.mark.parametrize("symbol", ["", "../ES", "es", "A" * 33, "ES/NQ"])
def test_a_symbol_that_no_path_may_carry_is_refused(symbol):
    """The one validator of symbols stands here too."""
    with pytest.raises(SymbolError):
        BOOK.instrument(symbol)


def test_the_spread_is_ticks_times_tick_size():
    """One tick of ES is 0.25; a pair's default is one pip."""
    assert BOOK.instrument("ES").spread == 0.25
    assert BOOK.instrument("EURUSD").spread == pytest.approx(0.0001)
    assert BOOK.instrument("MLGO").with_tick_size(0.01).spread == 0.01


@pytest.mark.parametrize("symbol", BOOK.symbols)
def test_every_listed_instrument_is_whole(symbol):
    """No listed instrument lacks its tick size, calendar or costs."""
    listed = BOOK.instrument(symbol)
    assert listed.known
    assert listed.calendar in CALENDARS
    assert listed.spread is not None
    assert listed.spread > 0
    assert listed.fee_per_unit > 0 or listed.fee_bps > 0 or listed.asset_class == AssetClass.METAL


def test_a_users_field_replaces_only_itself(tmp_path):
    """What the user does not state stays as the package has it."""
    book = with_user(tmp_path, "instruments: {ES: {fee_per_unit: 1.1}}")
    assert book.instrument("ES").fee_per_unit == 1.1
    assert book.instrument("ES").tick_size == 0.25
    assert book.instrument("NQ") == BOOK.instrument("NQ")


def test_a_users_symbol_is_known_and_takes_the_rest_from_its_class(tmp_path):
    """A class is enough for an equity; without one the shape of the name tells it."""
    text = "instruments: {MLGO: {class: equity}, DOGEUSDT: {tick_size: 1e-5}}"
    book = with_user(tmp_path, text)
    assert (book.instrument("MLGO").known, book.instrument("MLGO").tick_size) == (True, 0.01)
    assert book.instrument("DOGEUSDT").tick_size == 1e-5
    assert book.instrument("DOGEUSDT").asset_class == AssetClass.CRYPTO


def test_a_user_may_class_a_pair_otherwise(tmp_path):
    """A stated class beats the shape of the name, whose pip then does not apply."""
    book = with_user(tmp_path, "instruments: {EURUSD: {class: equity}}")
    assert book.instrument("EURUSD").asset_class == AssetClass.EQUITY
    assert (book.instrument("EURUSD").pip_size, book.instrument("EURUSD").tick_size) == (None, 0.01)


def test_a_users_pair_keeps_the_rule_of_pairs(tmp_path):
    """A narrower spread leaves pip and tick as the rule makes them."""
    pair = with_user(tmp_path, "instruments: {USDJPY: {spread_ticks: 4}}").instrument("USDJPY")
    assert (pair.pip_size, pair.currency, pair.spread_ticks) == (0.01, "JPY", 4)


def test_a_user_adds_coins_and_class_defaults(tmp_path):
    """Lists are joined, and a class's default holds for all of it."""
    book = with_user(tmp_path, "crypto_bases: [WIF]\nclasses: {crypto: {fee_bps: 3}}")
    assert book.instrument("WIFUSDT").asset_class == AssetClass.CRYPTO
    assert book.instrument("DOGEUSDT").fee_bps == 3
    assert book.instrument("WIFUSDT").calendar == "CRYPTO"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("instruments: {ES: {tick: 1}}", "instruments.ES.tick", id="unknown_field"),
        pytest.param(
            "instruments: {ES: {tick_size: 0}}", "instruments.ES.tick_size", id="no_tick_of_zero"
        ),
        pytest.param(
            "instruments: {ES: {tick_size: -1}}", "instruments.ES.tick_size", id="negative"
        ),
        pytest.param("instruments: {ES: {tick_size: .nan}}", "instruments.ES.tick_size", id="nan"),
        pytest.param("instruments: {ES: {tick_size: .inf}}", "instruments.ES.tick_size", id="inf"),
        pytest.param(
            "instruments: {ES: {multiplier: yes}}", "instruments.ES.multiplier", id="yes_no"
        ),
        pytest.param(
            "instruments: {ES: {calendar: LSE}}", "instruments.ES.calendar", id="calendar"
        ),
        pytest.param("instruments: {ES: {class: bond}}", "instruments.ES.class", id="class"),
        pytest.param("instruments: {ES: 5}", "instruments.ES", id="no_mapping"),
        pytest.param("instruments: [ES]", "instruments", id="a_list"),
        pytest.param("instruments: {ON: {class: equity}}", "instruments.True", id="yaml_boolean"),
        pytest.param("instrument: {}", "instrument", id="misspelt_top"),
        pytest.param("classes: {bond: {}}", "classes.bond", id="unknown_class"),
        pytest.param("currencies: [usd]", "currencies.0", id="lower_case_code"),
    ],
)
def test_a_wrong_setting_names_its_key(tmp_path, text, key):
    """The message says which key is wrong."""
    with pytest.raises(SettingsError) as caught:
        with_user(tmp_path, text)
    assert f"key {key!r}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("- ES", id="a_list"),
        pytest.param("ES", id="a_word"),
        pytest.param("a: [", id="broken_yaml"),
        pytest.param("a: !!python/object:os.system x", id="hostile_tag"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path, text):
    """The message names the file; no tag is executed."""
    with pytest.raises(SettingsError, match=r"instruments\.yaml"):
        with_user(tmp_path, text)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    """Bytes of another encoding end as a settings error, not a traceback."""
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"mine\.yaml"):
        load_instruments(tmp_path / "mine.yaml")


def test_a_named_file_that_is_not_there_is_an_error(tmp_path):
    """Nothing is read in silence from nowhere."""
    with pytest.raises(SettingsError, match=r"mine\.yaml"):
        load_instruments(tmp_path / "mine.yaml")


def test_a_hostile_symbol_in_a_users_file_is_refused(tmp_path):
    """A symbol that could leave its folder never enters the book."""
    with pytest.raises(SymbolError):
        with_user(tmp_path, 'instruments: {"../x": {class: equity}}')


def test_an_empty_file_changes_nothing(tmp_path):
    """A file of comments is an empty one."""
    assert with_user(tmp_path, "# nothing\n").symbols == BOOK.symbols
