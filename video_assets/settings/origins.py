"""Each setting with its value and where that comes from: the environment, the file, or the default.

Belongs here: looking at settings from outside. Does not belong here: which settings there are (`settings.model`), changing
the file (`local.settings_file`).
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from video_assets.core.json_values import Json, JsonObject
from video_assets.settings.model import Settings, fields_of_settings, sections_of_settings, settings_file
from video_assets.settings.problems import field_of

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
    if key is not None and key not in sections_of_settings():
        field_of(key)
    written = _written()
    values = _values(settings)
    return [
        Setting(name, values[name], _origin(name, written), field.description or "")
        for name, field in fields_of_settings()
        if key is None or name == key or name.startswith(f"{key}.")
    ]


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
    old = {name: getattr(kind, "old_names", {}) for name, kind in sections_of_settings().items()}
    sections = {name: value for name, value in found.items() if isinstance(value, dict)}
    return {name for name in found if name not in sections} | {
        f"{section}.{old.get(section, {}).get(name, name)}" for section, fields in sections.items() for name in fields
    }
