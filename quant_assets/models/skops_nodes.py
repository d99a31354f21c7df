"""Read a skops file without skops: plain values from its schema and arrays, each one bounded."""

import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quant_assets.market.errors import TrainingError
from quant_assets.models.stored_errors import broken_estimator

MAX_SKOPS_BYTES = 200_000_000
"""Largest file that is read; its members are stored as they are, so that none can grow."""

SCHEMA_NAME = "schema.json"
TREE_TYPE = "sklearn.tree._tree.Tree"
PROTOCOL = 2

_MEMBER = re.compile(r"[0-9]{1,9}\.npy")
_ARRAY_TYPES = {"ndarray", "int64", "float64"}
_KEYS = {
    "JsonNode": {"content", "is_json"},
    "DictNode": {"content", "key_types"},
    "ListNode": {"content"},
    "TypeNode": set[str](),
    "NdArrayNode": {"type", "file"},
    "TreeNode": {"__reduce__", "content"},
    "ObjectNode": {"content"},
}
_TYPES = {
    "JsonNode": {"builtins.str"},
    "DictNode": {"builtins.dict"},
    "ListNode": {"builtins.list", "builtins.tuple"},
    "TypeNode": {"builtins.str"},
    "NdArrayNode": {f"numpy.{name}" for name in _ARRAY_TYPES},
    "TreeNode": {TREE_TYPE},
}
_COMMON = {"__class__", "__module__", "__loader__", "__id__"}


@dataclass(frozen=True)
class Plain:
    """An object of the file: its dotted type, its attributes, and what its constructor takes."""

    type: str
    attributes: dict[str, Any]
    arguments: list[Any] = field(default_factory=list)


@dataclass
class NodeReader:
    """Turns nodes of a schema into numbers, texts, lists, dicts, arrays and `Plain` objects.

    Every node must have exactly the keys of its kind and an identity of its own: skops takes two
    nodes of one identity for the same, which would let one stand in for another that was checked.

    Parameters
    ----------
    objects
        Dotted types of the objects that may stand in the file.
    """

    archive: zipfile.ZipFile
    objects: frozenset[str]
    seen: set[int] = field(default_factory=set)

    def read(self, node: Any, *, ignored: frozenset[str] = frozenset()) -> Any:
        """Return the value of a node."""
        loader = node["__loader__"]
        kind = "ListNode" if loader == "TupleNode" else loader
        if kind not in _KEYS or set(node) - ignored != _COMMON | _KEYS[kind]:
            raise broken_estimator(f"a node {str(loader)[:40]!r} that no stored estimator has")
        name = f"{node['__module__']}.{node['__class__']}"
        if name not in _TYPES.get(kind, self.objects):
            raise broken_estimator(f"the type {name[:80]}, which is not among those allowed")
        self._check_identity(node["__id__"])
        return getattr(self, f"_read_{kind.removesuffix('Node').lower()}")(node, name)

    def _check_identity(self, identity: Any) -> None:
        if type(identity) is not int or identity < 1 or identity in self.seen:
            raise broken_estimator(f"two nodes of identity {str(identity)[:20]}, or it is none")
        self.seen.add(identity)

    def _read_json(self, node: Any, _: str) -> Any:
        value = json.loads(node["content"], parse_constant=_refuse_constant)
        if node["is_json"] is not True or not isinstance(value, int | float | str | None):
            raise broken_estimator("a parameter that is no number, text, flag or nothing")
        return value

    def _read_dict(self, node: Any, _: str) -> dict[str, Any]:
        types = self.read(node["key_types"])
        if set(types) - {"builtins.str"} or len(types) != len(node["content"]):
            raise broken_estimator("a mapping whose keys are no texts")
        return {key: self.read(value) for key, value in node["content"].items()}

    def _read_list(self, node: Any, _: str) -> list[Any]:
        if (node["__loader__"] == "TupleNode") != (node["__class__"] == "tuple"):
            raise broken_estimator("a list that is told to be a tuple")
        if not isinstance(node["content"], list):
            raise broken_estimator("a list without items")
        return [self.read(item) for item in node["content"]]

    def _read_type(self, _: Any, name: str) -> str:
        return name

    def _read_ndarray(self, node: Any, name: str) -> np.ndarray:
        if node["type"] != "numpy" or not _MEMBER.fullmatch(str(node["file"])):
            raise broken_estimator("an array that is not stored as numbers")
        values = _array(self.archive.read(node["file"]), what=node["file"])
        is_single = name != "numpy.ndarray"
        if is_single and (values.shape != () or values.dtype.name != name.removeprefix("numpy.")):
            raise broken_estimator(f"array {node['file']} is no single {name}")
        return values

    def _read_tree(self, node: Any, name: str) -> Plain:
        if set(node["__reduce__"]) != {"args"}:
            raise broken_estimator("a tree without the arguments it is built from")
        arguments = self.read(node["__reduce__"]["args"])
        return Plain(name, self.read(node["content"]), arguments)

    def _read_object(self, node: Any, name: str) -> Plain:
        return Plain(name, self.read(node["content"]))


def read_skops(data: bytes, *, objects: frozenset[str]) -> Plain:
    """Return the object of a skops file as plain values; no class is imported or built.

    Raises
    ------
    TrainingError
        If the file is no archive of stored members, or holds a node, type, identity or array that
        is not allowed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(archive, n_bytes=len(data))
            schema = json.loads(archive.read(SCHEMA_NAME), parse_constant=_refuse_constant)
            _check_protocol(schema["protocol"])
            extra = frozenset({"protocol", "_skops_version"})
            return _as_object(NodeReader(archive, objects).read(schema, ignored=extra))
    except TrainingError:
        raise
    except Exception as error:  # zipfile, json and numpy raise of many kinds on damaged bytes
        raise broken_estimator(f"no file of skops, or a damaged one: {str(error)[:120]}") from error


def _check_protocol(protocol: Any) -> None:
    """Refuse other protocols: skops reads older ones by other rules."""
    if type(protocol) is not int or protocol != PROTOCOL:
        raise broken_estimator(f"protocol {str(protocol)[:20]} of skops")


def _as_object(value: Any) -> Plain:
    """Refuse a file that holds something else than an object."""
    if not isinstance(value, Plain):
        raise broken_estimator("its root is no estimator")
    return value


def _check_members(archive: zipfile.ZipFile, *, n_bytes: int) -> None:
    """Refuse members that are packed, encrypted, named twice, or not named as skops names them."""
    members = archive.infolist()
    names = [member.filename for member in members]
    wrong = [n for n in names if n != SCHEMA_NAME and not _MEMBER.fullmatch(n)]
    if wrong or len(set(names)) != len(names) or SCHEMA_NAME not in names:
        raise broken_estimator(f"members of other names, such as {str(wrong[:1])[:60]}")
    is_packed = any(
        member.compress_type != zipfile.ZIP_STORED
        or member.flag_bits & 0x1
        or member.file_size != member.compress_size
        for member in members
    )
    if is_packed or n_bytes > MAX_SKOPS_BYTES or sum(m.file_size for m in members) > n_bytes:
        raise broken_estimator(f"packed members, or more than {MAX_SKOPS_BYTES} bytes")


def _array(data: bytes, *, what: str) -> np.ndarray:
    """Read one array whose header tells exactly the bytes that follow it."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise broken_estimator(f"array {what} is of another format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    n_items = 1
    for size in shape:
        n_items *= size
    if dtype.hasobject or n_items < 0 or n_items * dtype.itemsize != len(data) - stream.tell():
        raise broken_estimator(f"array {what} is not as long as its header tells")
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))


def _refuse_constant(text: str) -> Any:
    """Refuse NaN and infinities, which are no JSON."""
    raise ValueError(f"{text} is no JSON")
