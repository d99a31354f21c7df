"""Kernels compiled before they are needed: those that the demo's graph calls, by argument types.

numba compiles a kernel at its first call and keeps the result beside the source. Where several
processes start at once each of them compiles the same; from this list it is done once, by all
processors. What the list lacks, or names though nothing calls it, costs time and nothing else.
"""

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self

from quant_assets.market.errors import QuantError

KERNELS_FILE = Path(__file__).parent / "data" / "kernels.jsonl"

_ARRAY = re.compile(r"(?P<const>const )?(?P<element>\w+)\[(?P<ndim>\d)\]")

Argument = str | list["Argument"]
"""`int64`; `float64[2]`, a C-contiguous array; `const float64[1]`, a read-only one; a list is a
tuple."""


@dataclass(frozen=True)
class Specialisation:
    """A kernel with the types of its arguments.

    Parameters
    ----------
    kernel
        Module and function: `quant_assets.bars.kernels.sum_by_group`.
    arguments
        One a parameter, in order.
    """

    kernel: str
    arguments: tuple[Argument, ...]

    @classmethod
    def of(cls, dispatcher: Any, types: Iterable[Any]) -> Self:
        """Return what numba compiles a kernel for."""
        function = dispatcher.py_func
        name = f"{function.__module__}.{function.__qualname__}"
        return cls(name, tuple(_argument(one) for one in types))

    def to_json(self) -> str:
        """Return its line of the file."""
        return json.dumps({"kernel": self.kernel, "arguments": self.arguments})

    def find(self) -> Any:
        """Return the kernel's dispatcher.

        Raises
        ------
        ModuleNotFoundError, AttributeError
            If there is no such kernel any more.
        """
        module, _, name = self.kernel.rpartition(".")
        return getattr(import_module(module), name)

    def compile(self) -> bool:
        """Compile it, or load what is compiled; return whether it was compiled now.

        Raises
        ------
        QuantError
            If there is no such kernel, or it cannot be compiled for these types.
        """
        from numba.core.errors import NumbaError

        try:
            kernel = self.find()
            before = sum(kernel.stats.cache_misses.values())
            kernel.compile(tuple(_numba_type(one) for one in self.arguments))
        except (ModuleNotFoundError, AttributeError, NumbaError) as error:
            raise QuantError(
                asked=f"compile {self.kernel} for {', '.join(map(str, self.arguments))}",
                found=" ".join(str(error).split())[:200],
                remedy="List the kernels anew: python -m quant_assets.cli.bake_kernels",
            ) from error
        return bool(sum(kernel.stats.cache_misses.values()) > before)


def read_specialisations() -> list[Specialisation]:
    """Return the list, those that take longest first."""
    lines = KERNELS_FILE.read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    found = [Specialisation(one["kernel"], tuple(one["arguments"])) for one in told]
    # The more arguments a kernel takes, the longer it is: good enough to leave no long one last.
    return sorted(found, key=lambda one: -len(one.arguments))


def compile_all(
    specialisations: Iterable[Specialisation], *, workers: int
) -> Iterator[tuple[Specialisation, bool]]:
    """Compile in processes beside each other; yield each, and whether it was compiled now.

    Raises
    ------
    QuantError
        As `Specialisation.compile`, or if a process died.
    """
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(one.compile): one for one in specialisations}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise QuantError(
                asked=f"compile {len(futures)} kernels in {workers} processes",
                found="one of them was killed, perhaps for want of memory",
                remedy="Let fewer stand beside each other: quant compile --workers 1",
            ) from error


def _argument(kind: Any) -> Argument:
    """Return a numba type as it stands in the file.

    Raises
    ------
    ValueError
        If it is of a kind that the file cannot hold.
    """
    from numba.core import types
    from numba.core.types import containers

    if isinstance(kind, types.Array) and kind.layout == "C" and kind.aligned:
        return f"{'' if kind.mutable else 'const '}{kind.dtype}[{kind.ndim}]"
    if isinstance(kind, types.Number | types.Boolean):
        return str(kind)
    if isinstance(kind, containers.BaseAnonymousTuple):
        return [_argument(one) for one in kind]
    msg = f"no way to write {kind} down"
    raise ValueError(msg)


def _numba_type(argument: Argument) -> Any:
    """Return the numba type that an argument names: the inverse of `_argument`."""
    from numba.core import types
    from numba.core.types import containers

    if isinstance(argument, list):
        return containers.Tuple([_numba_type(one) for one in argument])
    if found := _ARRAY.fullmatch(argument):
        element = getattr(types, found["element"])
        return types.Array(element, int(found["ndim"]), "C", readonly=bool(found["const"]))
    return getattr(types, argument)
