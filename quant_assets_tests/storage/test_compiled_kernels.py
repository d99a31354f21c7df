"""Kernels compiled ahead: what is listed is there, and a later call finds it compiled."""

import os
import signal
import subprocess
import sys
from inspect import signature

import numpy as np
import pytest
from numba import typeof, types

from quant_assets.market.errors import QuantError
from quant_assets.storage.compiled_kernels import (
    Specialisation,
    _argument,
    _numba_type,
    compile_all,
    read_specialisations,
)

LISTED = read_specialisations()

SMALL = Specialisation(
    "quant_assets.execution.bar_kernels.leave_between",
    ("float64[2]", "int64", "int64", "float64", "int64", *(["float64"] * 4)),
)

CALL = """
import numpy as np
from quant_assets.execution.bar_kernels import leave_between

leave_between(np.full((1, 4), 100.0), 0, 1, 100.0, -1, 100.0, 100.0, 90.0, 0.5)
print(sum(leave_between.stats.cache_hits.values()), sum(leave_between.stats.cache_misses.values()))
"""


@pytest.mark.parametrize("listed", LISTED, ids=lambda one: one.kernel.rpartition(".")[2])
def test_each_listed_kernel_is_there_and_takes_its_arguments(listed):
    """A kernel that was renamed, or takes others now, is to be listed anew: make kernels."""
    assert len(signature(listed.find().py_func).parameters) == len(listed.arguments)
    assert [_argument(_numba_type(one)) for one in listed.arguments] == list(listed.arguments)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(3, id="int"),
        pytest.param(2.5, id="float"),
        pytest.param(True, id="bool"),
        pytest.param(np.int8(1), id="int8"),
        pytest.param(np.zeros((2, 3)), id="matrix"),
        pytest.param(np.zeros(3, dtype=np.bool_), id="flags"),
        pytest.param(np.frombuffer(b"12345678"), id="read_only"),
        pytest.param((np.zeros(3), np.zeros((2, 2), dtype=np.int32), 1), id="tuple"),
        pytest.param((np.zeros(3), (np.zeros(3), np.zeros(3))), id="tuple_in_a_tuple"),
    ],
)
def test_the_type_of_a_value_comes_back_from_its_text(value):
    """Else a call would find nothing compiled."""
    assert _numba_type(_argument(typeof(value))) == typeof(value)


@pytest.mark.parametrize("kind", [types.unicode_type, typeof(np.zeros((4, 4)).T), types.none])
def test_a_type_that_cannot_be_written_is_refused(kind):
    """Texts, arrays in another order."""
    with pytest.raises(ValueError, match="no way to write"):
        _argument(kind)


def test_a_call_finds_what_was_compiled_ahead(tmp_path, monkeypatch):
    """By worker processes, once: the second time nothing is compiled, and the call loads it."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert list(compile_all([SMALL], workers=1)) == [(SMALL, True)]
    assert list(compile_all([SMALL], workers=1)) == [(SMALL, False)]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CALL], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "0"]


class Dying:
    """A kernel whose compilation ends its process, as a system without memory does."""

    def compile(self) -> bool:
        """End the process."""
        os.kill(os.getpid(), signal.SIGKILL)
        return True


def test_a_process_that_is_killed_is_said_in_words():
    """Not by a traceback of the pool's."""
    with pytest.raises(QuantError, match=r"one of them was killed.*--workers 1"):
        list(compile_all([Dying()], workers=1))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(Specialisation(SMALL.kernel, ("int64", *SMALL.arguments[1:])), id="types"),
        pytest.param(Specialisation(f"{SMALL.kernel}s", SMALL.arguments), id="name"),
        pytest.param(Specialisation("quant_assets.no.kernel", SMALL.arguments), id="module"),
    ],
)
def test_a_list_that_is_out_of_date_says_so(tmp_path, monkeypatch, wrong):
    """Which kernel it is, and what lists them anew."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    with pytest.raises(QuantError, match=rf"compile {wrong.kernel} for .*bake_kernels"):
        list(compile_all([wrong], workers=1))
