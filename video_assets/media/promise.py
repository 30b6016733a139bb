"""What a clip's header promises that its streams hold, and whether that came.

Belongs here: the promise of each container, and when it counts as broken. Does not belong here: other numbers of headers
(`headers`), the reason that a broken promise amounts to (`decode`).
"""

from dataclasses import dataclass

from av.container import InputContainer

from video_assets.media.choice import Chosen
from video_assets.media.clip_file import ClipFile
from video_assets.media.container import is_mp4, is_picture
from video_assets.media.riff_chunks import is_whole

_MATROSKA = "matroska"
_AVI = "avi"
_LOST_S = 0.5


@dataclass(frozen=True)
class Promise:
    """What a container's header says that its streams hold; None where it says nothing that can be relied on.

    `n_places` counts frames and the places of dropped ones, which an AVI keeps as empty chunks.
    """

    n_packets: int | None = None
    n_places: float | None = None
    video_s: float | None = None
    clip_s: float | None = None

    def is_broken(self, *, n_packets: int, n_places: float, video_s: float, clip_s: float) -> bool:
        """True when clearly less came: below nine tenths, less a margin (2 packets, 1 s) for rounding and loose headers."""
        return (
            _is_less(n_packets, self.n_packets, margin=2)
            or _is_less(n_places, self.n_places, margin=2)
            or _is_less(video_s, self.video_s, margin=1)
            or _is_less(clip_s, self.clip_s, margin=1)
        )


def _is_less(came: float, promised: float | None, *, margin: int) -> bool:
    return promised is not None and came < 0.9 * promised - margin


def promised(container: InputContainer, streams: Chosen, file: ClipFile, *, duration_s: float | None) -> Promise:
    """What the header promises.

    MP4 knows packets and duration of each track, edit lists applied. Matroska knows how long the clip lasts, which counts only
    when no other stream (subtitles) can be what lasts so long. A whole AVI has an index of the frames that are not dropped; the
    header of a cut one counts dropped ones too. Other containers guess their duration from what is there.

    Raises:
        StorageError: the storage did not deliver the head of an AVI.
    """
    video = streams.video
    if video is None or is_picture(video):
        return Promise()
    n_frames = video.frames or None
    if is_mp4(container):
        length = video.duration * video.time_base if video.duration and video.time_base else None
        return Promise(n_packets=len(video.index_entries) or None, video_s=None if length is None else float(length))
    if container.format.name == _AVI:
        if is_whole(file.peek, file.size):
            return Promise(n_packets=len(video.index_entries) or None)
        return Promise(n_places=n_frames)
    is_alone = container.format.name.startswith(_MATROSKA) and len(container.streams) == len(streams.all)
    return Promise(n_packets=n_frames, clip_s=duration_s or None if is_alone else None)


def has_lost(*, n_frames: int, n_packets: int, lost_s: float) -> bool:
    """True when packets at the start or end of the video gave no picture for half a second or more, and a tenth of all gave none.

    Both must be so. Hidden frames (VP8) and fields in packets of their own make fewer frames than packets and lose no time; cuts
    at an open GOP lose the few frames that lean on the one before.

    >>> has_lost(n_frames=50, n_packets=97, lost_s=2.0), has_lost(n_frames=50, n_packets=97, lost_s=0.0)
    (True, False)
    """
    return lost_s >= _LOST_S and _is_less(n_frames, n_packets, margin=2)
