"""Caption files beside clips: `x.txt`, `x.caption` or `x.cls` holds the caption, `x.json` an object with it.

Belongs here: where sidecars lie, sidecars to captions, reading none twice. Does not belong here: walking folders
(`sources.own_clips.scan`), which of them go with a clip (`sources.own_clips.used_sidecars`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from video_assets.core.captions import captions_of, extras_json, extras_with_captions, json_problem
from video_assets.core.errors import SourceError
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.json_tables import DECODER, caption_key
from video_assets.storage.encodings import decode

SUFFIXES = (".txt", ".caption", ".json", ".cls")
# `videos/x.mp4` has its caption in `labels/x.txt`.
CLIP_FOLDERS = frozenset({"videos", "video", "clips", "mp4"})
LABEL_FOLDERS = ("labels", "captions", "prompts", "txt", "text")

_MAX_BYTES = 1 << 20


_GUESS = "; read as "


class Sidecar(NamedTuple):
    """A caption file: its path below the scanned folder, and its fingerprint."""

    name: str
    file_size: int
    mtime_ns: int


class SidecarCaption(NamedTuple):
    """A caption with the sidecar's other values; `problem` says why there is none (empty: there is, though it may be empty).

    `guess`: the encoding that was guessed. `captions`: all of them, when there are several; `text` is the first.
    """

    text: str
    extras: str = "{}"
    problem: str = ""
    guess: str = ""
    captions: tuple[str, ...] = ()


def read_sidecar(path: Path, *, text_columns: tuple[str, ...], encoding: str | None) -> SidecarCaption:
    """The caption of one sidecar. Line ends after the last word of a text are not part of it.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        return SidecarCaption("", problem=f"{path.name} has more than {_MAX_BYTES:,} bytes, so it is no caption")
    try:
        text, guess = decode(content, name=path.name, encoding=encoding)
    except SourceError as error:
        return SidecarCaption("", problem=str(error), guess="unknown")
    values: object = {"": text.rstrip("\r\n")}
    if path.suffix.lower() == ".json":
        try:
            values = DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            return SidecarCaption("", problem=f"{path.name} is not JSON ({json_problem(error)})")
    if isinstance(values, list | str):  # the caption, or several, and nothing else
        values = {"": values}
    if not isinstance(values, dict):
        return SidecarCaption("", problem=f"{path.name} holds a {type(values).__name__}, not an object")
    return _of_values(values, path.name, text_columns)._replace(guess=guess)


def _of_values(given: Mapping[str, object], name: str, text_columns: tuple[str, ...]) -> SidecarCaption:
    values = dict(given)
    keys = (
        [""] if "" in values else [key for one in text_columns or (None,) if (key := caption_key(values, wanted=one)) is not None]
    )
    captions: tuple[str, ...] = ()
    for key in keys:
        more, problem = captions_of(values.pop(key))
        if problem:
            return SidecarCaption("", extras_json(values), f"{name}: {problem}")
        captions = (*captions, *more)
    if len(captions) < 2:
        return SidecarCaption(captions[0] if captions else "", extras_json(values))
    return SidecarCaption(captions[0], extras_with_captions(values, captions), captions=captions)


class _Known(NamedTuple):
    """What the last listing knew of a clip with a sidecar."""

    origin: str
    status: str
    text: str
    extras: str


class SidecarReader:
    """Reads the sidecars of one listing, but for those that the last listing read; counts those whose encoding is in doubt."""

    def __init__(self, path_of: Callable[[str], str], settings: OwnClips, previous: pd.DataFrame | None) -> None:
        self._path_of, self._settings = path_of, settings
        self._known = _known_sidecars(previous)
        self._guessed: dict[str, str] = {}
        self._unknown: dict[str, str] = {}

    def read(self, clip_key: str, sidecar: Sidecar) -> tuple[SidecarCaption, str, bool]:
        """The caption, where it comes from, and whether the last listing had the clip with it as ok."""
        origin = self._origin_of(sidecar)
        known = self._known.get(clip_key)
        if known is not None and known.origin.partition(_GUESS)[0] == origin:
            guess = known.origin.partition(_GUESS)[2]
            caption, was_ok = SidecarCaption(known.text, known.extras, guess=guess), known.status == "ok"
        else:
            caption, was_ok = self._read(sidecar), False
        if caption.guess:
            (self._unknown if caption.problem else self._guessed)[sidecar.name] = caption.problem or caption.text[:60]
        return caption, origin + (f"{_GUESS}{caption.guess}" if caption.guess and not caption.problem else ""), was_ok

    def notes(self) -> list[str]:
        """Sentences about caption files whose encoding is in doubt."""
        notes = []
        if self._guessed:
            first = min(self._guessed)
            notes.append(
                f"caption files that are not UTF-8: {len(self._guessed):,}, read as Windows-1252; first {first}: "
                f"{self._guessed[first]!r}. Name another encoding in own_clips.encoding when that is not what it says"
            )
        if self._unknown:
            first = min(self._unknown)
            notes.append(
                f"caption files of unknown encoding: {len(self._unknown):,}, their clips are left out (invalid_caption); "
                f"first {self._unknown[first]}"
            )
        return notes

    def _origin_of(self, sidecar: Sidecar) -> str:
        """Everything that the caption was made from, so that an equal origin means an equal caption."""
        settings = self._settings
        columns = ", ".join(settings.caption_columns)
        key = f", key {columns}" if columns and sidecar.name.lower().endswith(".json") else ""
        encoding = f", encoding {settings.encoding}" if settings.encoding else ""
        pick = f", {settings.captions_pick}" if settings.captions_pick != "first" else ""
        return f"sidecar {sidecar.name} ({sidecar.file_size} bytes, mtime_ns {sidecar.mtime_ns}{key}{encoding}{pick})"

    def _read(self, sidecar: Sidecar) -> SidecarCaption:
        try:
            return read_sidecar(
                Path(self._path_of(sidecar.name)), text_columns=self._settings.caption_columns, encoding=self._settings.encoding
            )
        except PermissionError:
            return SidecarCaption("", problem=f"{sidecar.name} may not be read (permission denied)")
        except FileNotFoundError:  # removed since the folder was read
            return SidecarCaption("")


def _known_sidecars(previous: pd.DataFrame | None) -> dict[str, _Known]:
    if previous is None:
        return {}
    is_usable = previous["origin"].str.startswith("sidecar ") & previous["reason"].isin(["", "still_being_copied"])
    rows = previous[is_usable]
    known = map(_Known, rows["origin"], rows["status"], rows["text"], rows["extras"])
    return dict(zip(rows["clip_key"], known, strict=True))
