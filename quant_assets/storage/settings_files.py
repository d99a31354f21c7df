"""Settings from files and environment, in rising order; errors name the key."""

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnparsableError

from quant_assets.market.errors import SettingsError
from quant_assets.settings.model import Settings, lower_keys

SETTINGS_FILE = "settings.yaml"
ENVIRONMENT_VARIABLE = "QUANT_ENVIRONMENT"

_PREFIX, _DELIMITER = "QUANT_", "__"
_ENVIRONMENT = re.compile(r"[a-z0-9_-]{1,32}")


def load_settings(data_root: Path) -> Settings:
    """Return the settings of a data root.

    The overlay is `settings.<environment>.yaml`, by the variable `QUANT_ENVIRONMENT`; it and the
    variables replace single keys, also inside a section.

    Raises
    ------
    SettingsError
        If a file is no YAML, or a key or value is wrong; the message names file, key and value.
    """
    files = [data_root / SETTINGS_FILE]
    if environment := os.environ.get(ENVIRONMENT_VARIABLE):
        files.append(data_root / f"settings.{_checked(environment)}.yaml")
    written = [(file.name, _read(file)) for file in files if file.exists()]
    try:
        loaded: Any = _loader(files)()
    except ValidationError as error:
        raise _refused(error, written) from error
    except UnparsableError as error:
        raise SettingsError(
            asked="settings from the environment",
            found=f"{error}: {error.__cause__}",
            remedy="Write lists and sections as JSON there, or in settings.yaml.",
        ) from error
    return Settings(**{name: getattr(loaded, name) for name in Settings.model_fields})


def _checked(environment: str) -> str:
    """Return the name of an environment, or refuse one that is no plain word."""
    if not _ENVIRONMENT.fullmatch(environment):
        raise SettingsError(
            asked=f"environment {environment[:40]!r} from {ENVIRONMENT_VARIABLE}",
            found="not 1 to 32 of a-z, 0-9, dash and underscore",
            remedy="Name it like its file: dev for settings.dev.yaml.",
        )
    return environment


def _read(file: Path) -> dict[str, Any]:
    """Return what a settings file holds; an empty one holds nothing."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(
            asked=f"settings from {file}",
            found=" ".join(str(error).split()),
            remedy="Mend the YAML at that place.",
        ) from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise SettingsError(
            asked=f"settings from {file}",
            found=f"{type(raw).__name__} {str(raw)[:40]!r}",
            remedy="Write keys with values, for example `max_cpu_usage: 0.5`.",
        )
    lowered: Any = lower_keys(raw)
    return dict(lowered)


class _AnyCaseYaml(YamlConfigSettingsSource):
    """YAML whose top keys may be written in capitals: INPUT_CHUNK_SIZE is input_chunk_size."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        lowered: Any = lower_keys(super()._read_file(file_path))
        return dict(lowered)


def _loader(files: list[Path]) -> type[BaseSettings]:
    """Return a settings class that reads environment over the files, later files over earlier."""

    class _FromFiles(Settings, BaseSettings):
        model_config = SettingsConfigDict(
            frozen=True,
            extra="forbid",
            env_prefix=_PREFIX,
            env_nested_delimiter=_DELIMITER,
            yaml_file=files,
            yaml_file_encoding="utf-8",
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            return (
                init_settings,
                env_settings,
                _AnyCaseYaml(settings_cls, deep_merge=True),
            )

    return _FromFiles


def _refused(error: ValidationError, written: list[tuple[str, dict[str, Any]]]) -> SettingsError:
    """Turn a validation error into one that names the key, its place, its value and what it may."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return SettingsError(
        asked=f"setting {key!r} from {_place(first['loc'], written)}",
        found=f"{first['input']!r}: {first['msg']}",
        remedy="Mend it there; the README lists all settings.",
    )


def _place(key: tuple[int | str, ...], written: list[tuple[str, dict[str, Any]]]) -> str:
    """Return the variable or file that a key has its value from, or its section where it has none.

    `written` holds the files' contents in rising order.
    """
    sources = [*written, *_variables()]
    for length in range(len(key), 0, -1):
        holding = [name for name, content in sources if _holds(content, key[:length])]
        if holding:
            return holding[-1]
    return SETTINGS_FILE


def _variables() -> list[tuple[str, dict[str, Any]]]:
    """Return what each variable sets, in the form of a file's content."""
    found = []
    for name, text in sorted(os.environ.items()):
        if name.upper().startswith(_PREFIX):
            try:
                content = json.loads(text)
            except ValueError:
                content = text
            for part in reversed(name[len(_PREFIX) :].lower().split(_DELIMITER)):
                content = {part: content}
            found.append((name, content))
    return found


def _holds(content: Any, key: tuple[int | str, ...]) -> bool:
    """Whether a content has a key."""
    for part in key:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
