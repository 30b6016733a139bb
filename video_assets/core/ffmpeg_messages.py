"""FFmpeg's messages: which of the reasons they amount to, and how they are kept short and comparable.

Belongs here: pure functions on log lines and on the head of a file. Does not belong here: what a reason means (`core.verdicts`),
catching messages (`media.libav_log`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_LINES = 10
MAX_LINE_CHARS = 300

_ADDRESS = re.compile(r" @ 0x[0-9a-fA-F]+(?=\])| @ \(nil\)(?=\])")
_POINTER = re.compile(r"\b0x(7f|5[56])[0-9a-f]{10}\b")
_CONTROL = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0a-\x1f\x7f]")
_CONTEXT = re.compile(r"^\[(?P<name>[^\]@]+?)(?: @ [^\]]+)?\]")

_TIMESTAMPS = re.compile(r"non monotonically increasing dts|pts \(\S+\) < dts")
# Whatever part of FFmpeg says it, these words name the reason. Searched in this order.
_TELLING = (
    ("playlist_or_reference", re.compile(r"not on whitelist")),
    ("truncated", re.compile(r"partial file|ended prematurely|Truncating packet of size", re.IGNORECASE)),
    ("encrypted", re.compile(r"encryption info", re.IGNORECASE)),
    ("too_large", re.compile(r"Picture size \S+ is invalid|dimensions.* (too large|invalid)", re.IGNORECASE)),
)
_PLAYLIST = re.compile(r"^\s*(#EXTM3U|ffconcat version|\[playlist\]|v=0\r?\n|RTSPtext)|<(MPD|smil|SmoothStreamingMedia)\b")
# Often harmless: cuts at open GOPs, and streams of encoders that forget frames otherwise than the standard says.
_REFERENCE = re.compile(
    r"mmco: unref short failure|co located POCs unavailable|reference picture missing during reorder"
    r"|Missing reference picture, default is|number of reference frames .* exceeds max|Could not find ref with POC"
    r"|^\s+Last message repeated \d+ times"
)
_REPEATED = re.compile(r"^\s+Last message repeated \d+ times")
_UNSUPPORTED = re.compile(r"no decoder|not implemented|unsupported", re.IGNORECASE)


def strip_addresses(line: str) -> str:
    """The line without memory addresses and control characters, so that lines of two runs compare.

    >>> strip_addresses("[h264 @ 0x55d0c8a0] no frame!")
    '[h264] no frame!'
    """
    return _POINTER.sub("0x", _ADDRESS.sub("", _CONTROL.sub("", line))).rstrip()


def first_lines(lines: Iterable[str], *, max_lines: int = MAX_LINES) -> str:
    """At most `max_lines` of the cleaned lines, each of at most 300 characters, one per line; empty lines are left out."""
    kept: list[str] = []
    for line in lines:
        # File names that are not UTF-8 come as lone surrogates, which no table takes.
        clean = strip_addresses(line).encode("utf-8", "backslashreplace").decode()[:MAX_LINE_CHARS]
        if clean:
            kept.append(clean)
        if len(kept) == max_lines:
            break
    return "\n".join(kept)


def context_name(line: str) -> str:
    """Who spoke: the name in brackets that starts a line of libav's log ("" when nobody is named).

    >>> context_name("[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d0c8a0] moov atom not found")
    'mov,mp4,m4a,3gp,3g2,mj2'
    """
    match = _CONTEXT.match(line)
    return match["name"].strip() if match else ""


@dataclass(frozen=True)
class Speakers:
    """Names under which the parts of FFmpeg log for one clip: decoder names of the chosen streams, codec names for parsers."""

    video: frozenset[str] = frozenset()
    audio: frozenset[str] = frozenset()


def reason_of_lines(lines: Sequence[str], speakers: Speakers, *, otherwise: str = "", is_late: bool = False) -> str:
    """The reason that log lines amount to; `otherwise` for no lines.

    Most specific first: telling words, then who spoke: the video decoder, the audio decoder, the muxer's clock, the demuxer.

    Args:
        lines: everything that was said.
        speakers: who may have said it.
        otherwise: the reason when nobody spoke.
        is_late: True when nobody spoke before the last of several packets of sound.
    """
    if not lines:
        return otherwise
    if telling := _telling_reason(lines):
        return telling
    names = {context_name(line) for line in lines}
    if names & speakers.video:
        return "reference_frames" if is_about_references(lines) else "corrupt_video"
    if names & speakers.audio:
        is_all = all(context_name(line) in speakers.audio or _REPEATED.search(line) for line in lines)
        return "last_audio_packet" if is_late and is_all else "corrupt_audio"
    if any(_UNSUPPORTED.search(line) for line in lines):
        return "unsupported_codec"
    return "timestamps" if all(_TIMESTAMPS.search(line) for line in lines) else "corrupt_container"


def is_about_references(lines: Sequence[str]) -> bool:
    """True when every line is about a missing reference frame.

    >>> is_about_references(["[h264] mmco: unref short failure"]), is_about_references(["[h264] error while decoding MB 3 4"])
    (True, False)
    """
    return bool(lines) and all(_REFERENCE.search(line) for line in lines)


def reason_of_open_error(lines: Sequence[str]) -> str:
    """The reason why a container could not be opened, from libav's log."""
    return _telling_reason(lines) or "unreadable_container"


def _telling_reason(lines: Sequence[str]) -> str:
    return next((reason for reason, words in _TELLING if any(words.search(line) for line in lines)), "")


def reason_of_text(head: bytes) -> str:
    r"""The reason when a file that FFmpeg cannot read starts with text: a playlist or a page; "" for anything else.

    >>> reason_of_text(b"<!DOCTYPE html><title>404</title>"), reason_of_text(b"#EXTM3U\n#EXTINF:10,"), reason_of_text(bytes(4))
    ('not_media', 'playlist_or_reference', '')

    Args:
        head: the first bytes of the file, a few hundred or more.
    """
    sample = head.removeprefix(b"\xef\xbb\xbf")
    if not sample or any(byte < 0x20 and byte not in b"\t\n\r\f" for byte in sample):
        return ""
    # The last bytes may be part of a character.
    text = sample[:-3].decode("utf-8", errors="replace") if len(sample) > 3 else sample.decode("utf-8", errors="replace")
    if "\ufffd" in text:
        return ""
    return "playlist_or_reference" if _PLAYLIST.search(text) else "not_media"
