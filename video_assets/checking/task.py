"""What a worker process does with one clip.

Belongs here: the steps that run inside workers. Does not belong here: which clip and when (`checking.check`). Never import this
outside a worker: it loads FFmpeg.
"""

import os
from typing import Any

from video_assets.core.json_values import JsonObject
from video_assets.core.results import Fingerprint
from video_assets.media.decode import decode_clip
from video_assets.media.probe import probe_clip
from video_assets.media.thumbnails import thumbnail
from video_assets.media.versions import ffmpeg_versions


def work(step: str, path: str, **options: Any) -> JsonObject:
    """Do one step with the clip at `path`; the answer as JSON."""
    return _STEPS[step](path, **options).as_record


def fingerprint(path: str) -> Fingerprint:
    """What is known of a clip on which a worker died."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status = os.fstat(descriptor)
            os.pread(descriptor, 1, max(0, status.st_size - 1))
        finally:
            os.close(descriptor)
    except OSError as error:
        return Fingerprint(trouble=f"{error.strerror}: {path}")
    return Fingerprint(file_size=status.st_size, mtime_ns=status.st_mtime_ns, ffmpeg_versions=ffmpeg_versions())


_STEPS = {"decode": decode_clip, "probe": probe_clip, "thumbnail": thumbnail, "fingerprint": fingerprint}
