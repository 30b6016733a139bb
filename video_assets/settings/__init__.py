"""What a user can set: one file and environment variables, validated, each field with its unit.

Belongs here: fields, defaults, validation, where values come from. Does not belong here: what a value does to clips.
`Settings` and `load_settings` are loaded when they are first asked for: a worker that needs one section does not wait for them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from video_assets.settings.model import Settings, load_settings

__all__ = ["Settings", "load_settings"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from video_assets.settings import model

    return getattr(model, name)
