"""What a worker process does with one clip.

Belongs here: the steps that run inside workers. Does not belong here: which clip and when (`checking.check`). Never import this
outside a worker: it loads FFmpeg.
"""

import os
from typing import Any

from video_assets.media.decode import decode_clip
from video_assets.media.probe import probe_clip
from video_assets.media.versions import ffmpeg_versions


def work(step: str, path: str, **options: Any) -> dict[str, Any]:
    """Do one step with the clip at `path`: "decode", "probe" or "fingerprint"."""
    steps = {"decode": decode_clip, "probe": probe_clip, "fingerprint": fingerprint}
    return steps[step](path, **options)


def fingerprint(path: str) -> dict[str, Any]:
    """What is known of a clip on which a worker died; {"trouble": why} when the storage does not deliver it now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status = os.fstat(descriptor)
            os.pread(descriptor, 1, max(0, status.st_size - 1))
        finally:
            os.close(descriptor)
    except OSError as error:
        return {"trouble": f"{error.strerror}: {path}"}
    return {"file_size": status.st_size, "mtime_ns": status.st_mtime_ns, "ffmpeg_versions": ffmpeg_versions()}
