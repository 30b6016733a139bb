"""What became of one clip that was to be cut.

Belongs here: the values alone, so that whoever reads them need not load FFmpeg. Does not belong here: cutting
(`media.cutting.cutter`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CutResult:
    """One clip: `reason` is empty when it was cut, and then the rest is known.

    `method`: copy, smart (some frames encoded) or encode (all). `start_s`, `end_s`: where the clip really starts and ends,
    seconds of the source video. `n_frames` decode, `n_wanted` were wanted. `note` says how the place was found when it is not the
    one by seconds. `crc32` is of the file's bytes, 8 hex digits.
    """

    reason: str = ""
    detail: str = ""
    method: str = ""
    start_s: float = 0.0
    end_s: float = 0.0
    n_frames: int = 0
    n_wanted: int = 0
    note: str = ""
    n_bytes: int = 0
    mtime_ns: int = 0
    crc32: str = ""
