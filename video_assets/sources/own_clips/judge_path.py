"""What one path is, as a finding.

An error that is about one entry (permission denied, link to nothing, file gone since its folder was read) becomes a finding.
Every other `OSError` (EIO, ESTALE, ...) is about the storage and is raised: a listing that lacks half its clips must not look
like one.

Belongs here: one path. Does not belong here: folders (`sources.own_clips.scan`).
"""

import errno
import os
import stat

from video_assets.core.text import escape
from video_assets.sources.own_clips.statuses import Finding

_READABLE_BY_ALL = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_USUAL_BITS, _USUAL = 0o170000 | _READABLE_BY_ALL, stat.S_IFREG | _READABLE_BY_ALL
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)

TOO_LONG = "the path is longer than the system allows; move it up, or shorten the names of the folders above it"

MAX_OTHERS = 1_000
"""Paths outside a scan that are remembered with what was found there; of more, nothing is."""


def look_at(path: str) -> Finding:
    """What one path is; symbolic links are followed.

    Raises:
        OSError: the storage failed.
    """
    try:
        return _judge(path, os.stat(path))  # noqa: PTH116 - a million paths
    except ValueError:  # NUL
        return Finding("unsupported_name", "the path holds a NUL character")
    except OSError as error:
        return _fault(path, error)


def _judge(path: str, found: os.stat_result) -> Finding:
    if found.st_mode & _USUAL_BITS == _USUAL:  # nearly all of a million: a file that everybody may read
        return Finding("", "", found.st_size, found.st_mtime_ns)
    if not stat.S_ISREG(found.st_mode):
        return Finding("not_a_file", f"a {_kind(found.st_mode)}, not a file")
    if not os.access(path, os.R_OK, effective_ids=True):
        return Finding("unreadable", "permission denied: the file may not be read", found.st_size, found.st_mtime_ns)
    return Finding("", "", found.st_size, found.st_mtime_ns)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")


def _fault(path: str, error: OSError) -> Finding:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Finding("unreadable", "permission denied: a folder above it may not be entered")
    if error.errno == errno.ELOOP:
        return Finding("symlink_loop", f"symbolic links that lead back to themselves, first to {_target(path)}")
    if error.errno in _NOT_THERE:
        if os.path.islink(path):  # noqa: PTH114 - a million paths
            return Finding("broken_link", f"symbolic link to {_target(path)}, which is not there")
        return Finding("missing_file", f"no such file: {escape(path)}")
    raise error


def _target(path: str) -> str:
    try:
        return escape(os.readlink(path))  # noqa: PTH115 - text, not a path
    except OSError:  # the link is above this name, or gone
        return "an unknown place"


def look_at_usual(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Size and time of a file that everybody may read, without an object more; None: `look_at_entry` says what it is."""
    try:
        found = entry.stat() if entry.is_file(follow_symlinks=False) else None
    except OSError:
        return None
    return found if found is not None and found.st_mode & _USUAL_BITS == _USUAL else None


def look_at_entry(entry: os.DirEntry[str]) -> Finding | None:
    """As `look_at`; None when the entry went away since its folder was read."""
    try:
        return _judge(entry.path, entry.stat())
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and not entry.is_symlink():  # its folder has it all the same
            return Finding("unreadable", TOO_LONG)
        finding = _fault(entry.path, error)
    return None if finding.reason == "missing_file" else finding
