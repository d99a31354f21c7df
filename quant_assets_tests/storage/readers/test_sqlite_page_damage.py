"""Damaged pages: nothing outside of them is read, and no row is given that SQLite does not give."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from numba import njit

from quant_assets.storage.readers import sqlite_page_kernels, sqlite_pages
from quant_assets_tests.storage.readers.sqlite_files import make, run, tick
from quant_assets_tests.storage.readers.sqlite_ways import Outcome, compare, compare_all

NAME = "GCZ13_TICK"
PAGE = 512
KERNELS = ("find_rows", "read_rows", "gather_text", "read_children")

Damage = Callable[[bytearray, random.Random], None]


@pytest.fixture(scope="module", autouse=True)
def _checked_kernels() -> Iterator[None]:
    """Let the kernels raise where they read or write outside an array."""
    with pytest.MonkeyPatch.context() as patch:
        for name in KERNELS:
            kernel = getattr(sqlite_page_kernels, name).py_func
            patch.setattr(sqlite_pages, name, njit(boundscheck=True)(kernel))
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a database of two tables; one has interior pages on two levels, gaps and holes."""
    path = tmp_path_factory.mktemp("sound") / "x"
    run(path, [f"PRAGMA page_size = {PAGE}", "PRAGMA user_version = 1"])
    rows = [(row, *tick(price=1000 + row / 8, volume=row**3)) for row in range(600)]
    columns = "note, timestamp, price, volume INTEGER, bid REAL, ask REAL, bid_size, ask_size"
    make(path, {"GCG14_TICK": rows[:5], NAME: rows}, columns=columns)
    run(path, [f"DELETE FROM {NAME} WHERE rowid % 7 = 3", f"UPDATE {NAME} SET note = 1"])
    # SQLite counts the rows of this table in its index, so that it does not see its pages first.
    run(path, [f"CREATE INDEX notes ON {NAME} (note)"])
    assert [outcome.unfit for outcome in compare_all(path)] == ["", ""]
    return path.read_bytes()


def flip_anywhere(content: bytearray, rng: random.Random) -> None:
    """Change some bytes of the file."""
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        content[rng.randrange(len(content))] = rng.randrange(256)


def flip_structure(content: bytearray, rng: random.Random) -> None:
    """Change bytes of page headers, cell pointers and the heads of cells."""
    for _ in range(rng.choice([1, 1, 2])):
        start = PAGE * rng.randrange(1, len(content) // PAGE)
        cells = int.from_bytes(content[start + 3 : start + 5], "big")
        places = [*range(12), *range(8, 8 + 2 * cells)]
        for cell in range(min(cells, 30)):
            pointer = start + 8 + 2 * cell
            at = int.from_bytes(content[pointer : pointer + 2], "big")
            places += range(at, at + 12)
        place = min(start + rng.choice(places), len(content) - 1)
        content[place] = rng.choice([0, 1, 2, 5, 13, 127, 128, 255, rng.randrange(256)])


def swap_pages(content: bytearray, rng: random.Random) -> None:
    """Put one page in the place of another."""
    first, second = (PAGE * rng.randrange(1, len(content) // PAGE) for _ in range(2))
    content[first : first + PAGE] = content[second : second + PAGE]


def cut(content: bytearray, rng: random.Random) -> None:
    """Cut the file, and let its header count what is left."""
    pages = rng.randrange(1, len(content) // PAGE)
    del content[pages * PAGE + rng.choice([0, 0, 0, 100]) :]
    content[28:32] = pages.to_bytes(4, "big")


def flip_header(content: bytearray, rng: random.Random) -> None:
    """Change the header of the file."""
    content[rng.randrange(16, 100)] = rng.choice([0, 1, 2, 4, 255, rng.randrange(256)])


DAMAGES = (flip_anywhere, flip_structure, swap_pages, cut, flip_header)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_gives_what_sqlite_gives(tmp_path: Path, sound: bytes, damage: Damage):
    """Rows, errors and messages are the same with and without reading pages."""
    rng = random.Random(damage.__name__)  # noqa: S311 -- a seeded choice of places, no secret
    outcomes: list[Outcome] = []
    for _ in range(100):
        content = bytearray(sound)
        damage(content, rng)
        path = tmp_path / "x"
        path.write_bytes(content)
        outcomes += compare_all(path)
    assert any(outcome.unfit for outcome in outcomes)
    assert any(not outcome.unfit for outcome in outcomes)


def pages_of(content: bytes, kind: int) -> list[int]:
    """Return the numbers of the pages of a kind."""
    return [at // PAGE + 1 for at in range(0, len(content), PAGE) if content[at] == kind]


def root_of(path: Path) -> int:
    """Return the root page of the table."""
    with closing(sqlite3.connect(path)) as connection:
        query = f"SELECT rootpage FROM sqlite_master WHERE name = '{NAME}'"
        return int(connection.execute(query).fetchone()[0])


class TestCrafted:
    """Pages that someone made to lead a reader astray."""

    @pytest.fixture
    def path(self, tmp_path: Path, sound: bytes) -> Path:
        """Return a copy of the sound database."""
        (tmp_path / "x").write_bytes(sound)
        return tmp_path / "x"

    @staticmethod
    def write(path: Path, page: int, at: int, content: bytes) -> None:
        """Write bytes into a page."""
        with path.open("r+b") as file:
            file.seek((page - 1) * PAGE + at)
            file.write(content)

    def test_a_page_that_is_its_own_child(self, path: Path):
        """A circle of pages ends."""
        root = root_of(path)
        self.write(path, root, 8, root.to_bytes(4, "big"))
        assert compare(path).error

    def test_a_leaf_that_comes_twice(self, path: Path):
        """SQLite gives its rows twice; that is left to it."""
        run(path, ["DROP INDEX notes"])
        sound = path.read_bytes()
        interior = pages_of(sound, 5)[-1]
        start = (interior - 1) * PAGE
        pointer = int.from_bytes(sound[start + 12 : start + 14], "big")
        first = sound[start + pointer : start + pointer + 4]
        self.write(path, interior, 8, first)
        assert "twice" in compare(path).unfit

    @pytest.mark.parametrize("child", [0, 1, 2**20, 2**32 - 1])
    def test_a_child_outside_the_file(self, path: Path, child: int):
        """The catalogue's own page and those that are not there are no child."""
        self.write(path, root_of(path), 8, child.to_bytes(4, "big"))
        assert compare(path).unfit

    @pytest.mark.parametrize("pointer", [0, 7, PAGE - 1, PAGE, 40_000, 65_535])
    @pytest.mark.parametrize("kind", [5, 13])
    def test_a_cell_that_leaves_its_page(self, path: Path, sound: bytes, kind: int, pointer: int):
        """A pointer may say anything."""
        page = pages_of(sound, kind)[-1]
        self.write(path, page, 12 if kind == 5 else 8, pointer.to_bytes(2, "big"))
        compare(path)

    @pytest.mark.parametrize("count", [0, 1, 84, 85, 255, 65_535])
    @pytest.mark.parametrize("kind", [5, 13])
    def test_a_page_that_counts_other_cells(self, path: Path, sound: bytes, kind: int, count: int):
        """A page may count more cells than it can hold, or fewer than the others expect."""
        self.write(path, pages_of(sound, kind)[-1], 3, count.to_bytes(2, "big"))
        compare(path)

    def test_a_row_that_runs_over_the_end_of_its_page(self, path: Path, sound: bytes):
        """A record must end in the page in which it begins."""
        (page,) = (
            number
            for number in pages_of(sound, 13)
            if b"\x84\x58" in sound[(number - 1) * PAGE : number * PAGE]
        )
        start = (page - 1) * PAGE
        cells = int.from_bytes(sound[start + 3 : start + 5], "big")
        cell = bytes([60, 0x84, 0x59, 9, 1, 65, 7, 4, 7, 7, 1, 1])
        self.write(path, page, PAGE - len(cell), cell)
        self.write(path, page, 8 + 2 * cells - 2, (PAGE - len(cell)).to_bytes(2, "big"))
        assert compare(path).error

    def test_rows_in_another_order(self, path: Path, sound: bytes):
        """SQLite gives rows in the order of their cells; that is left to it."""
        page = pages_of(sound, 13)[-1]
        start = (page - 1) * PAGE
        first, second = sound[start + 8 : start + 10], sound[start + 10 : start + 12]
        self.write(path, page, 8, second + first)
        assert "ascend" in compare(path).unfit

    def test_a_payload_of_nine_bytes(self, tmp_path: Path):
        """SQLite takes the last byte of such a length for seven bits."""
        note = "timestamp, price, volume, bid, ask, bid_size, ask_size, note"
        path = make(tmp_path / "y", {NAME: [(*tick(), "x" * 100)]}, columns=note)
        content = path.read_bytes()
        start = (root_of(path) - 1) * 4096
        cell = start + int.from_bytes(content[start + 8 : start + 10], "big")
        high, low = content[cell : cell + 2]
        payload = (high & 0x7F) << 7 | low
        assert 128 <= payload < 256
        crafted = b"\x80" * 8 + bytes([payload]) + content[cell + 2 :][: payload + 1]
        assert not compare(path).unfit
        with path.open("r+b") as file:
            file.seek(start + 8)
            file.write((100).to_bytes(2, "big"))
            file.seek(start + 100)
            file.write(crafted)
        assert compare(path).error
