"""Folders of synthetic files and their mark."""

import json
from errno import EIO

import pytest

from quant_assets.market.errors import CommitError, InputError
from quant_assets.storage.writers import synthetic_files
from quant_assets.storage.writers.files import file_sha256
from quant_assets.storage.writers.synthetic_files import (
    MARK_FILE,
    read_mark,
    write_synthetic_files,
)


def _files(**contents):
    """Return writers of files with the given text."""
    return {name: lambda path, text=text: path.write_text(text) for name, text in contents.items()}


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_mark_lists_every_file_with_its_bytes(tmp_path):
    """Name, SHA-256 and seed; and nothing else stands in the folder."""
    paths = write_synthetic_files(tmp_path, _files(b="2", a="1"), seed=7)
    assert paths == [tmp_path / "b", tmp_path / "a"]
    mark = json.loads((tmp_path / MARK_FILE).read_text())
    assert mark["seed"] == 7
    assert mark["files"] == {name: file_sha256(tmp_path / name) for name in ("a", "b")}
    assert _names(tmp_path) == ["a", "b", MARK_FILE]


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_no_file_ever_stands_there_unmarked(tmp_path, monkeypatch, stop):
    """Stopped at any file, whatever is to be seen is listed with its bytes."""
    write_synthetic_files(tmp_path, _files(a="old 1", c="old 3"), seed=1)
    publish, shown = synthetic_files.publish, []

    def publish_some(staged, target):
        if len(shown) == stop:
            raise OSError(EIO, "killed")
        shown.append(target)
        publish(staged, target)

    monkeypatch.setattr(synthetic_files, "publish", publish_some)
    with pytest.raises(CommitError, match="killed"):
        write_synthetic_files(tmp_path, _files(a="1", b="2", c="3"), seed=2)
    seen = [path for path in tmp_path.iterdir() if path.name != MARK_FILE]
    assert len(seen) == stop
    assert {path.name: file_sha256(path) for path in seen}.items() <= read_mark(tmp_path).items()
    monkeypatch.undo()
    write_synthetic_files(tmp_path, _files(a="1", b="2", c="3"), seed=2)
    assert _names(tmp_path) == ["a", "b", "c", MARK_FILE]


def test_files_that_have_their_bytes_are_left_alone(tmp_path):
    """A second run touches nothing, so nothing that watches the folder wakes up."""
    write_synthetic_files(tmp_path, _files(a="1", b="2"), seed=7)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    inodes = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    write_synthetic_files(tmp_path, _files(a="1", b="2"), seed=7)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert {path.name: path.stat().st_ino for path in tmp_path.iterdir()} == inodes


def test_what_an_earlier_market_wrote_goes_away(tmp_path):
    """But a file that was changed since is no longer ours, and stays."""
    write_synthetic_files(tmp_path, _files(a="1", b="2", c="3"), seed=1)
    (tmp_path / "c").write_text("changed by its user")
    write_synthetic_files(tmp_path, _files(a="other"), seed=2)
    assert _names(tmp_path) == ["a", "c", MARK_FILE]
    assert (tmp_path / "c").read_text() == "changed by its user"
    assert list(read_mark(tmp_path)) == ["a"]


def test_a_file_of_the_user_is_never_written_over(tmp_path):
    """It is refused before anything changes."""
    (tmp_path / "b").write_text("real")
    with pytest.raises(InputError, match=r"file b .*no earlier synthetic market"):
        write_synthetic_files(tmp_path, _files(a="1", b="2"), seed=1)
    assert _names(tmp_path) == ["b"]
    assert (tmp_path / "b").read_text() == "real"


def test_a_mark_cannot_name_a_file_outside_its_folder(tmp_path):
    """A path in the list removes nothing."""
    folder = tmp_path / "market"
    folder.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("mine")
    mark = {"files": {"../victim": file_sha256(victim)}, "seed": 1}
    (folder / MARK_FILE).write_text(json.dumps(mark))
    write_synthetic_files(folder, _files(a="1"), seed=1)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', "\x00"])
def test_a_mark_that_cannot_be_read_is_refused(tmp_path, text):
    """And the folder stays as it is."""
    (tmp_path / MARK_FILE).write_text(text)
    with pytest.raises(InputError, match=r"synthetic\.json"):
        write_synthetic_files(tmp_path, _files(a="1"), seed=1)
    assert _names(tmp_path) == [MARK_FILE]


def test_a_folder_without_a_mark_lists_nothing(tmp_path):
    """Real files need no mark."""
    assert read_mark(tmp_path) == {}


def test_a_full_disk_changes_nothing(tmp_path, small_disk):
    """The market before still stands, and the rest of the new one is taken away."""
    write_synthetic_files(tmp_path, _files(a="1", b="2"), seed=1)
    with small_disk(), pytest.raises(CommitError, match="File too large"):
        write_synthetic_files(tmp_path, _files(a="other", b="x" * 100_000), seed=2)
    assert _names(tmp_path) == ["a", "b", MARK_FILE]
    assert [(tmp_path / name).read_text() for name in "ab"] == ["1", "2"]
    assert json.loads((tmp_path / MARK_FILE).read_text())["seed"] == 1
