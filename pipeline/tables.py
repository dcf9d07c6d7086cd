"""What a measurement is: a name and fields, each with one type in every store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Field", "FieldValue", "Measurement"]

FieldValue = float | int | bool | str


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a measurement: its name, its type in every store, and the way there."""

    name: str
    type: type[float] | type[int] | type[bool] | type[str]
    convert: Callable[[Any], Any] = _same


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement: its name and its fields in the order of the wire."""

    name: str
    fields: tuple[Field, ...]
    sided: bool
