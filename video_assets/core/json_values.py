"""JSON at the borders of the program: what it can say, and frozen values read from it with every field checked.

Belongs here: what manifests, answers and notes share. Does not belong here: what any of them says, files (`storage`), tables that
people bring (`sources.own_clips`).
"""

from collections.abc import Mapping, Sequence  # noqa: TC003 - pydantic reads the types below
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Json = TypeAliasType("Json", "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None")
"""Anything that `json.dumps` writes and reads back."""

JsonObject = TypeAliasType("JsonObject", "Mapping[str, Json]")
"""A JSON object whose names are not known before."""

_Value = TypeVar("_Value")


def read_value(kind: type[_Value], given: object) -> _Value:
    """A dataclass (of dataclasses, mappings, tuples) from parsed JSON. Names that it does not have are passed over.

    Raises:
        ValueError: a field is missing or of another type; names the first one.
    """
    from pydantic import ValidationError  # not for those who need the types only

    try:
        return _adapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or kind.__name__
        raise ValueError(f"{field}: {first['msg']}") from error


@cache
def _adapter(kind: type[_Value]) -> "TypeAdapter[_Value]":
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
