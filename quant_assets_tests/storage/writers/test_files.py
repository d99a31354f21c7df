"""Files that are seen whole or not at all."""

import hashlib
from errno import ENOSPC

import pytest

from quant_assets.market.errors import CommitError
from quant_assets.storage.writers.files import file_sha256, replace_file


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_stands_alone_in_its_new_folder(tmp_path):
    """The folder is made, and nothing is left beside the file."""
    target = tmp_path / "deep" / "down" / "a.csv"
    replace_file(target, lambda path: path.write_text("new"))
    assert target.read_text() == "new"
    assert _names(target.parent) == ["a.csv"]


def test_while_a_file_is_written_the_old_one_is_seen(tmp_path):
    """The writer never touches the target itself."""
    target = tmp_path / "a.csv"
    target.write_text("old")

    def write(path):
        path.write_text("new")
        assert target.read_text() == "old"

    replace_file(target, write)
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [OSError(ENOSPC, "No space left on device"), ValueError("bad")])
def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path, error):
    """Half a file is taken away, whatever went wrong."""
    target = tmp_path / "a.csv"
    target.write_text("old")

    def write(path):
        path.write_text("half")
        raise error

    with pytest.raises(CommitError if isinstance(error, OSError) else ValueError):
        replace_file(target, write)
    assert target.read_text() == "old"
    assert _names(tmp_path) == ["a.csv"]


def test_a_full_disk_is_said_with_what_to_do(tmp_path):
    """The message names the file, the cause, the free bytes and the remedy."""

    def write(_path):
        raise OSError(ENOSPC, "No space left on device")

    with pytest.raises(CommitError, match=r"a\.csv.*No space left.*bytes are free.*run it again"):
        replace_file(tmp_path / "a.csv", write)


def test_a_folder_that_cannot_be_made_is_a_commit_error(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "a").write_text("in the way")
    with pytest.raises(CommitError, match=r"write b\.csv"):
        replace_file(tmp_path / "a" / "b.csv", lambda path: path.write_text("new"))


def test_the_digest_is_that_of_the_bytes(tmp_path):
    """SHA-256 in hex."""
    path = tmp_path / "a"
    path.write_bytes(b"market")
    assert file_sha256(path) == hashlib.sha256(b"market").hexdigest()
