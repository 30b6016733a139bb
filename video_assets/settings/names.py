"""Names of settings: which there are, and which is nearest to a misspelt one ("did you mean").

Belongs here: keys. Does not belong here: values and where they come from (`settings.origins`), other refusals
(`settings.problems`).
"""

import difflib
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from video_assets.core.errors import UsageError
from video_assets.settings.model import Settings


def field_of(key: str) -> tuple[str, str]:
    """Section ("" at the top level) and field of `key`.

    Raises:
        UsageError: there is none of that name; the message names the nearest.
    """
    names = [name for name, _ in fields_of_settings()]
    if key not in names:
        raise UsageError(f"there is no setting {key!r}{nearest(key)} (`video-assets settings` lists all)")
    section, _, name = key.rpartition(".")
    return section, name


def nearest(key: str) -> str:
    """`; did you mean ...?` when a setting has nearly that name, else nothing."""
    names = [name for name, _ in fields_of_settings()]
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    close = close or [name for name in names if name.rpartition(".")[2] == key.rpartition(".")[2]][:1]
    return f"; did you mean {close[0]}?" if close else ""


def sections_of_settings() -> dict[str, type[BaseModel]]:
    """The sections, by name."""
    kinds = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def fields_of_settings() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting, by its key."""
    sections = sections_of_settings()
    for name, field in Settings.model_fields.items():
        if name in sections:
            yield from ((f"{name}.{info.alias or inner}", info) for inner, info in sections[name].model_fields.items())
        else:
            yield name, field
