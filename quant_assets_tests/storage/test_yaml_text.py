"""YAML that a user writes: nothing of it is lost in silence, and no fault of it is a crash."""

import pytest
import yaml

from quant_assets.storage.yaml_text import load_yaml


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vary: {signal.fast: [5], signal.fast: [6]}", "signal.fast: the key is written twice"),
        ("name: a\nbase: b\nname: a\n", "name: the key is written twice"),
        ("since: 2024-13-01", "month must be in 1..12"),
        ("a: [1", "expected"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("[" * 5000 + "]" * 5000, "recursion"),
    ],
    ids=["inside", "outside", "date", "open", "object", "deep"],
)
def test_what_is_wrong_is_told_as_a_fault_of_the_text(text: str, told: str) -> None:
    """Also what a plain loader passes over, or what it raises of another kind."""
    with pytest.raises(yaml.YAMLError, match=f"(?i){told}"):
        load_yaml(text)


def test_what_is_right_is_what_a_plain_loader_reads() -> None:
    """Merged mappings too, whose keys are replaced on purpose."""
    text = "a: &a {x: 1, y: [1, 2.5, null, true]}\nb: {<<: *a, x: 2}\n"
    assert load_yaml(text) == yaml.safe_load(text)
    assert load_yaml("") is None
