"""Settings from files and environment, in rising order; errors name the key."""

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from quant_assets.market.errors import SettingsError
from quant_assets.settings.model import Settings

SETTINGS_FILE = "settings.yaml"
ENVIRONMENT_VARIABLE = "QUANT_ENVIRONMENT"


def load_settings(data_root: Path) -> Settings:
    """Return the settings of a data root.

    Raises
    ------
    SettingsError
        If a file is no YAML, or a key or value is wrong; the message names it.
    """
    files = [data_root / SETTINGS_FILE]
    if environment := os.environ.get(ENVIRONMENT_VARIABLE):
        files.append(data_root / f"settings.{environment}.yaml")
    try:
        loaded: Any = _loader(files)()
    except ValidationError as error:
        raise _refused(error, files) from error
    except YAMLError as error:
        raise SettingsError(
            asked="settings from " + " and ".join(file.name for file in files),
            found=" ".join(str(error).split()),
            remedy="Mend the YAML at that line.",
        ) from error
    return Settings(**{name: getattr(loaded, name) for name in Settings.model_fields})


def _loader(files: list[Path]) -> type[BaseSettings]:
    """Return a settings class that reads environment over the files, later files over earlier."""

    class _FromFiles(Settings, BaseSettings):
        model_config = SettingsConfigDict(
            frozen=True,
            extra="forbid",
            env_prefix="QUANT_",
            env_nested_delimiter="__",
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
            return init_settings, env_settings, YamlConfigSettingsSource(settings_cls)

    return _FromFiles


def _refused(error: ValidationError, files: list[Path]) -> SettingsError:
    """Turn a validation error into one that names the key, what it holds and what it may."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return SettingsError(
        asked=f"setting {key!r}",
        found=f"{first['input']!r}: {first['msg']}",
        remedy="Mend it in " + " or ".join(str(file.name) for file in files)
        + f" or in the variable QUANT_{key.upper().replace('.', '__')}.",
    )
