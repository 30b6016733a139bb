"""Zip archives of strangers, read from any seekable binary file: their directory, and single members to files.

The directory is read by the standard library; members are read here, since a member must not be able to inflate to more than it
declares, must be hashed once only, and must not spoil the others.
Belongs here: bytes of archives to files. Does not belong here: which members are clips (`sources.openvid.rules.members`), where
archives come from (`sources.hub.repo`), what is remembered (`sources.fetching.ledger`).
"""

import errno
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from video_assets.core.errors import MendableError
from video_assets.sources.openvid.rules.members import Member

_CHUNK = 1 << 20
_ENTRY, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_UTF8, _ENCRYPTED = 0x800, 0x41
_LONG, _ZIP64 = 0xFFFFFFFF, 1  # a size or place that stands in an extra field of this kind
_NEWEST_VERSION = 63  # the standard library refuses a whole archive for one entry that asks for more


class ArchiveError(MendableError):
    """The archive as a whole cannot be read; the message names it, says what it is instead and what to do."""


class MemberError(Exception):
    """One member gives no clip: `reason` (see `rules.members.REASONS`) and detail; `crc32` of the bytes that came."""

    def __init__(self, reason: str, detail: str, *, crc32: int | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.crc32 = reason, detail, crc32


class Readable(Protocol):
    """What is asked of an archive's file: `read(n)` gives n bytes except at the end."""

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a byte."""
        ...

    def tell(self) -> int:
        """The byte that is read next."""
        ...


@dataclass(frozen=True)
class Extracted:
    """A clip on disk: bytes, CRC-32, modification time (ns)."""

    n_bytes: int
    crc32: int
    mtime_ns: int


def read_directory(file: Readable, *, name: str) -> list[Member]:
    """All members of the archive, as its directory has them; `name` is for the message.

    Raises:
        ArchiveError: not a whole zip archive.
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(_TolerantDirectory(file)) as archive:  # type: ignore[arg-type]
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise ArchiveError(f"{name}: {_what_it_is(file)} ({error})") from error
    if any(entry.header_offset < 0 for entry in entries):
        raise ArchiveError(f"{name}: {_what_it_is(file)} (its directory points before its first byte)")
    return [_member(index, entry) for index, entry in enumerate(entries)]


def extract(file: Readable, member: Member, target: Path) -> Extracted:
    """Write one member to `target`, which appears whole and checked, or not at all.

    Raises:
        MemberError: the member cannot be read, or is not what the directory says.
        OSError: the archive cannot be read, or the disk does not take the clip.
    """
    crc32 = n_bytes = 0
    with _draft(target) as out:
        for chunk in _chunks(file, member):
            crc32 = zlib.crc32(chunk, crc32)
            n_bytes += len(chunk)
            out.write(chunk)
        if n_bytes != member.size:
            raise MemberError("bad_member", f"{n_bytes:,} bytes came, the directory says {member.size:,}", crc32=crc32)
        if crc32 != member.crc32:
            raise MemberError("bad_crc", f"CRC-32 {crc32:08x}, the archive says {member.crc32:08x}", crc32=crc32)
    return Extracted(n_bytes, crc32, target.stat().st_mtime_ns)


def remove_drafts(folder: Path) -> None:
    """Delete what killed runs left of clips; nobody else may be writing there."""
    for draft in folder.glob(".*.tmp"):
        draft.unlink(missing_ok=True)


@contextmanager
def _draft(target: Path) -> Iterator[IO[bytes]]:
    """Like `durable_write`, but with a short name for the draft: clips may have names as long as the disk allows."""
    draft = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        if error.errno == errno.ENAMETOOLONG:
            raise MemberError("unsafe_name", f"the file system refuses the name: {error.strerror}") from error
        raise
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _chunks(file: Readable, member: Member) -> Iterator[bytes]:
    """The member's contents; never more than one chunk beyond what it declares."""
    file.seek(member.offset)
    header = file.read(30)
    if len(header) < 30 or not header.startswith(_LOCAL):
        raise MemberError("bad_member", f"no member begins at byte {member.offset:,}, where the directory says")
    method, name_bytes, extra_bytes = struct.unpack("<8xH16x2H", header)
    if method != member.method:
        raise MemberError("bad_member", f"compression method {method}, the directory says {member.method}")
    # Read, not skipped: the pass over the archive stays without gaps.
    file.read(name_bytes + extra_bytes)
    packed = _packed(file, member)
    yield from packed if member.method == zipfile.ZIP_STORED else _inflated(packed, member)


def _packed(file: Readable, member: Member) -> Iterator[bytes]:
    left = member.packed_size
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            raise MemberError("bad_member", f"the archive ends {left:,} bytes before the member does")
        left -= len(chunk)
        yield chunk


def _inflated(packed: Iterator[bytes], member: Member) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    n_bytes = 0
    for chunk in packed:
        data = chunk
        while data and not inflater.eof:
            try:
                plain = inflater.decompress(data, _CHUNK)
            except zlib.error as error:
                raise MemberError("bad_member", f"the compressed bytes are damaged: {error}") from error
            n_bytes += len(plain)
            if n_bytes > member.size:
                raise MemberError("zip_bomb", f"inflates to more than the {member.size:,} bytes that it declares")
            yield plain
            data = inflater.unconsumed_tail
    rest = inflater.flush()
    if n_bytes + len(rest) > member.size:
        raise MemberError("zip_bomb", f"inflates to more than the {member.size:,} bytes that it declares")
    yield rest


def _member(index: int, entry: zipfile.ZipInfo) -> Member:
    name, is_text_name = entry.orig_filename, True
    if not entry.flag_bits & _UTF8:
        # Without the flag names are in a code page of DOS by the letter, in UTF-8 by what most programs write.
        try:
            name = name.encode("cp437").decode()
        except UnicodeDecodeError:
            is_text_name = False
    return Member(
        index=index,
        name=name,
        offset=entry.header_offset,
        size=entry.file_size,
        packed_size=entry.compress_size,
        crc32=entry.CRC,
        method=entry.compress_type,
        mode=entry.external_attr >> 16,
        is_encrypted=bool(entry.flag_bits & _ENCRYPTED),
        is_text_name=is_text_name,
    )


class _TolerantDirectory:
    """The archive's file with a directory in which no single entry makes the standard library refuse the whole."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        return _tolerated(data) if data.startswith(_ENTRY) else data

    def seekable(self) -> bool:
        return True


def _tolerated(directory: bytes) -> bytes:
    """Names that claim to be UTF-8 and are not lose the claim; versions that are not known yet become the newest known one.

    Of extra fields only sizes beyond 4 GiB stay, where they are whole; without them such an entry says 4 GiB, and is refused.
    """
    data = bytearray(directory)
    at = 0
    while data[at : at + 4] == _ENTRY and at + 46 <= len(data):
        flags, name_bytes, extra_bytes, comment_bytes = struct.unpack_from("<8xH18x3H", data, at)
        if flags & _UTF8 and not _is_utf8(data[at + 46 : at + 46 + name_bytes]):
            struct.pack_into("<H", data, at + 8, flags & ~_UTF8)
        data[at + 6] = min(data[at + 6], _NEWEST_VERSION)
        extra = slice(at + 46 + name_bytes, at + 46 + name_bytes + extra_bytes)
        n_long = sum(struct.unpack_from("<I", data, at + place)[0] == _LONG for place in (20, 24, 42))
        data[extra] = _long_sizes(bytes(data[extra]), 8 * n_long).ljust(len(data[extra]), b"\0")
        at += 46 + name_bytes + extra_bytes + comment_bytes
    return bytes(data)


def _long_sizes(extra: bytes, n_bytes: int) -> bytes:
    """The field with the sizes of ZIP64, when it has `n_bytes` of them; else nothing."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        field = extra[at : at + 4 + length]
        if kind == _ZIP64:
            return field if len(field) == 4 + length >= 4 + n_bytes else b""
        at += 4 + length
    return b""


def _is_utf8(name: bytes | bytearray) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _what_it_is(file: Readable) -> str:
    """What came instead of a zip archive, and what to do."""
    file.seek(0)
    head = file.read(512)
    if not head:
        return "an empty file: fetch it again"
    if head.lstrip()[:1] == b"<":
        return "a web page instead of a zip archive: look at it in a browser (a login, a proxy, a wrong address?)"
    if head.startswith(_LOCAL):
        return "only the beginning of a zip archive, the directory at its end is missing: fetch it again"
    return "not a zip archive, or only the later part of one (are its pieces complete and in order?)"
