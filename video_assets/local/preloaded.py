"""What nearly every run needs, loaded once before runs are forked (`definitions_server`).

The import does the work: Python's fork server has no other hook.
Belongs here: which modules and files, none of which reads settings or starts a thread when it is imported. Does not belong here:
how runs are started (`definitions_server`).
"""

from importlib import import_module

from video_assets.interpreter import all_is_loaded, settle

_MODULES = (
    "dagster._cli",
    "dagster._core.storage.sqlite_storage",
    "dagster._daemon.auto_run_reexecution",
    "video_assets.definitions",
    "video_assets.pipeline.decode_check",
    "video_assets.publish.publish",
    "video_assets.report.report",
)

settle()
for _name in _MODULES:
    import_module(_name)
import_module("video_assets.local.migrations").read_now()
all_is_loaded()
