"""Facts of sources kept between processes: found while nothing changed, never believed after."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_assets.storage.source_facts import KeptFacts, SourceFacts

FACTS = SourceFacts("d" * 64, ("quant_assets.market.errors", "quant_assets.stages"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a source whose facts are kept."""
    path = tmp_path / "bars" / "build.py"
    path.parent.mkdir()
    path.write_text("SIZE = 3\n")
    kept = KeptFacts(tmp_path)
    assert kept.get(path) is None
    kept.put(path, kept.stamp(path), FACTS)
    kept.save()
    return path


def test_another_process_finds_what_was_kept(tmp_path, source):
    """Digest and imports, as they were put."""
    assert KeptFacts(tmp_path).get(source) == FACTS


def _same_size_later(source: Path) -> None:
    """Write another text of the same length, a nanosecond later."""
    changed = source.stat().st_mtime_ns + 1
    source.write_text("SIZE = 4\n")
    os.utime(source, ns=(changed, changed))


def _same_time_longer(source: Path) -> None:
    """Write a longer text, at the same time of change."""
    unchanged = source.stat().st_mtime_ns
    source.write_text("SIZE = 40\n")
    os.utime(source, ns=(unchanged, unchanged))


def _another_module(source: Path) -> None:
    """Put a module beside it: an imported name may be a module now."""
    source.with_name("size.py").write_text("")


@pytest.mark.parametrize("change", [_same_size_later, _same_time_longer, _another_module])
def test_after_a_change_it_is_not_believed(
    tmp_path: Path, source: Path, change: Callable[[Path], None]
) -> None:
    """Size, time, and which modules there are."""
    change(source)
    assert KeptFacts(tmp_path).get(source) is None


def test_another_python_does_not_believe_it(tmp_path, source, monkeypatch):
    """Python 3.12 writes a syntax tree down in other words than 3.11: so are digests others."""
    monkeypatch.setattr(sys, "version_info", (3, 99, 0, "final", 0))
    assert KeptFacts(tmp_path).get(source) is None


def test_what_was_found_in_another_way_is_not_believed(tmp_path, source):
    """Once digests are made in another way none of before may stand beside them."""
    finder = tmp_path.parent / "finder.py"
    finder.write_text("one way")
    kept = KeptFacts(tmp_path, found_by=finder)
    assert kept.get(source) is None
    kept.put(source, kept.stamp(source), FACTS)
    kept.save()
    assert KeptFacts(tmp_path, found_by=finder).get(source) == FACTS
    finder.write_text("another way")
    assert KeptFacts(tmp_path, found_by=finder).get(source) is None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda text: text[: len(text) // 2], id="cut"),
        pytest.param(lambda _: "[]", id="a_list"),
        pytest.param(lambda text: text.replace('"facts": {', '"other": {'), id="no_facts"),
        pytest.param(
            lambda text: json.dumps(json.loads(text) | {"facts": {"bars/build.py": [1]}}),
            id="too_few",
        ),
        pytest.param(lambda text: text.replace(f'"{"d" * 64}"', "7"), id="no_digest"),
    ],
)
def test_a_damaged_file_costs_time_and_nothing_else(tmp_path, source, damage):
    """It is as if nothing were kept, and it is written anew."""
    kept = KeptFacts(tmp_path)
    kept.file.write_text(damage(kept.file.read_text()))
    assert kept.get(source) is None
    kept.put(source, kept.stamp(source), FACTS)
    kept.save()
    assert KeptFacts(tmp_path).get(source) == FACTS


def test_a_source_outside_the_package_is_never_kept(tmp_path, source):
    """A user's file may stand anywhere."""
    outside = tmp_path.parent / "rule.py"
    outside.write_text("")
    kept = KeptFacts(tmp_path)
    kept.put(outside, kept.stamp(outside), FACTS)
    assert kept.get(outside) is None
    assert kept.get(source) == FACTS


def test_where_nothing_can_be_written_nothing_fails(tmp_path):
    """As in an installation that belongs to another user."""
    (tmp_path / "build.py").write_text("")
    (tmp_path / "__pycache__").write_text("no folder")
    kept = KeptFacts(tmp_path)
    kept.put(tmp_path / "build.py", (0, 1), FACTS)
    kept.save()
    assert not list(tmp_path.glob("*.tmp"))
    assert KeptFacts(tmp_path).get(tmp_path / "build.py") is None
