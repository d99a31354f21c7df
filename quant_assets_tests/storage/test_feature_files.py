"""Features in files of a user's own: found by the settings, imported from their paths."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from quant_assets.features.standard import standard_catalog
from quant_assets.market.errors import InputError, SettingsError
from quant_assets.settings.model import FeatureSettings
from quant_assets.storage.feature_files import load_feature_file, load_feature_files
from quant_assets.workflows.feature_files import catalog_of, origins, user_code
from quant_assets.workflows.workspace import Workspace

MINE = """
from quant_assets.features.catalog import Family, feature

@feature(name="{name}", family=Family.CUSTOM, unit="1", inputs=("close",), look_back=0, source="me")
def mine(bars):
    '''Twice the close.'''
    return {factor} * bars["close"]
"""


def put(path: Path, *, name: str = "mine", factor: str = "2.0", more: str = "") -> Path:
    """Write a file with one feature."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MINE.format(name=name, factor=factor) + more)
    return path


def opened(root: Path, *files: str) -> Workspace:
    """Open a data root whose settings name some files."""
    workspace = Workspace.open(root)
    features = FeatureSettings(files=files)
    return replace(workspace, settings=workspace.settings.model_copy(update={"features": features}))


def test_a_decorated_function_in_a_file_of_ones_own_is_a_feature(tmp_path):
    """Behind the package's; nothing else is written anywhere."""
    put(tmp_path / "features" / "my_features.py")
    before = list(sys.path), set(sys.modules)
    workspace = opened(tmp_path, "features/my_features.py")
    assert catalog_of(workspace).names == (*standard_catalog().names, "mine")
    assert origins(workspace)["mine"] == "features/my_features.py"
    assert origins(workspace)["rsi_14"] == "quant_assets"
    assert catalog_of(workspace).features[-1].meaning == "Twice the close."
    assert sys.path == before[0]
    assert not [name for name in set(sys.modules) - before[1] if "feature_file_" in name]


def test_without_files_the_catalogue_is_the_packages(tmp_path):
    """Nothing must be set."""
    assert catalog_of(opened(tmp_path)).names == standard_catalog().names
    assert user_code(opened(tmp_path)) == {}


def test_a_changed_file_is_read_again_and_only_its_code_counts(tmp_path):
    """A comment, a docstring and blank lines leave the digest; a number changes it."""
    file = put(tmp_path / "my.py")
    workspace = opened(tmp_path, "my.py")
    first = user_code(workspace)
    file.write_text("# why\n" + file.read_text().replace("Twice the close.", "Doubled.") + "\n\n")
    assert user_code(workspace) == first
    assert catalog_of(workspace).features[-1].meaning == "Doubled."
    put(file, factor="3.0")
    assert user_code(workspace) != first
    assert user_code(workspace, ["rsi_14"]) == {}
    assert set(user_code(workspace, ["rsi_14", "mine"])) == {"mine"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("../my.py", "outside the data root"),
        ("sub/../my.py", r"leads up by `\.\.`"),
        ("link.py", "outside the data root"),
        ("absent.py", "no such file"),
        ("my.txt", "no Python file"),
        ("sub", "no Python file"),
    ],
)
def test_a_path_that_is_no_file_of_the_data_root_is_refused(tmp_path, name, found):
    """The message names the setting and the file."""
    root = tmp_path / "data"
    put(tmp_path / "my.py")
    put(root / "my.py")
    put(root / "my.txt")
    (root / "sub").mkdir()
    (root / "link.py").symlink_to(tmp_path / "my.py")
    with pytest.raises(SettingsError, match=rf"features\.files: .*{found}"):
        load_feature_files(root, [name])


def test_an_absolute_path_is_refused_also_inside_the_data_root(tmp_path):
    """A data root that moves takes its features along."""
    with pytest.raises(SettingsError, match="outside the data root"):
        load_feature_files(tmp_path, [str(put(tmp_path / "my.py"))])


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("def broken(:\n", r"line 8: SyntaxError"),
        ("value = 1 / 0\n", r"line 8: ZeroDivisionError: division by zero"),
        ("def f():\n    raise KeyError('x')\n\nf()\n", r"line 9: KeyError: 'x'"),
        ("import no_such_module_of_anyones\n", r"line 8: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", r"line 8: SystemExit: 3"),
        ("mine = 'a\0b'\n", "null bytes"),
    ],
)
def test_what_goes_wrong_in_a_file_is_told_with_its_line(tmp_path, more, found):
    """The message names the file too."""
    with pytest.raises(InputError, match=rf"my\.py: .*{found}"):
        load_feature_file(put(tmp_path / "my.py", more=more))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    """So is one that may not be read."""
    file = tmp_path / "my.py"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_feature_file(file)
    with pytest.raises(InputError, match="No such file"):
        load_feature_file(tmp_path / "other.py")


def test_a_file_of_the_settings_that_declares_no_feature_is_refused(tmp_path):
    """A decorator was forgotten, or it is not the one of features that are stored."""
    (tmp_path / "my.py").write_text("def mine(bars):\n    return bars['close']\n")
    with pytest.raises(InputError, match=r"my\.py, .*features\.files: it declares none"):
        catalog_of(opened(tmp_path, "my.py"))


def test_two_files_of_one_name_are_two_modules(tmp_path):
    """Neither finds the other's values."""
    files = [put(tmp_path / folder / "my.py", name=folder) for folder in ("a", "b")]
    found = [load_feature_file(file) for file in files]
    assert [one.names for one in found] == [("a",), ("b",)]
    assert len({one.digest for one in found}) == 2


@pytest.mark.parametrize("name", ["rsi_14", "close", "level_atr", "label", "symbol"])
def test_a_name_that_is_taken_is_refused(tmp_path, name):
    """By a feature of the package, a column of bars, a joined one, or one of a training set."""
    put(tmp_path / "my.py", name=name)
    with pytest.raises(InputError, match=rf"feature '{name}' of .*my\.py: a (feature|column)"):
        catalog_of(opened(tmp_path, "my.py"))


def test_two_files_may_not_declare_one_name(tmp_path):
    """The message names both."""
    put(tmp_path / "one.py")
    put(tmp_path / "two.py")
    with pytest.raises(InputError, match=r"two\.py: one\.py declares one of that name too"):
        catalog_of(opened(tmp_path, "one.py", "two.py"))


def test_the_files_folder_is_no_place_for_other_modules(tmp_path):
    """What stands beside a feature file is not imported by accident."""
    (tmp_path / "beside.py").write_text("x = 1\n")
    file = put(tmp_path / "my.py", more="import beside\n")
    assert os.fspath(tmp_path) not in sys.path
    with pytest.raises(InputError, match="No module named 'beside'"):
        load_feature_file(file)
