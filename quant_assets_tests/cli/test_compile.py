"""`quant compile` as a user meets it."""

from numba import config

from quant_assets_tests.cli.in_process import quant


def test_where_numba_compiles_nothing_there_is_nothing_to_do(tmp_path, monkeypatch):
    """The list is not out of date then, and an environment is ready all the same."""
    monkeypatch.setattr(config, "DISABLE_JIT", 1)
    done = quant(tmp_path / "data", "compile", "--workers", "1")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "0 kernels compiled: NUMBA_DISABLE_JIT" in done.stderr
