"""What most commands import, loaded by the process from which `command_line` forks them."""

import gc
from importlib import import_module

from PIL import Image

# Only what reads no setting while it is imported (huggingface_hub does, for one).
_LIBRARIES = [
    "dagster._core.execution.execute_in_process",
    "dagster._core.storage.root",
    "dagster._core.storage.sqlite_storage",
    "upath.implementations.local",
    "video_assets.cli.app",
    "video_assets.local.run",
    "video_assets.pipeline.decode_check",
    "video_assets.pipeline.enrich",
    "video_assets.publish.publish",
    "video_assets.report.captions",
    "video_assets.report.contact_sheet",
    "video_assets.report.plots",
    "video_assets.report.report",
]

gc.disable()  # modules are not garbage
for _name in _LIBRARIES:
    import_module(_name)
Image.init()
gc.freeze()
gc.enable()
