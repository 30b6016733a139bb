"""Raw video clips to a training table in which every clip decodes, as Dagster software-defined assets.

Ask what the program does for a user: that word is the folder. Pure decisions are in the folder's `rules`.

As a library: `check` and `probe` clips, `Settings` and `build_defs` (or the component `VideoDataset`) for the assets in a Dagster
project of your own, `read_training` for the published table (docs/library.md). Each is loaded when it is first asked for:
workers, the command line and Dagster's code server load only what they need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from video_assets.checking.library import ClipRecord, check, probe
    from video_assets.component import VideoDataset
    from video_assets.definitions import build_defs
    from video_assets.publish.manifest import read_training
    from video_assets.settings.model import Settings

__all__ = ["ClipRecord", "Settings", "VideoDataset", "build_defs", "check", "probe", "read_training"]

_HOMES = {
    "ClipRecord": "checking.library",
    "Settings": "settings.model",
    "VideoDataset": "component",
    "build_defs": "definitions",
    "check": "checking.library",
    "probe": "checking.library",
    "read_training": "publish.manifest",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
