"""What one look at a clip gives: its numbers, its probe, its verdict, a picture; columns of `core.schema`, in its units.

Belongs here: the values, as they go from a worker to a table. Does not belong here: what the words mean (`core.verdicts`), how a
clip is looked at (`media`), tables of many (`core.matching`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from video_assets.core.verdicts import CHECKER_VERSION, Verdict

if TYPE_CHECKING:
    from video_assets.core.json_values import JsonObject


class _Answer:
    """What a worker answers, as JSON and back."""

    @property
    def as_record(self) -> "JsonObject":
        """Values by field."""
        return vars(self)

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Self:
        """What a worker answered.

        Raises:
            ValueError: it has other fields; the message names them.
        """
        if answer.keys() != {field.name for field in fields(cls)}:  # type: ignore[arg-type]
            raise ValueError(f"answered with columns {sorted(answer)}")
        return cls(**answer)


@dataclass(frozen=True, kw_only=True)
class Fingerprint(_Answer):
    """Which bytes a clip has now; `trouble` says why the storage does not tell ("" when it does)."""

    trouble: str = ""
    file_size: int | None = None
    mtime_ns: int | None = None
    ffmpeg_versions: str = ""


@dataclass(frozen=True, kw_only=True)
class ClipNumbers(_Answer):
    """A clip's measurements (columns shared by CLIPS and VERDICTS); None where nobody knows."""

    num_frames: int | None = None
    height: int | None = None
    width: int | None = None
    fps: float | None = None
    duration_s: float | None = None
    video_codec: str | None = None
    pix_fmt: str | None = None
    rotation_deg: int | None = None
    header_frames: int | None = None
    packet_frames: int | None = None


@dataclass(frozen=True, kw_only=True)
class ClipProbe(ClipNumbers):
    """What the container says. `probe_status` is "ok", a reason why not, or one of the verdicts but "good" and "bad"."""

    probe_status: str
    probe_detail: str = ""
    file_size: int | None = 0
    mtime_ns: int | None = 0

    @property
    def is_unreadable(self) -> bool:
        """True when the storage did not deliver the clip."""
        return self.probe_status == "unreadable_now"

    @classmethod
    def without_answer(cls, status: Verdict, words: str, of: Fingerprint) -> Self:
        """Of a clip whose worker did not come to an answer."""
        return cls(probe_status=status, probe_detail=words, file_size=of.file_size, mtime_ns=of.mtime_ns)


@dataclass(frozen=True, kw_only=True)
class Thumbnail(_Answer):
    """A small picture: `rgb` is the base64 of height x width x 3 bytes. Or `trouble`: in words, why there is none."""

    width: int = 0
    height: int = 0
    rgb: str = ""
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class VideoExtras:
    """What only decoding shows of a video, beside its numbers."""

    header_fps: float | None = None
    size_changes: int | None = None
    starts_at_s: float | None = None
    missing_s: float | None = None
    is_variable_rate: bool | None = None
    is_count_consistent: bool | None = None
    static_share: float | None = None
    black_share: float | None = None
    is_static: bool | None = None
    is_black: bool | None = None
    is_interlaced: bool | None = None
    pixel_aspect: float | None = None
    color_transfer: str | None = None
    has_alpha: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ClipVerdict(ClipNumbers, VideoExtras):
    """What decoding every frame showed: a row of VERDICTS but for the clip's key."""

    verdict: Verdict
    reason: str = ""
    errors: str = ""
    file_size: int | None = 0
    mtime_ns: int | None = 0
    content_hash: str | None = None
    decode_seconds: float | None = None
    checker_version: str = ""
    ffmpeg_versions: str = ""

    @property
    def is_unreadable(self) -> bool:
        """True when the storage did not deliver the clip."""
        return self.verdict == "unreadable_now"

    @classmethod
    def without_answer(cls, status: Verdict, words: str, of: Fingerprint) -> Self:
        """Of a clip whose worker did not come to an answer."""
        return cls(
            verdict=status,
            errors=words,
            file_size=of.file_size,
            mtime_ns=of.mtime_ns,
            checker_version=CHECKER_VERSION,
            ffmpeg_versions=of.ffmpeg_versions,
        )
