"""Members of an archive: which of them are clips, which are refused and why, which are wanted.

Archives come from strangers. A clip's file name is the last part of its member's name and nothing else; whatever could lead
out of the clips folder, hide a link, or fill the disk is refused by its directory entry, before a byte of it is read.
Belongs here: those decisions. Does not belong here: reading archives (`sources.openvid.zip_members`), which clips are there
already (`sources.fetching.fetches`).
"""

import re
import stat
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from video_assets.core.text import escape
from video_assets.core.units import size

# Why a member of an archive gives no clip.
REASONS = {
    "unsafe_name": "the member's name leads out of the folder, is too long, not UTF-8, or has control characters",
    "duplicate_name": "another member of the archive has the same file name; the first one counts",
    "not_a_clip": "a member of the archive that is not a video by its ending",
    "link_member": "a symbolic link or device inside the archive; only regular files are taken",
    "encrypted_member": "the member is encrypted",
    "unsupported_compression": "the member is compressed by a method other than deflate",
    "zip_bomb": "the member is, or says it is, far larger than a clip, or shares its bytes with another member",
    "bad_member": "the archive's directory and the member itself do not agree, or its compressed bytes cannot be read",
    "bad_crc": "the bytes do not have the CRC-32 that the archive promises, fetched twice",
    "not_in_csv": "the captions table has no row with this file name",
    "missing_in_archive": "it was in the archive before, or the captions table has it, and the archive has it no more",
}
_STORED, _DEFLATED = 0, 8
_MAX_NAME_BYTES = 255
_BOMB_RATIO, _BOMB_FROM_BYTES = 200, 16 << 20
_LOCAL_HEADER_BYTES = 30
_PLACE = re.compile(r"#[0-9]+\Z")


@dataclass(frozen=True)
class Member:
    """One entry of an archive's directory. `offset`, `size`, `packed_size` in bytes; `name` as it is written there."""

    index: int
    name: str
    offset: int
    size: int
    packed_size: int
    crc32: int
    method: int = _STORED
    mode: int = 0
    is_encrypted: bool = False
    is_text_name: bool = True  # False: the name's bytes are not UTF-8


@dataclass(frozen=True)
class Candidate:
    """A member with its clip's file name, or (non-empty reason) why it gives none.

    `status` is that of the fetch ledger. `file_name` is escaped where it could not be a file name.
    """

    member: Member
    file_name: str
    status: str = "ok"
    reason: str = ""
    detail: str = ""

    def key(self, prefix: str) -> str:
        """The clip key: `prefix/file name`; of a member that gives no clip also its place, so that it never stands for one."""
        is_clip = not self.reason or self.reason in NOT_WANTED
        return f"{prefix}/{self.file_name}" if is_clip else f"{prefix}/{self.file_name}#{self.member.index}"


def name_in(key: str) -> str:
    """The file name in a key that `Candidate.key` gave. A clip's name may hold a # too, but ends like a video.

    >>> name_in("openvid/openvid_part000/a#1.mp4"), name_in("openvid/openvid_part000/a#1.mp4#7")
    ('a#1.mp4', 'a#1.mp4')
    """
    return _PLACE.sub("", key.rpartition("/")[2])


def is_of_no_clip(key: str) -> bool:
    """True when `Candidate.key` gave it to a member that gives no clip."""
    return _PLACE.search(key) is not None


NOT_WANTED = frozenset({"not_in_csv", "not_selected", "taken_down"})
"""Reasons of clips that are there, but not asked for: how many they are says nothing about anything's health."""


class Row(NamedTuple):
    """What the row filter looks at; None where the captions table says nothing."""

    seconds: float | None
    aesthetic: float | None
    motion: float | None


@dataclass(frozen=True)
class Selection:
    """Which clips are wanted; None means no limit. All limits count as wanted (`seconds >= min_seconds`)."""

    min_seconds: float | None = None
    max_seconds: float | None = None
    min_aesthetic: float | None = None
    min_motion: float | None = None
    names: frozenset[str] | None = None
    max_clips: int | None = None

    def why_not(self, file_name: str, row: Row) -> str:
        """Why a clip is not wanted, in words; empty when it is. A number that is not known is not within limits."""
        if self.names is not None and file_name not in self.names:
            return "not in the list of names"
        for what, value, lower, upper in (
            ("seconds", row.seconds, self.min_seconds, self.max_seconds),
            ("aesthetic score", row.aesthetic, self.min_aesthetic, None),
            ("motion score", row.motion, self.min_motion, None),
        ):
            if (lower is not None or upper is not None) and value is None:
                return f"{what} not known"
            if value is not None and lower is not None and not value >= lower:
                return f"{what} {value:g}, wanted at least {lower:g}"
            if value is not None and upper is not None and not value <= upper:
                return f"{what} {value:g}, wanted at most {upper:g}"
        return ""


def list_candidates(members: Iterable[Member], *, suffixes: Container[str], max_clip_bytes: int) -> list[Candidate]:
    """Every member except folders, in the order of their bytes, each with its file name or the reason against it."""
    in_order = sorted((member for member in members if not member.name.endswith("/")), key=lambda m: (m.offset, m.index))
    taken: dict[str, str] = {}
    found = []
    end = 0
    for member in in_order:
        candidate = _judge(member, suffixes=suffixes, max_clip_bytes=max_clip_bytes)
        if not candidate.reason and member.offset < end:
            candidate = _refused(candidate, "zip_bomb", "begins inside the member before it")
        if not candidate.reason and candidate.file_name in taken:
            candidate = _refused(candidate, "duplicate_name", f"{taken[candidate.file_name]} comes first")
        if not candidate.reason:
            taken[candidate.file_name] = escape(member.name)
            end = member.offset + _LOCAL_HEADER_BYTES + member.packed_size
        found.append(candidate)
    return found


def select_clips(candidates: Sequence[Candidate], rows: Mapping[str, Row], selection: Selection) -> list[Candidate]:
    """The candidates again; those without a captions row or not wanted are skipped, with the reason."""
    n_wanted = 0
    selected = []
    for candidate in candidates:
        if candidate.reason:
            selected.append(candidate)
            continue
        row = rows.get(candidate.file_name)
        if row is None:
            selected.append(_skipped(candidate, "not_in_csv", "the captions table has no row with this file name"))
            continue
        why_not = selection.why_not(candidate.file_name, row)
        if not why_not and selection.max_clips is not None and n_wanted >= selection.max_clips:
            why_not = f"only the first {selection.max_clips:,} clips of each archive are wanted"
        n_wanted += not why_not
        selected.append(_skipped(candidate, "not_selected", why_not) if why_not else candidate)
    return selected


def file_name_of(member: Member) -> tuple[str, str]:
    r"""(file name, why it cannot be one): the last part of the member's name, backslashes read as Windows' separators.

    >>> file_name_of(Member(0, "a/b/-x.mp4", 0, 1, 1, 0))
    ('-x.mp4', '')
    >>> file_name_of(Member(0, "..\\x.mp4", 0, 1, 1, 0))
    ('x.mp4', 'the name leads out of its folder')
    """
    parts = member.name.replace("\\", "/").split("/")
    name = parts[-1]
    n_bytes = len(name.encode("utf-8", "surrogatepass"))
    if parts[0] == "" or parts[0].endswith(":"):
        return name, "the name is absolute"
    if ".." in parts:
        return name, "the name leads out of its folder"
    if not member.is_text_name or "\ufffd" in name:
        return name, "the name is not UTF-8"
    if any(not char.isprintable() for char in member.name):
        return name, "the name has control characters"
    if not 0 < n_bytes <= _MAX_NAME_BYTES:
        return name, f"the file name has {n_bytes} bytes, not 1 to {_MAX_NAME_BYTES}"
    return name, ""


def _judge(member: Member, *, suffixes: Container[str], max_clip_bytes: int) -> Candidate:
    name, problem = file_name_of(member)
    candidate = Candidate(member, escape(name)[:_MAX_NAME_BYTES])
    if problem:
        return _refused(candidate, "unsafe_name", problem)
    if _suffix(name) not in suffixes or name.startswith("."):
        return _skipped(candidate, "not_a_clip", "not a video by its name")
    reason, detail = _unusable(member, max_clip_bytes)
    return _refused(candidate, reason, detail) if reason else candidate


def _unusable(member: Member, max_clip_bytes: int) -> tuple[str, str]:
    """The first reason against a member whose name is fine, and its detail; empty when there is none."""
    kind = stat.S_IFMT(member.mode)
    is_bomb = member.size > max(_BOMB_FROM_BYTES, _BOMB_RATIO * member.packed_size)
    is_odd = member.method == _STORED and member.size != member.packed_size
    told, packed = size(member.size), size(member.packed_size)
    problems = {
        ("link_member", f"file type {kind:#o}"): kind not in {0, stat.S_IFREG},
        ("encrypted_member", "encrypted"): member.is_encrypted,
        ("unsupported_compression", f"compression method {member.method}"): member.method not in {_STORED, _DEFLATED},
        ("zip_bomb", f"says it is {told}; openvid.max_clip_mib allows {size(max_clip_bytes)}"): member.size > max_clip_bytes,
        ("zip_bomb", f"says that {packed} become {told}"): is_bomb,
        ("bad_member", f"stored, but {member.packed_size:,} bytes are to become {member.size:,}"): is_odd,
    }
    return next((problem for problem, is_so in problems.items() if is_so), ("", ""))


def _refused(candidate: Candidate, reason: str, detail: str) -> Candidate:
    return replace(candidate, status="failed", reason=reason, detail=detail)


def _skipped(candidate: Candidate, reason: str, detail: str) -> Candidate:
    return replace(candidate, status="skipped", reason=reason, detail=detail)


def _suffix(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""
