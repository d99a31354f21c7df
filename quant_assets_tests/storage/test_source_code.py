"""Code versions: what the code does counts, how it is commented does not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quant_assets.storage import source_code

ROOT = "quant_assets.workflows.recipes.toy"
MODULES = {
    ROOT: '''"""The recipe."""
from quant_assets.bars import toy_build
from quant_assets.storage import toy_io
SIZE = 3
"""How many."""
''',
    "quant_assets.bars.toy_build": '''"""Bars."""
import quant_assets.market.toy_units as units
from quant_assets.bars.toy_kernels import total
def build(x):
    """Add them."""
    # a comment
    return total(x) * units.SCALE
''',
    "quant_assets.bars.toy_kernels": "def total(x):\n    return sum(x)\n",
    "quant_assets.market.toy_units": "SCALE = 10\n",
    "quant_assets.bars.toy_unused": "OTHER = 1\n",
    "quant_assets.storage.toy_io": "import os\nPATH = 1\n",
}


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Return the code version of the toy recipe, with some modules written otherwise."""
    caches = [
        source_code._facts,
        source_code.code_version,
    ]
    count = iter(range(100))

    def of(**changed: str) -> str:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        for module, text in MODULES.items():
            new = changed.get(module.rpartition(".")[2], text)
            (folder / f"{module}.py").write_text(new)

        def find(module: str) -> Path | None:
            file = folder / f"{module}.py"
            return file if file.exists() else None

        monkeypatch.setattr(source_code, "_file", find)
        for cached in caches:
            cached.cache_clear()
        return source_code.code_version((ROOT,), (("bars", 1),))

    yield of
    for cached in caches:
        cached.cache_clear()


def _with(module: str, old: str, new: str) -> dict[str, str]:
    """Return a module with a text replaced."""
    full = next(name for name in MODULES if name.endswith(f".{module}"))
    assert old in MODULES[full]
    return {module: MODULES[full].replace(old, new)}


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        pytest.param("toy_build", "# a comment", "# another\n", id="comment"),
        pytest.param("toy_build", '"""Add them."""', '"""Sum up."""', id="docstring"),
        pytest.param("toy_build", '    """Add them."""\n', "", id="no_docstring"),
        pytest.param("toy_build", '"""Bars."""', '"""Other bars."""', id="module_docstring"),
        pytest.param("toy", '"""How many."""', '"""The count."""', id="docstring_of_a_constant"),
        pytest.param("toy_build", "total(x) * units", "(total( x )*units", id="layout"),
        pytest.param("toy_unused", "OTHER = 1", "OTHER = 2", id="a_module_not_used"),
        pytest.param("toy_io", "PATH = 1", "PATH = 2", id="a_module_that_is_not_pure"),
    ],
)
def test_what_changes_no_result_makes_nothing_stale(
    version: Callable[..., str], module: str, old: str, new: str
) -> None:
    """Comments, docstrings, layout, and modules that the stage does not compute with."""
    new = new + ")" if new.startswith("(") else new
    change = _with(module, old, new)
    change = {name: text.replace("units).SCALE", "units.SCALE)") for name, text in change.items()}
    assert version(**change) == version()


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        pytest.param("toy", "SIZE = 3", "SIZE = 4", id="the_recipe_itself"),
        pytest.param("toy_build", "* units", "+ units", id="a_module_that_it_imports"),
        pytest.param("toy_units", "SCALE = 10", "SCALE = 11", id="a_constant_two_imports_away"),
        pytest.param("toy_kernels", "sum(x)", "max(x)", id="a_kernel_two_imports_away"),
        pytest.param("toy_kernels", "sum(x)", '"sum(x)"', id="a_string_that_is_a_value"),
    ],
)
def test_what_could_change_a_result_makes_the_stage_stale(
    version: Callable[..., str], module: str, old: str, new: str
) -> None:
    """However far away it stands."""
    assert version(**_with(module, old, new)) != version()


def test_a_new_schema_version_makes_the_stage_stale(version: Callable[..., str]) -> None:
    """The code may be the same: the column is not."""
    version()
    versions = {source_code.code_version((ROOT,), (("bars", n),)) for n in (1, 2)}
    assert len(versions) == 2


def test_a_module_that_does_not_exist_is_an_error(version: Callable[..., str]) -> None:
    """A misspelt module would never make anything stale."""
    version()
    with pytest.raises(ModuleNotFoundError, match="toy_mispelt"):
        source_code.code_version(("quant_assets.bars.toy_mispelt",), ())


def test_every_recipe_reaches_its_kernels() -> None:
    """On the real package: bars reach their kernels, and no stage reaches what does IO."""
    reached = source_code._reached(("quant_assets.workflows.recipes.bars",))
    assert "quant_assets.bars.kernels" in reached
    assert "quant_assets.market.tables" in reached
    assert all(
        source_code._is_pure(module) or module == "quant_assets.workflows.recipes.bars"
        for module in reached
    )
