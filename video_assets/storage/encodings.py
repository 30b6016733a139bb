"""Text files of unknown encoding: UTF-8 first, then Windows-1252, and never a guess in the middle of a file.

Belongs here: bytes to text. Does not belong here: what the text means (`sources.own_clips.caption_tables`,
`sources.own_clips.sidecars`).
"""

import io
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder, lookup
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from video_assets.core.errors import SourceError

_BLOCK = 1 << 20


class _NotDecodableError(SourceError):
    pass


@contextmanager
def opened_as_text(file: IO[bytes], path: Path, *, encoding: str | None, notes: list[str]) -> Iterator[io.TextIOWrapper]:
    """The file as text, line ends as written; lines end at LF, or at CR in a file without LF.

    The whole file is decoded once beforehand: what comes out of it has one encoding and no NUL.

    Args:
        file: opened for reading, seekable; stays open.
        path: its name, for messages.
        encoding: what the user said; None: byte order mark, else UTF-8, else Windows-1252 (which is appended to `notes`).
        notes: what the user should know.

    Raises:
        SourceError: not of that encoding, or holds a NUL; the message names the line.
    """
    encoding, has_line_feeds = _check(file, path, encoding, notes)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="\n" if has_line_feeds else "")
    try:
        yield text
    finally:
        text.detach()


def _check(file: IO[bytes], path: Path, wanted: str | None, notes: list[str]) -> tuple[str, bool]:
    """The encoding that fits the whole file, and whether it has line feeds."""
    if wanted:
        try:
            lookup(wanted)
        except LookupError:
            raise SourceError(f"{path}: own_clips.encoding is {wanted!r}, which no Python codec is called") from None
        encoding = "utf-8-sig" if lookup(wanted).name == "utf-8" else wanted
        return encoding, _decode_through(file, path, encoding)
    if file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE):
        return "utf-16", _decode_through(file, path, "utf-16")
    try:
        return "utf-8-sig", _decode_through(file, path, "utf-8-sig")
    except _NotDecodableError as not_utf8:
        try:
            has_line_feeds = _decode_through(file, path, "cp1252")
        except _NotDecodableError:
            raise SourceError(
                f"{not_utf8}, nor is it Windows-1252; save it as UTF-8 or name its encoding in own_clips.encoding"
            ) from None
    notes.append(f"{path.name} is not UTF-8; it was read as Windows-1252 (name another encoding in own_clips.encoding)")
    return "cp1252", has_line_feeds


def _decode_through(file: IO[bytes], path: Path, encoding: str) -> bool:
    """Decode the whole file once; True when it has line feeds."""
    decoder = getincrementaldecoder(encoding)()
    n_lines = 0
    file.seek(0)
    while True:
        block = file.read(_BLOCK)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line = n_lines + 1 + error.object[: error.start].count(b"\n")
            byte = error.object[error.start]
            raise _NotDecodableError(f"{path}, line {line}: byte 0x{byte:02x} is not {encoding.removesuffix('-sig')}") from None
        if "\0" in text:
            line = n_lines + 1 + text[: text.index("\0")].count("\n")
            raise SourceError(f"{path}, line {line}: a NUL byte; this is no text file, or it is damaged")
        n_lines += text.count("\n")
        if not block:
            return n_lines > 0
