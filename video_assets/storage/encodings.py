"""Text of unknown encoding: a byte order mark, else UTF-8, else Windows-1252 where it looks like that, and never mojibake.

Belongs here: bytes to text. Does not belong here: what the text means (`sources.own_clips.caption_tables`,
`sources.own_clips.sidecars`, `tombstones.requests`).
"""

import io
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder, lookup
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from video_assets.core.errors import SourceError
from video_assets.core.text import encoding_problem

_BLOCK = 1 << 20
_MIN_UTF16_BYTES = 8  # a zero in fewer bytes is an accident
# Letters of Western Europe stand between ASCII letters, two in a row at most; those of other alphabets,
# read as Windows-1252, stand in long rows. Quotes, dashes and signs of money say nothing.
_SIGNS = "\u2013\u2014\u2018\u2019\u201c-\u201e\u2026\u20ac\u2122\u00a0\u00a1\u00a3\u00a9\u00ab\u00ae\u00b0\u00bb\u00bf"
_FOREIGN = re.compile(rf"[^\x00-\x7f{_SIGNS}]{{3}}")
WINDOWS, UTF16_LE, UTF16_BE = "cp1252", "utf-16-le", "utf-16-be"
_NAMES = {WINDOWS: "Windows-1252", UTF16_LE: "UTF-16 without a byte order mark", UTF16_BE: "UTF-16 without a byte order mark"}
_NAME_IT = "name its encoding in own_clips.encoding (gbk, cp1251, shift_jis, utf-16-le ...)"


class _NotDecodableError(SourceError):
    def __init__(self, message: str, problem: str) -> None:
        super().__init__(message)
        self.problem = problem


class Decoded(NamedTuple):
    """Text; `guess` is the encoding that it was taken for without being sure, empty when there is no doubt."""

    text: str
    guess: str


def decode(content: bytes, *, name: str, encoding: str | None = None) -> Decoded:
    """A small file as text; see `opened_as_text`.

    Raises:
        SourceError: it cannot be told which encoding it has.
    """
    wanted = _wanted(encoding, name) if encoding else _marked(content[:_BLOCK])
    try:
        return Decoded(content.decode(wanted or "utf-8-sig"), "")
    except UnicodeError as error:
        if wanted:
            where = f"byte {error.start}" if isinstance(error, UnicodeDecodeError) else error
            raise SourceError(f"{name}: not {wanted} ({where})") from None
    try:
        text = content.decode(WINDOWS)
    except UnicodeDecodeError:
        raise SourceError(f"{name}: neither UTF-8 nor Windows-1252; {_NAME_IT}") from None
    if match := _FOREIGN.search(text):
        raise SourceError(f"{name}: not UTF-8, and as Windows-1252 it would read {_around(text, match)!r}; {_NAME_IT}")
    return Decoded(text, _NAMES[WINDOWS])


@contextmanager
def opened_as_text(
    file: IO[bytes], path: Path, *, encoding: str | None, notes: list[str], n_checked: int = 0
) -> Iterator[io.TextIOWrapper]:
    """The file as text, line ends as written; lines end at LF, or at CR in a file without LF.

    The whole file is decoded once beforehand: what comes out of it has one encoding and no NUL.

    Args:
        file: opened for reading, seekable; stays open.
        path: its name, for messages.
        encoding: what the user said; None: byte order mark, else UTF-8, else UTF-16 by its zeros, else Windows-1252 where the
            text looks like that. What is guessed is appended to `notes`.
        notes: what the user should know.
        n_checked: so many bytes were found to be UTF-8 before, and end with a line feed.

    Raises:
        SourceError: not of that encoding, or holds a NUL; the message names the line.
    """
    is_utf8 = n_checked > 0 and _is_utf8_from(file, n_checked)
    encoding, has_line_feeds = ("utf-8-sig", True) if is_utf8 else _check(file, path, encoding, notes)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="\n" if has_line_feeds else "")
    try:
        yield text
    finally:
        text.detach()


def _check(file: IO[bytes], path: Path, encoding: str | None, notes: list[str]) -> tuple[str, bool]:
    """The encoding that fits the whole file, and whether it has line feeds."""
    wanted = _wanted(encoding, str(path)) if encoding else _marked(file.read(_BLOCK))
    if wanted in _NAMES and not encoding:
        notes.append(f"{path.name} is {_NAMES[wanted]}; save it as UTF-8")
    if wanted:
        return wanted, _decode_through(file, path, wanted)
    try:
        return "utf-8-sig", _decode_through(file, path, "utf-8-sig")
    except _NotDecodableError as not_utf8:
        try:
            has_line_feeds = _decode_through(file, path, WINDOWS)
        except _NotDecodableError as not_windows:
            raise SourceError(f"{not_utf8}, {not_windows.problem}; save it as UTF-8, or {_NAME_IT}") from None
    notes.append(f"{path.name} is not UTF-8; it was read as Windows-1252 (name another encoding in own_clips.encoding)")
    return WINDOWS, has_line_feeds


def _is_utf8_from(file: IO[bytes], start: int) -> bool:
    """True when all bytes from there on are UTF-8 without NUL; else the whole file is looked at, which knows the lines."""
    decoder = getincrementaldecoder("utf-8")()
    file.seek(start)
    try:
        while block := file.read(_BLOCK):
            if "\0" in decoder.decode(block):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _wanted(encoding: str, name: str) -> str:
    if problem := encoding_problem(encoding):
        raise SourceError(f"{name}: own_clips.encoding is {encoding!r}, {problem}")
    return "utf-8-sig" if lookup(encoding).name == "utf-8" else encoding


def _marked(head: bytes) -> str:
    """The encoding that a byte order mark, or zeros in every second place, tell; empty when neither does."""
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    n_even, n_odd = head[::2].count(0), head[1::2].count(0)
    if min(n_even, n_odd) > 0 or max(n_even, n_odd) * 8 < len(head) or len(head) < _MIN_UTF16_BYTES:
        return ""
    return UTF16_LE if n_odd else UTF16_BE


def _around(text: str, match: re.Match[str]) -> str:
    return text[max(0, match.start() - 10) : match.end() + 10]


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
            problem = f"byte 0x{error.object[error.start]:02x} is not {encoding.removesuffix('-sig')}"
            raise _NotDecodableError(f"{path}, line {line}: {problem}", "nor is it Windows-1252") from None
        except UnicodeError as error:  # of codecs that do not say where: no byte order mark
            raise SourceError(f"{path}: not {encoding} ({error}); {_NAME_IT}") from None
        if "\0" in text:
            line = n_lines + 1 + text[: text.index("\0")].count("\n")
            raise SourceError(f"{path}, line {line}: a NUL byte; this is no text file, or it is damaged")
        if encoding == WINDOWS and (match := _FOREIGN.search(text)):
            raise _NotDecodableError("", f"and as Windows-1252 it would read {_around(text, match)!r}")
        n_lines += text.count("\n")
        if not block:
            return n_lines > 0
