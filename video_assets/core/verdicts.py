"""The vocabulary of verdicts: what each verdict and each reason of a bad clip means, and which of them drop a clip.

Belongs here: verdicts, reasons, their meaning for people. Does not belong here: which reason FFmpeg's messages amount to
(`core.ffmpeg_messages`), decoding (`media`), what is done with dropped clips (`core.filters`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "bad", "unreadable_now", "timeout", "crashed", "out_of_memory"]

CHECKER_VERSION = "4"
"""Version of the rules; verdicts of another version are made again, except those that `core.older_rules` keeps."""

PROBER_VERSION = "2"
"""Version of the probe's rules; measurements of another version are made again, except those that `core.older_rules` keeps."""

VERDICTS: dict[str, str] = {
    "good": "every frame of the video (and of the audio, if any) decodes, and FFmpeg has nothing to complain about",
    "bad": "the clip itself is at fault; the reason says how",
    "unreadable_now": "the storage did not deliver the file; says nothing about the clip, which is tried again",
    "timeout": "the clip took longer than decode.timeout_s, or decode.cpu_s of CPU; it is tried again when one is raised",
    "crashed": "the worker process died on this clip",
    "out_of_memory": (
        "the clip needed more than decode.memory_mib, or asked for more than FFmpeg ever allocates at once; it is tried again "
        "when the limit is raised"
    ),
}


@dataclass(frozen=True)
class Reason:
    """Why a clip is bad: what it means and what to do about it."""

    meaning: str
    advice: str


REASONS: dict[str, Reason] = {
    "corrupt_video": Reason("the video decoder reported errors", "drop it, or fetch the clip again"),
    "corrupt_audio": Reason(
        "the audio decoder reported errors, the video none", "drop it, or tolerate it when audio is not used"
    ),
    "truncated": Reason("the file ends before its contents do", "fetch the clip again"),
    "timestamps": Reason("time stamps do not increase at the clip's frame or sample rate", "remux it, or tolerate it"),
    "no_video": Reason("no video stream (audio only, subtitles only, ...)", "it is not a clip; remove it from the listing"),
    "no_frames": Reason(
        "a video stream, but not one frame of it decodes", "drop it; often an initialization segment or an encrypted track"
    ),
    "fewer_frames": Reason(
        "clearly fewer frames decode than the clip promises or has packets for",
        "fetch the clip again; its start or end is missing",
    ),
    "changing_size": Reason(
        "the picture's size or pixel format changes inside the clip", "cut it where it changes, or tolerate it"
    ),
    "reference_frames": Reason(
        "the video decoder misses reference frames and complains about nothing else",
        "drop it; or tolerate it after a look at the pictures, which may be whole",
    ),
    "last_audio_packet": Reason(
        "the audio decoder complains about the last packet alone, and nothing else does",
        "drop it; or tolerate it, since the pictures are not touched and a fraction of a second of sound is lost",
    ),
    "unreadable_container": Reason("FFmpeg cannot read the container", "fetch the clip again"),
    "corrupt_container": Reason("the demuxer reported errors, the decoders none", "fetch the clip again, or remux it"),
    "unsupported_codec": Reason("FFmpeg has no decoder for a stream it would decode", "transcode it elsewhere"),
    "encrypted": Reason("the stream is encrypted and the key is not in the file", "decrypt it first"),
    "too_long": Reason("lasts longer than decode.max_duration_s", "cut it, or raise the limit"),
    "too_large": Reason("frames of more pixels than FFmpeg accepts", "drop it; usually a broken header"),
    "playlist_or_reference": Reason(
        "a playlist or a file that refers to other files or the network, which are never opened", "fetch the media itself"
    ),
    "empty_file": Reason("0 bytes", "fetch the clip again"),
    "not_media": Reason("text, for example an HTML error page that was saved as a clip", "fetch the clip again"),
    "not_a_file": Reason("a folder, a pipe or a device", "remove it from the listing"),
}

OFTEN_HARMLESS = {
    "reference_frames": "whole in all 19 clips cut at an open GOP, in 4 of 189 clips with lost packets or a turned bit",
    "last_audio_packet": "whole in all 20 clips",
}
"""Reasons of clips whose pictures are often whole, and how often they were (benchmarks/harmless.py); reports say how many clips
they cost."""


def is_dropped(verdict: str, reason: str, tolerated_reasons: Collection[str] = ()) -> bool:
    """True when a clip with this verdict is left out: everything but good, except bad for a tolerated reason.

    >>> is_dropped("bad", "corrupt_audio", {"corrupt_audio"})
    False
    """
    if verdict == "good":
        return False
    return not (verdict == "bad" and reason in tolerated_reasons)
