"""Caption files beside clips: `x.txt` holds the caption, `x.json` an object with it.

Belongs here: one sidecar to one caption. Does not belong here: which sidecar goes with which clip (`sources.own_clips.scan`).
"""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import NamedTuple

from video_assets.core.captions import TEXT_ALIASES, caption_of, extras_json

_MAX_BYTES = 1 << 20


class SidecarCaption(NamedTuple):
    """A caption with the sidecar's other values; `problem` says why there is none (empty: there is, though it may be empty)."""

    text: str
    extras: str = "{}"
    problem: str = ""


def read_sidecar(path: Path, *, text_column: str | None) -> SidecarCaption:
    """The caption of one sidecar. Line ends after the last word of a `.txt` are not part of it.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        return SidecarCaption("", problem=f"{path.name} has more than {_MAX_BYTES:,} bytes, so it is no caption")
    try:
        text = _decode(content)
    except UnicodeDecodeError:
        return SidecarCaption("", problem=f"{path.name} is neither UTF-8 nor Windows-1252")
    return _from_json(text, path.name, text_column) if path.suffix.lower() == ".json" else _from_text(text, path.name)


def _decode(content: bytes) -> str:
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _from_text(text: str, name: str) -> SidecarCaption:
    caption, problem = caption_of(text.rstrip("\r\n"))
    return SidecarCaption(caption, problem=problem and f"{name}: {problem}")


def _from_json(text: str, name: str, text_column: str | None) -> SidecarCaption:
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        return SidecarCaption("", problem=f"{name} is not JSON ({error})")
    if not isinstance(value, dict):
        return SidecarCaption("", problem=f"{name} holds a {type(value).__name__}, not an object")
    key = next((key for key in ((text_column,) if text_column else TEXT_ALIASES) if key in value), None)
    caption, problem = caption_of(value.pop(key, None))
    return SidecarCaption(caption, extras_json(value), problem and f"{name}: {problem}")
