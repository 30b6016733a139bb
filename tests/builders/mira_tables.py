"""Tables as MiraData's authors write them, over real small videos."""

import csv
import io
from fractions import Fraction
from pathlib import Path

import numpy as np
from media_factory import pictures

from video_assets.media.making.encode import AudioTrack, VideoTrack, write_clip

V1_HEADER = (
    "clip_id", "source", "video_url", "video_id", "width", "height", "fps", "seconds", "timestamp", "frame_number", "framestamp",
    "file_path", "short_caption", "dense_caption", "background_caption", "main_object_caption", "style_caption", "camera_caption",
)  # fmt: skip
# Quick, without delays, on this machine.
QUICK = {
    "is_enabled": True,
    "sleep_s": 0,
    "max_sleep_s": 0,
    "request_sleep_s": 0,
    "retries": 3,
    "retry_wait_s": 0.05,
    "timeout_s": 20,
    "allowed_networks": ("127.0.0.0/8",),
}


def clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}:{seconds % 60:09.6f}"


def v1_row(clip_id: str, url: str, start_s: float, end_s: float, **cells: str) -> dict[str, str]:
    number, clip = clip_id.split(".")
    row = dict.fromkeys(V1_HEADER, "") | {
        "clip_id": clip_id,
        "source": "pexels",
        "video_url": url,
        "video_id": f"video{number}",
        "timestamp": str([clock(start_s), clock(end_s)]),
        "file_path": f"{int(number) // 1000:09d}/{int(number):012d}.{clip}.mp4",
        "short_caption": f"short {clip_id}",
        "dense_caption": f"dense {clip_id}, with a comma",
        "camera_caption": "the camera stands still",
    }
    return row | cells


def table(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_v1(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text(table(rows), encoding="utf-8")
    return path


def make_video(
    path: Path, *, seconds: float = 6.0, rate: int = 25, sound: bool = False, size=(96, 64), movflags: str = "", **options
) -> Path:
    """A source video: key frames every two seconds unless `video_options` say otherwise."""
    picture = options.pop("video_options", {"g": str(2 * rate), "bf": "2"})
    encoder, muxer = options.pop("encoder", "libx264"), options.pop("muxer", "mp4")
    frames = pictures(round(seconds * rate), *size)
    track = VideoTrack(encoder, *size, Fraction(rate), frames, options=picture, **options)
    samples = (9000 * np.sin(np.arange(round(seconds * 48_000)) * 0.05)).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    muxing = {"movflags": movflags} if movflags else None
    write_clip(path, muxer=muxer, video=track, audio=AudioTrack("aac", 48_000, samples) if sound else None, options=muxing)
    return path
