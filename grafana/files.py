"""Plain YAML of what Grafana reads at its start: maps, lists and scalars, nothing else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

__all__ = ["Tree", "yaml_text"]

Tree: TypeAlias = "Mapping[str, Tree] | Sequence[Tree] | str | int | float | bool | None"
HEAD: Final = "# Made by `heelfirst dashboards`: changes are overwritten.\n"


def yaml_text(tree: Tree) -> str:
    """Return the tree as YAML; every text is quoted, so that none becomes a number or a date."""
    return HEAD + "\n".join(_lines(tree)) + "\n"


def _lines(tree: Tree) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _entry(f"{key}:", value)
    elif _is_list(tree):
        assert isinstance(tree, Sequence)
        for value in tree:
            first, *rest = _lines(value) if _is_nested(value) else (_scalar(value),)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)


def _entry(key: str, value: Tree) -> Iterator[str]:
    if _is_nested(value):
        yield key
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{key} {_scalar(value)}"


def _scalar(value: Tree) -> str:
    return json.dumps(value, ensure_ascii=False)


def _is_list(value: Tree) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_nested(value: Tree) -> bool:
    """Say whether a value has lines of its own; an empty map or list is written in place."""
    return bool(value) and (isinstance(value, Mapping) or _is_list(value))
