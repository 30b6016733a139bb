"""What a take-down asks for: every line of a request is a name, a comment, or refused; none is passed over.

Belongs here: lines and cells to what they name. Does not belong here: which clips that is (`tombstones.matching`), decoding files
(`storage.encodings`).
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal
from urllib.parse import unquote

from video_assets.core.addresses import is_address, may_be_address, normal_url
from video_assets.core.captions import DELIMITERS
from video_assets.core.errors import SourceError
from video_assets.core.units import count

Kind = Literal["clip_key", "path", "url", "member", "file_name", "source_id", "content_hash"]

SOURCES = ("own_clips", "openvid", "openvidhd", "miradata", "hub")
MIN_SOURCE_ID_CHARS = 5

# Columns that name clips, the most exact first; of a row the first one that is not empty counts.
_ADDRESSES = ("url", "video_url", "link", "video_link", "source_url", "webpage_url", "address", "permalink")
_IDS = ("source_id", "video_id", "videoid", "youtube_id")
_NAMES = ("path", "video_path", "file_path", "file_name", "filename", "file", "video", "member", "clip", "id", "name")
COLUMNS = ("clip_key", *_ADDRESSES, *_IDS, *_NAMES)

_HASH = re.compile(r"xxh3:([0-9a-f]{32})", re.IGNORECASE)
_LIKE_HASH = re.compile(r"(xxh(ash)?|sha|md|blake)[\d_-]*[bs]?[\d_-]*:", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{2,5}$")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Entry:
    """One thing that a line of a request names: `value` is normalized, `text` is the line."""

    kind: Kind
    value: str
    text: str


@dataclass(frozen=True)
class Request:
    """A request, every line of it: what lines name, lines that name nothing usable with the reason, and comments.

    `repeated`: lines that name what an earlier line (the value) names already.
    """

    entries: tuple[Entry, ...]
    refused: dict[str, str] = field(default_factory=dict)
    repeated: dict[str, str] = field(default_factory=dict)
    comments: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that name something, each once."""
        return tuple(dict.fromkeys(entry.text for entry in self.entries))

    def keys_of(self, line: str) -> str:
        """By what a line's clips are known, in words."""
        return ", ".join(self._keys_by_line.get(line, ()))

    @cached_property
    def _keys_by_line(self) -> dict[str, list[str]]:
        keys: dict[str, list[str]] = {}
        for entry in self.entries:
            keys.setdefault(entry.text, []).append(f"{entry.kind} {entry.value}")
        return keys


def read_request(text: str, *, name: str = "the request", is_table: bool = False) -> Request:
    """Read a list (a name per line; `#` and a blank begin a comment), a CSV, or the JSON report of an earlier take-down.

    Args:
        text: the request.
        name: what messages call it.
        is_table: it says that it is a CSV: without a column that names clips it is refused.

    Raises:
        SourceError: a table whose columns do not say which one names the clips, or that is no CSV.
    """
    if text.lstrip().startswith("{"):
        return _of_cells(_lines_of_report(text, name), ())
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    comments = tuple(line for line in lines if _is_comment(line))
    lines = [line for line in lines if not _is_comment(line)]
    if not lines:
        return Request((), comments=comments)
    delimiter, header = _header_of(lines[0])
    if columns := _naming_columns(header):
        return _of_rows(lines, delimiter, columns, n_fields=len(header), comments=comments, name=name)
    is_list = len(header) == 1 and ("/" in lines[0] or bool(_SUFFIX.search(lines[0])))
    if (is_table and not is_list) or _looks_like_table(lines, delimiter, n_fields=len(header)):
        raise SourceError(
            f"{name}: a table, but no column is called like one that names clips; the columns are "
            f"{', '.join(map(repr, header))}. Call the right one url, video_id, clip_key, path or file_name"
        )
    return _of_cells(lines, comments)


def entries_of(text: str) -> tuple[Entry, ...]:
    """What one line names; several things where a line can be read in several ways, none of which takes clips of others.

    >>> [(e.kind, e.value) for e in entries_of("youtu.be/abcdefghijk")]
    [('url', 'youtube.com/watch?v=abcdefghijk')]
    >>> [(e.kind, e.value) for e in entries_of("clips.new/a.mp4")]
    [('member', 'clips.new/a.mp4'), ('url', 'clips.new/a.mp4')]

    Raises:
        ValueError: nothing that could be told from other clips; says why.
    """
    if match := _HASH.fullmatch(text):
        return (Entry("content_hash", match[1].lower(), text),)
    if _LIKE_HASH.match(text):
        raise ValueError("not a hash that clips are known by: that is xxh3: and 32 hex digits")
    if text.lower().startswith("file://"):
        return _spellings("path", unquote(text[7:]), text)
    if is_address(text):
        return (Entry("url", normal_url(text), text),)
    if "://" in text:
        raise ValueError("an address in the middle of other words; put each address on a line of its own")
    if _DRIVE.match(text):
        raise ValueError("a path of another machine; name the file, or its path below the clips folder")
    names = _spellings(*_named(text), text)
    return (*names, Entry("url", normal_url(text), text)) if may_be_address(text) else names


def _named(text: str) -> tuple[Kind, str]:
    name = text.replace("\\", "/")
    if name.startswith("/"):
        return "path", name
    if "/" in name:
        return ("clip_key" if name.partition("/")[0] in SOURCES else "member"), name.removeprefix("./")
    if _SUFFIX.search(name):
        return "file_name", name
    if len(name) < MIN_SOURCE_ID_CHARS:
        raise ValueError(f"shorter than {MIN_SOURCE_ID_CHARS} characters: it would match clips that nobody meant")
    if any(char.isspace() or char in ",;" for char in name):
        raise ValueError("neither an address, nor a file name with its ending, nor an id")
    return "source_id", name


def _spellings(kind: Kind, value: str, text: str) -> tuple[Entry, ...]:
    """The name as written, then as other systems spell it: accents composed or not, blanks as `%20`, backslashes."""
    values = [value, *(unicodedata.normalize(form, value) for form in ("NFC", "NFD")), unquote(value)]
    entries = [Entry(kind, one, text) for one in dict.fromkeys(values)]
    # On this system a backslash is a character like any other; names that are not UTF-8 are written with it, too.
    as_written: Kind = kind if "/" in text else "file_name"
    return (*entries, Entry(as_written, text, text)) if "\\" in text else tuple(entries)


def _is_comment(line: str) -> bool:
    """`#` alone, or before a blank: `#shorts dog.mp4` is a name."""
    return line.startswith("#") and line[1:2] in {"", " ", "\t", "#"}


def _of_cells(cells: Iterable[str], comments: tuple[str, ...]) -> Request:
    entries: dict[tuple[str, str], Entry] = {}
    refused, repeated = {}, {}
    for cell in dict.fromkeys(cells):
        try:
            named = {(entry.kind, entry.value): entry for entry in entries_of(cell)}
        except ValueError as error:
            refused[cell] = str(error)
            continue
        if named.keys() <= entries.keys():
            repeated[cell] = entries[next(iter(named))].text
        for key, entry in named.items():
            entries.setdefault(key, entry)
    return Request(tuple(entries.values()), refused, repeated, comments)


def _of_rows(
    lines: Sequence[str], delimiter: str, columns: Sequence[int], *, n_fields: int, comments: tuple[str, ...], name: str
) -> Request:
    cells, unusable = [], {}
    try:
        for number, row in enumerate(csv.reader(lines[1:], delimiter=delimiter, strict=True), start=1):
            cell = next((row[at].strip() for at in columns if at < len(row) and row[at].strip()), "")
            if len(row) == n_fields and cell:
                cells.append(cell)
                continue
            why = "the row names nothing: its columns for that are empty"
            if len(row) != n_fields:
                has = f"the row has {count(len(row), 'fields')}, the header {n_fields}"
                why = f"{has}: put quotes around a field with {delimiter!r} in it"
            unusable[f"row {number}: {delimiter.join(row)}"] = why
    except csv.Error as error:
        raise SourceError(f"{name}: not readable as CSV ({error}); save it again, with quotes around fields") from None
    request = _of_cells(cells, comments)
    return replace(request, refused={**request.refused, **unusable})


def _header_of(line: str) -> tuple[str, list[str]]:
    """The delimiter that finds most columns that name clips, else most columns; and those columns."""
    headers = {delimiter: next(csv.reader([line], delimiter=delimiter), []) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda one: (len(_naming_columns(headers[one])), len(headers[one])))
    return delimiter, [name.strip() for name in headers[delimiter]]


def _naming_columns(header: Sequence[str]) -> list[int]:
    folded = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]
    return [folded.index(name) for name in COLUMNS if name in folded]


def _looks_like_table(lines: Sequence[str], delimiter: str, *, n_fields: int) -> bool:
    """Every line has as many fields as the first, more than one, and the first names nothing itself."""
    if n_fields < 2 or len(lines) < 2 or "://" in lines[0]:
        return False
    return all(len(row) == n_fields for row in csv.reader(lines, delimiter=delimiter))


def _lines_of_report(text: str, name: str) -> list[str]:
    try:
        lines = json.loads(text)["lines"]
        return [str(line) for line in lines]
    except (ValueError, KeyError, TypeError):
        raise SourceError(
            f"{name}: not a list, and not the JSON report of a take-down; give a text file with a name per line"
        ) from None
