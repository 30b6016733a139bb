"""A real file system that fails on demand: shows a folder, read-only, through FUSE; real errors from real system calls.

    with faulty_mount(source, target) as mount:
        mount.fail("EIO")                        # every read(2) below target now fails with EIO
        mount.fail("ESTALE", on=("lookup",))     # open(2) and stat(2) of names
        mount.slow(0.5)                          # every read(2) takes that many seconds longer
        mount.hang()                             # reads wait, not even SIGKILL ends them, until the mount is gone
        mount.mend()
        mount.opens()                            # how often each file was opened for reading

Speaks the kernel's protocol itself (/dev/fuse), so that tests need no library. Works as root, and as an ordinary user where
fusermount3 is installed; `why_no_mount` says why not.
"""

import ctypes
import errno
import functools
import itertools
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HEADER = struct.Struct("<IIQQIIIHH")
_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _STATFS, _RELEASE, _FLUSH, _INIT = 1, 2, 3, 14, 15, 17, 18, 25, 26
_OPENDIR, _READDIR, _RELEASEDIR, _INTERRUPT, _BATCH_FORGET = 27, 28, 29, 36, 42
_SILENT = {_FORGET, _INTERRUPT, _BATCH_FORGET}
_NAMES = {_LOOKUP: "lookup", _GETATTR: "getattr", _OPEN: "open", _READ: "read", _OPENDIR: "opendir", _READDIR: "readdir"}
_DIRECT_IO = 1
_MNT_FORCE, _MNT_DETACH = 1, 2


class FaultyMount:
    """Switches the faults of one mounted folder; each takes effect at once, in all processes."""

    def __init__(self, folder: Path, control: Path) -> None:
        self.folder = folder
        self._control = control
        self.mend()

    def fail(self, error: str = "EIO", *, on: tuple[str, ...] = ("read",), name: str = "") -> None:
        """Fail with errno `error` on lookup, getattr, open, read, opendir or readdir of paths that contain `name`."""
        self._set({"error": errno.__dict__[error], "on": on, "name": name})

    def shorten_reads(self, *, name: str = "") -> None:
        """Deliver nothing beyond the first half of each file, without any error."""
        self._set({"error": 0, "on": ("read",), "name": name})

    def hang(self, *, on: tuple[str, ...] = ("read",), name: str = "") -> None:
        """Never answer."""
        self._set({"error": -1, "on": on, "name": name})

    def slow(self, seconds: float, *, name: str = "") -> None:
        """Let every read of paths that contain `name` take longer."""
        self._set({"error": 0, "on": (), "name": name, "delay_s": seconds})

    def opens(self) -> Counter[str]:
        """How often each file was opened so far, by name."""
        with suppress(FileNotFoundError):
            return Counter(self._control.with_suffix(".opens").read_text().splitlines())
        return Counter()

    def mend(self) -> None:
        """Work again."""
        self._set({"error": 0, "on": (), "name": ""})

    def _set(self, fault: dict[str, object]) -> None:
        draft = self._control.with_suffix(".draft")
        draft.write_text(json.dumps(fault))
        draft.replace(self._control)


@contextmanager
def faulty_mount(source: Path, target: Path) -> Iterator[FaultyMount]:
    """Show `source` at `target` (made when missing) until the block ends."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        control = Path(folder, "fault.json")
        mount = FaultyMount(target, control)
        server = subprocess.Popen([sys.executable, __file__, source, target, control], stdin=subprocess.DEVNULL)
        try:
            while not target.is_mount():
                if server.poll() is not None:
                    raise OSError(f"the FUSE server ended with exit code {server.returncode}")
                time.sleep(0.005)
            yield mount
        finally:
            server.kill()  # first: whoever waits for an answer gets ENOTCONN
            server.wait()
            _unmount(target)


@functools.cache
def why_no_mount() -> str:
    """Why `faulty_mount` cannot work here; "" when it can."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is missing or not ours"
    with tempfile.TemporaryDirectory() as source, tempfile.TemporaryDirectory() as target:
        try:
            with faulty_mount(Path(source), Path(target)):
                return ""
        except OSError as error:
            return f"cannot mount a FUSE file system: {error}"


def _mount(target: str) -> int:
    options = f"rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if os.geteuid() == 0:
        device = os.open("/dev/fuse", os.O_RDWR)
        libc = ctypes.CDLL(None, use_errno=True)
        data = f"fd={device},{options},allow_other".encode()
        if libc.mount(b"faulty", os.fsencode(target), b"fuse", 1, data) != 0:
            raise OSError(ctypes.get_errno(), f"mount: {os.strerror(ctypes.get_errno())}")
        return device
    ours, theirs = socket.socketpair()
    environment = os.environ | {"_FUSE_COMMFD": str(theirs.fileno())}
    subprocess.run(["fusermount3", "-o", "ro", "--", target], env=environment, pass_fds=[theirs.fileno()], check=True)
    return socket.recv_fds(ours, 1, 1)[1][0]


def _unmount(target: Path) -> None:
    if os.geteuid() == 0:
        ctypes.CDLL(None).umount2(os.fsencode(target), _MNT_FORCE | _MNT_DETACH)
    else:
        subprocess.run(["fusermount3", "-u", "-z", "--", target], check=False)


class _Server:
    """Answers the kernel, one request after the other."""

    def __init__(self, source: str, target: str, control: str) -> None:
        self._control = control
        self._paths = {1: Path(source)}
        self._nodes = {self._paths[1]: 1}
        self._numbers = itertools.count(2)
        self._device = _mount(target)

    def serve(self) -> None:
        """Until the file system is unmounted."""
        while True:
            try:
                request = os.read(self._device, 1 << 18)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in {errno.EINTR, errno.ENOENT}:
                    continue
                raise
            _, operation, unique, node, *_ = _HEADER.unpack_from(request)
            if operation not in _SILENT:
                self._reply(operation, unique, node, request[_HEADER.size :])

    def _reply(self, operation: int, unique: int, node: int, body: bytes) -> None:
        try:
            answer, code = self._answer(operation, node, body), 0
        except OSError as error:
            answer, code = b"", error.errno or errno.EIO
        if answer is not None:
            with suppress(FileNotFoundError):  # the caller was killed meanwhile
                os.write(self._device, struct.pack("<IiQ", 16 + len(answer), -code, unique) + answer)

    def _answer(self, operation: int, node: int, body: bytes) -> bytes | None:
        path = self._paths.get(node, self._paths[1])
        if operation == _LOOKUP:
            path /= os.fsdecode(body.rstrip(b"\0"))
        fault = json.loads(Path(self._control).read_bytes())
        if operation == _READ and fault["name"] in str(path):
            time.sleep(fault.get("delay_s", 0.0))
        is_hit = _NAMES.get(operation) in fault["on"] and fault["name"] in str(path)
        if is_hit and fault["error"] > 0:
            raise OSError(fault["error"], "as told")
        if is_hit and fault["error"] < 0:
            return None
        if operation == _OPEN:
            with Path(self._control).with_suffix(".opens").open("a") as opens:
                opens.write(f"{path.name}\n")
        answers = {
            _INIT: lambda: struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 17, 0, 16, 12, 1 << 17, 1, 32, 0, 0),
            _LOOKUP: lambda: struct.pack("<QQQQII", self._node(path), 0, 0, 0, 0, 0) + _attributes(path),
            _GETATTR: lambda: struct.pack("<QII", 0, 0, 0) + _attributes(path),
            _OPEN: lambda: struct.pack("<QIi", 0, _DIRECT_IO, 0),
            _OPENDIR: lambda: struct.pack("<QIi", 0, 0, 0),
            _READ: lambda: _read(path, body, is_short=is_hit),
            _READDIR: lambda: _read_folder(path, body),
            _STATFS: lambda: struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0),
            _FLUSH: lambda: b"",
            _RELEASE: lambda: b"",
            _RELEASEDIR: lambda: b"",
        }
        if operation not in answers:
            raise OSError(errno.ENOSYS, "not needed")
        return answers[operation]()

    def _node(self, path: Path) -> int:
        path.lstat()
        if path not in self._nodes:
            self._nodes[path] = next(self._numbers)
            self._paths[self._nodes[path]] = path
        return self._nodes[path]


def _attributes(path: Path) -> bytes:
    status = path.lstat()
    seconds = [int(moment) for moment in (status.st_atime, status.st_mtime, status.st_ctime)]
    nanos = [moment % 10**9 for moment in (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)]
    numbers = [status.st_mode, status.st_nlink, status.st_uid, status.st_gid, 0, 4096, 0]
    return struct.pack("<6Q10I", status.st_ino, status.st_size, status.st_blocks, *seconds, *nanos, *numbers)


def _read(path: Path, body: bytes, *, is_short: bool) -> bytes:
    _, offset, size = struct.unpack_from("<QQI", body)
    if is_short:
        size = max(0, min(size, path.stat().st_size // 2 - offset))
    with path.open("rb") as file:
        return os.pread(file.fileno(), size, offset)


def _read_folder(path: Path, body: bytes) -> bytes:
    _, offset, size = struct.unpack_from("<QQI", body)
    entries = b""
    for number, entry in enumerate(sorted(path.iterdir())):
        name, status = os.fsencode(entry.name), entry.lstat()
        record = struct.pack("<QQII", status.st_ino, number + 1, len(name), stat.S_IFMT(status.st_mode) >> 12) + name
        record += bytes(-len(record) % 8)
        if number >= offset:
            if len(entries) + len(record) > size:
                break
            entries += record
    return entries


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Server(*sys.argv[1:]).serve()
