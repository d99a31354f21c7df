"""Settings: package defaults, file, overlay, environment, each over the one before."""

from pathlib import Path

import pytest

from quant_assets.market.errors import SettingsError
from quant_assets.settings.model import Member, Settings
from quant_assets.storage.settings_files import load_settings


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the caller reaches a test."""
    import os

    for name in list(os.environ):
        if name.startswith("QUANT_"):
            monkeypatch.delenv(name)


def test_nothing_must_be_set(tmp_path: Path) -> None:
    """Without file and variable all settings have their defaults, also in a folder not there."""
    assert load_settings(tmp_path) == Settings()
    assert load_settings(tmp_path / "nowhere") == Settings()


def test_published_names_are_taken_in_capitals(tmp_path: Path) -> None:
    """The five names of the possibility engine, as its users know them; presets as text or list."""
    (tmp_path / "settings.yaml").write_text(
        "MAX_CPU_USAGE: 0.5\nINPUT_CHUNK_SIZE: 500\nOUTPUT_CHUNK_SIZE: 7\n"
        "SPREAD_PIPS: {EURUSD: 0.7}\n"
        "TIMEFRAME_PRESETS:\n"
        "  15m: {SL_RATIOS: '0.001:0.01:10', TP_RATIOS: [0.001, 0.002], MAX_LOOKFORWARD: 100}\n"
    )
    loaded = load_settings(tmp_path)
    assert (loaded.max_cpu_usage, loaded.input_chunk_size, loaded.output_chunk_size) == (
        0.5,
        500,
        7,
    )
    assert loaded.spread_pips == {"EURUSD": 0.7}
    preset = loaded.timeframe_presets["15m"]
    assert (preset.sl_ratios, preset.tp_ratios) == ("0.001:0.01:10", (0.001, 0.002))
    assert preset.max_lookforward == 100


@pytest.mark.parametrize(
    "text",
    [
        "TIMEFRAME_PRESETS: {often: {SL_RATIOS: '1:2:3', TP_RATIOS: '1:2:3', MAX_LOOKFORWARD: 1}}",
        "TIMEFRAME_PRESETS: {15m: {SL_RATIOS: '1:2:3', TP_RATIOS: '1:2:3', MAX_LOOKFORWARD: 0}}",
        "OUTPUT_CHUNK_SIZE: 16000001",
        "INPUT_CHUNK_SIZE: 0",
    ],
)
def test_a_preset_or_size_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the key, however it was written."""
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(SettingsError, match=text.split(":", maxsplit=1)[0].lower()):
        load_settings(tmp_path)


def test_each_source_replaces_single_keys_of_those_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File under overlay under environment, key by key, also inside a section."""
    (tmp_path / "settings.yaml").write_text(
        "max_cpu_usage: 0.25\n"
        "bronze: {tie: win, spread_on: both, max_rows_per_session: 10}\n"
        "roll: {mode: same_day}\n"
    )
    (tmp_path / "settings.staging.yaml").write_text(
        "bronze: {tie: loss, max_rows_per_session: 20}\nroll: {date_basis: utc}\n"
    )
    monkeypatch.setenv("QUANT_ENVIRONMENT", "staging")
    monkeypatch.setenv("QUANT_BRONZE__MAX_ROWS_PER_SESSION", "30")
    loaded = load_settings(tmp_path)
    assert loaded.max_cpu_usage == 0.25
    assert loaded.bronze.model_dump() == {
        "max_rows_per_session": 30,
        "tie": "loss",
        "spread_on": "both",
        "tail": "keep",
        "statistics_memory_mb": 1024,
        "writer": "pages",
    }
    assert (loaded.roll.mode, loaded.roll.date_basis) == ("same_day", "utc")
    monkeypatch.setenv("QUANT_ENVIRONMENT", "production")
    assert load_settings(tmp_path).bronze.tie == "win"


def test_a_nested_variable_sets_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two underscores lead into a section; lists are JSON."""
    monkeypatch.setenv("QUANT_BRONZE__TIE", "win")
    monkeypatch.setenv("QUANT_MAX_CPU_USAGE", "0.5")
    monkeypatch.setenv("QUANT_UNIVERSE", '[{"symbol": "ES", "timeframe": "15m"}]')
    loaded = load_settings(tmp_path)
    assert (loaded.bronze.tie, loaded.max_cpu_usage) == ("win", 0.5)
    assert loaded.universe == (Member(symbol="ES", timeframe="15m"),)


def test_variables_that_are_no_settings_disturb_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data root and the state's address are read elsewhere."""
    for name in ("QUANT_DATA", "QUANT_STATE_URL", "QUANT_SHARED"):
        monkeypatch.setenv(name, "x")
    assert load_settings(tmp_path) == Settings()


def test_a_member_that_is_not_listed_has_the_defaults(tmp_path: Path) -> None:
    """Listed ones have their own."""
    (tmp_path / "settings.yaml").write_text("universe: [{symbol: ES, timeframe: 5m}]\n")
    loaded = load_settings(tmp_path)
    assert loaded.member("ES").timeframe == "5m"
    assert loaded.member("NQ") == Member(symbol="NQ")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n"])
def test_an_empty_file_sets_nothing(tmp_path: Path, text: str) -> None:
    """Whatever empty looks like."""
    (tmp_path / "settings.yaml").write_text(text)
    assert load_settings(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "bronze: {tie: maybe}",
            ["'bronze.tie'", "'maybe'", "'loss', 'win' or 'drill_down'"],
            id="value",
        ),
        pytest.param("max_cpu_usage: 0", ["'max_cpu_usage'", "0: ", "greater than 0"], id="bound"),
        pytest.param("brnze: {tie: win}", ["'brnze'", "'win'", "not permitted"], id="key"),
        pytest.param("bronze: {ties: win}", ["'bronze.ties'", "not permitted"], id="nested_key"),
        pytest.param("bronze: 3", ["'bronze'", "3: "], id="a_section_that_is_none"),
        pytest.param("universe: [{}]", ["'universe.0.symbol'", "required"], id="missing"),
        pytest.param(
            "universe: [{symbol: ../x}]", ["'universe.0.symbol'", "'../x'", "A-Z"], id="symbol"
        ),
        pytest.param(
            "universe: [{symbol: A, timeframe: 1y}]",
            ["'universe.0.timeframe'", "1y"],
            id="timeframe",
        ),
    ],
)
def test_a_wrong_setting_is_said_with_key_file_and_value(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    """Whoever wrote it finds it at once."""
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    for part in ["from settings.yaml", *said]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        pytest.param({}, "settings.dev.yaml", id="overlay"),
        pytest.param({"QUANT_BRONZE__TIE": "never"}, "QUANT_BRONZE__TIE", id="variable"),
        pytest.param({"quant_bronze__tie": "never"}, "quant_bronze__tie", id="small_variable"),
        pytest.param({"QUANT_BRONZE": '{"tie": "never"}'}, "QUANT_BRONZE", id="json_variable"),
        pytest.param({"QUANT_BRONZE": '{"tail": "keep"}'}, "settings.dev.yaml", id="other_key"),
    ],
)
def test_the_place_of_a_wrong_setting_is_the_one_that_won(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], place: str
) -> None:
    """Of several places that set a key, the one whose value was taken is named."""
    (tmp_path / "settings.yaml").write_text("bronze: {tie: win}")
    (tmp_path / "settings.dev.yaml").write_text("bronze: {tie: maybe}")
    monkeypatch.setenv("QUANT_ENVIRONMENT", "dev")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"setting 'bronze.tie' from {place}: "):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"bronze: {tie: [", id="bad_yaml"),
        pytest.param(b"- a\n- b\n", id="list"),
        pytest.param(b"just words", id="text"),
        pytest.param(b"a: \xff\xfe", id="not_utf8"),
        pytest.param(b"a: !!python/object/apply:os.system [true]", id="code"),
    ],
)
def test_a_file_that_is_no_settings_is_said_with_its_path(tmp_path: Path, content: bytes) -> None:
    """Never a traceback of the YAML reader, and nothing in it is run."""
    (tmp_path / "settings.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match=f"settings from {tmp_path}/settings.yaml: "):
        load_settings(tmp_path)


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    """It cannot be read, and is not passed over."""
    (tmp_path / "settings.yaml").mkdir()
    with pytest.raises(SettingsError, match=r"settings\.yaml"):
        load_settings(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("QUANT_UNIVERSE", "[{"), ("QUANT_BRONZE", "tie=win")])
def test_a_variable_that_is_no_json_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The error names the field."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name.removeprefix("QUANT_").lower()):
        load_settings(tmp_path)


@pytest.mark.parametrize("name", ["../../etc/x", "a b", "A\n", "x" * 300])
def test_an_environment_cannot_name_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is a part of a file's name."""
    monkeypatch.setenv("QUANT_ENVIRONMENT", name)
    with pytest.raises(SettingsError, match="QUANT_ENVIRONMENT"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    "mode", ["same_day", "previous_day", "open_interest", "calendar", "days_before_expiry"]
)
def test_a_roll_mode_is_a_setting_with_its_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Five sessions before expiry unless said else, here by the environment."""
    (tmp_path / "settings.yaml").write_text(f"roll: {{mode: {mode}}}\n")
    loaded = load_settings(tmp_path).roll
    assert (loaded.mode, loaded.days_before_expiry) == (mode, 5)
    monkeypatch.setenv("QUANT_ROLL__DAYS_BEFORE_EXPIRY", "8")
    assert load_settings(tmp_path).roll.days_before_expiry == 8


@pytest.mark.parametrize("text", ["roll: {mode: tomorrow}", "roll: {days_before_expiry: -1}"])
def test_a_roll_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the key."""
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(SettingsError, match="roll"):
        load_settings(tmp_path)
