"""Each setting with its value and where that comes from: the environment, the file, or the default.

Belongs here: looking at settings from outside. Does not belong here: changing the file (`local.settings_file`).
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from video_assets.core.errors import UsageError
from video_assets.core.json_values import Json, JsonObject
from video_assets.settings.model import Settings, settings_file

_PREFIX = "VIDEO_ASSETS_"


@dataclass(frozen=True)
class Setting:
    """One setting. `origin` is "default", the environment variable, or the path of the file."""

    key: str
    value: Json
    origin: str
    description: str

    def as_record(self) -> JsonObject:
        """JSON-able."""
        return asdict(self)


def list_settings(settings: Settings, key: str | None = None) -> list[Setting]:
    """All settings, those of a section, or one.

    Raises:
        UsageError: there is no such setting or section.
    """
    if key is not None and key not in _sections():
        field_of(key)
    written = _written()
    values = _values(settings)
    return [
        Setting(name, values[name], _origin(name, written), field.description or "")
        for name, field in _fields()
        if key is None or name == key or name.startswith(f"{key}.")
    ]


def field_of(key: str) -> tuple[str, str]:
    """Section ("" at the top level) and field of `key`.

    Raises:
        UsageError: there is none of that name; the message names the nearest.
    """
    names = [name for name, _ in _fields()]
    if key not in names:
        raise UsageError(f"there is no setting {key!r}{nearest(key)} (`video-assets settings` lists all)")
    section, _, name = key.rpartition(".")
    return section, name


def nearest(key: str) -> str:
    """`; did you mean ...?` when a setting has nearly that name, else nothing."""
    names = [name for name, _ in _fields()]
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    close = close or [name for name in names if name.rpartition(".")[2] == key.rpartition(".")[2]][:1]
    return f"; did you mean {close[0]}?" if close else ""


def _sections() -> dict[str, type[BaseModel]]:
    kinds = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def _fields() -> Iterator[tuple[str, FieldInfo]]:
    sections = _sections()
    for name, field in Settings.model_fields.items():
        if name in sections:
            yield from ((f"{name}.{info.alias or inner}", info) for inner, info in sections[name].model_fields.items())
        else:
            yield name, field


def _values(settings: Settings) -> dict[str, Json]:
    """By key; whole sections too, by their names."""
    values: JsonObject = settings.model_dump(mode="json", by_alias=True)
    sections = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    inner = {f"{section}.{name}": value for section, fields in sections.items() for name, value in fields.items()}
    return {**values, **inner}


def _origin(key: str, written: set[str]) -> str:
    variable = _PREFIX + key.upper().replace(".", "__")
    if variable in {name.upper() for name in os.environ}:
        return f"${variable}"
    return str(settings_file()) if key in written else "default"


def _written() -> set[str]:
    """Keys in the file, by their present names."""
    file = settings_file()
    if not file.exists():
        return set()
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    old = {name: getattr(kind, "old_names", {}) for name, kind in _sections().items()}
    sections = {name: value for name, value in found.items() if isinstance(value, dict)}
    return {name for name in found if name not in sections} | {
        f"{section}.{old.get(section, {}).get(name, name)}" for section, fields in sections.items() for name in fields
    }
