"""Runs a program for which every file system refuses links, with the error that FAT and exFAT give: Linux itself says no.

    python refused_links.py hard,symbolic PROGRAM ARGUMENT...

Mounting such a file system takes root and a module of the kernel; a seccomp filter takes neither.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

CALLS = {
    "x86_64": {"hard": (86, 265), "symbolic": (88, 266)},
    "aarch64": {"hard": (37,), "symbolic": (36,)},
}
"""Numbers of link, linkat; symlink, symlinkat."""

_LOAD_NUMBER, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def refuse(kinds: list[str]) -> None:
    """From now on, in this process and all that it becomes or starts, these system calls fail with EPERM."""
    calls = [number for kind in kinds for number in CALLS[platform.machine()][kind]]
    lines = [(_LOAD_NUMBER, 0, 0, 0)]
    # A match jumps over the comparisons that are left and the line that allows.
    lines += [(_IF_EQUAL, len(calls) - place, 0, number) for place, number in enumerate(calls)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _FAIL | errno.EPERM)]
    code = b"".join(struct.pack("HBBI", *line) for line in lines)
    libc = ctypes.CDLL(None, use_errno=True)
    for option in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.byref(_Program(len(lines), code)), 0, 0)):
        if libc.prctl(*option) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    refuse(sys.argv[1].split(","))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the filter is this process's
