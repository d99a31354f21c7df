"""YAML texts of the user's, read strictly: what is written twice would else be lost in silence."""

from collections.abc import Hashable
from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    """A safe loader that refuses a key that stands twice in a mapping."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 as the loader calls it
    ) -> dict[Hashable, Any]:
        """Return a mapping; its keys are compared before later values replace earlier ones."""
        seen = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value}: the key is written twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "<<")
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str) -> object:
    """Return what a YAML text holds; no tag of it makes an object.

    Raises
    ------
    yaml.YAMLError
        If it is no YAML, a key stands twice, or a value is none, such as the date 2024-13-01.
    """
    try:
        return yaml.load(text, _Strict)  # noqa: S506 it is a safe loader
    except (ValueError, RecursionError) as error:
        raise yaml.YAMLError(str(error)) from error
