"""Where Dagster's instance lies: `DAGSTER_HOME`, or `dagster_home` under the working folder."""

import os
import shutil
from pathlib import Path

HOME_VARIABLE = "DAGSTER_HOME"
DEFAULT_CONFIG = Path(__file__).parents[1] / "resources" / "data" / "dagster.yaml"


def use_dagster_home(default: Path | None = None) -> Path:
    """Point this process and its children to the instance's folder, and return it.

    The folder is made, with the package's default `dagster.yaml`, where it is not there.
    """
    named = os.environ.get(HOME_VARIABLE)
    home = Path(named) if named else (default or Path("dagster_home"))
    home = home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(DEFAULT_CONFIG, home / "dagster.yaml")
    os.environ[HOME_VARIABLE] = str(home)
    return home
