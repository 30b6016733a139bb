"""The targets: which module writes each. Modules are loaded when they are asked for.

Belongs here: names to modules. Does not belong here: what each target takes (`core.consumers`).
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from video_assets.core.consumers import CONSUMERS, unknown_target
from video_assets.core.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from video_assets.exports.output import Output

MODULES = {
    "open-sora-1.2": "open_sora",
    "open-sora-1.3": "open_sora",
    "open-sora-2.0": "open_sora",
    "open-sora-2.0-sharded": "open_sora_sharded",
    "finetrainers": "finetrainers",
    "diffusion-pipe": "diffusion_pipe",
    "musubi-tuner": "musubi_tuner",
    "videox-fun": "videox_fun",
    "diffsynth": "diffsynth",
    "ltx": "ltx",
    "videofolder": "videofolder",
    "ai-toolkit": "ai_toolkit",
    "simpletuner": "simpletuner",
    "cosmos-predict2.5": "cosmos_predict",
    "energon": "energon",
    "webdataset": "webdataset",
    "lance": "lance",
    "hub-folder": "hub_folder",
}

Writer = Callable[["Iterator[pa.Table]", "Output"], None]


def writer_of(target: str) -> Writer:
    """What writes a target.

    Raises:
        UsageError: there is no such target; lists those there are.
    """
    if target not in CONSUMERS:
        raise UsageError(unknown_target(target))
    return import_module(f"video_assets.exports.targets.{MODULES[target]}").write
