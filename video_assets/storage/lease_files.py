"""Numbered claims in a folder on shared storage: what leases are made of.

`00000007.lease` is claimed, `00000007.free` was given back; the highest number counts. A claim is made by creating the next
number exclusively, so of many takers one gets it, and a slow one that wants a number of the past sees the higher one and steps
back. Needs exclusive creation, renaming and modification times; no flock, no hard links, no two clocks that agree.
Belongs here: those files. Does not belong here: when a claim may be taken over, who holds it in this program (`storage.leases`).
"""

import json
import os
import pwd
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from video_assets.core.json_values import read_value
from video_assets.storage.durable import fsync_folder
from video_assets.storage.space import explained_space

_HELD, _FREE = ".lease", ".free"


@dataclass(frozen=True)
class Holder:
    """Who made a claim, as far as is known; `process_started` is in clock ticks since its machine was started."""

    host: str = "?"
    pid: int | None = None
    process_started: int | None = None
    boot_id: str = ""
    pid_namespace: str = ""
    run_id: str = ""
    since: str = ""
    user: str = ""

    @property
    def process(self) -> str:
        """In words."""
        user = f" ({self.user})" if self.user else ""
        return f"process {'?' if self.pid is None else self.pid} on {self.host}{user}"


@dataclass(frozen=True)
class Claim:
    """The claim with the highest number, as found. `mtime_ns` is the storage's time of the holder's last sign of life."""

    number: int
    is_released: bool
    mtime_ns: int
    holder: Holder

    @property
    def who(self) -> str:
        """Run, process and machine of the holder."""
        run = f"run {self.holder.run_id}, " if self.holder.run_id else ""
        return f"{run}{self.holder.process}"


def claim_path(folder: Path, number: int) -> Path:
    """Where a held claim lies."""
    return folder / f"{number:08d}{_HELD}"


def find_claim(folder: Path) -> Claim | None:
    """The claim that counts; None when there never was one."""
    while numbers := claim_numbers(folder):
        for suffix, is_released in ((_HELD, False), (_FREE, True)):
            path = folder / f"{max(numbers):08d}{suffix}"
            # Opened, not only asked for: network file systems then ask their server, and do not answer from memory.
            with suppress(FileNotFoundError), path.open("rb") as file:
                return Claim(max(numbers), is_released, os.fstat(file.fileno()).st_mtime_ns, _holder(file.read()))
    return None


def claim_numbers(folder: Path) -> set[int]:
    """Numbers of all claims that are there."""
    try:
        files = list(folder.iterdir())
    except FileNotFoundError:
        return set()
    return {int(file.stem) for file in files if file.suffix in {_HELD, _FREE} and file.stem.isdigit()}


def make_claim(folder: Path, *, after: Claim | None, run_id: str) -> int | None:
    """Claim the number after `after`; None when somebody else was faster or its holder turned out to live.

    Raises:
        NoSpaceError: the disk is full.
        OSError: the storage does not take it otherwise.
    """
    number = after.number + 1 if after else 1
    path = claim_path(folder, number)
    folder.mkdir(parents=True, exist_ok=True)
    myself = json.dumps(asdict(_myself(run_id))).encode()
    # An interrupt between the two steps would leave a claim that names nobody: all would wait until it is stale.
    with _interrupts_deferred(), explained_space(folder, purpose="taking a lease"):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return None
        is_mine = False
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(myself)
                file.flush()
                os.fsync(descriptor)
            fsync_folder(folder)
            is_mine = max(claim_numbers(folder), default=0) == number and not _has_stirred(folder, after)
        finally:
            if not is_mine:
                path.unlink(missing_ok=True)
        if not is_mine:
            return None
        _remove_older(folder, number)
        return number


def renew_claim(folder: Path, number: int) -> bool:
    """Give a sign of life; False when the claim is not the one that counts any more.

    The order matters: first the sign, then the look. A taker first claims, then looks for a sign (`_has_stirred`), so one of the
    two sees the other.
    """
    try:
        os.utime(claim_path(folder, number))
    except FileNotFoundError:
        return False
    return max(claim_numbers(folder), default=0) == number


def release_claim(folder: Path, number: int) -> None:
    """Give a claim back.

    Raises:
        FileNotFoundError: it was taken over meanwhile.
    """
    claim_path(folder, number).replace(folder / f"{number:08d}{_FREE}")


def storage_now_ns(folder: Path) -> int:
    """What time it is by the clock of the storage: the modification time of a file written this moment."""
    probe = folder / f".clock-{secrets.token_hex(4)}"
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime_ns
    finally:
        probe.unlink(missing_ok=True)


def place_of_processes() -> tuple[str, str, str]:
    """Where process ids mean what they mean here: the machine, its start, and the namespace (a container has numbers of its own).

    The namespace alone would not do: outside of containers it is called the same on every machine.
    """
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return socket.gethostname(), boot_id, str(Path("/proc/self/ns/pid").readlink())


def is_dead_here(claim: Claim) -> bool:
    """True when the holder was a process of this machine, and is no more: nobody needs to wait for its silence."""
    holder = claim.holder
    if (holder.host, holder.boot_id, holder.pid_namespace) != place_of_processes():
        return False
    return holder.pid is not None and _started(holder.pid) != holder.process_started


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """SIGINT and SIGTERM take effect at the end of the block. Python hands signals to the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    # None: a handler that was not set from Python, which Python cannot set again.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    previous = {number: handler for number, handler in handlers.items() if handler is not None}
    try:
        for number in previous:
            signal.signal(number, lambda number, _frame: came.append(number))
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def _has_stirred(folder: Path, claim: Claim | None) -> bool:
    """True when a claim that was thought dead has given a sign of life since."""
    if claim is None or claim.is_released:
        return False
    try:
        return claim_path(folder, claim.number).stat().st_mtime_ns != claim.mtime_ns
    except FileNotFoundError:
        return False


def _remove_older(folder: Path, number: int) -> None:
    for path in _claims_below(folder, number):
        path.unlink(missing_ok=True)


def _claims_below(folder: Path, number: int) -> Iterator[Path]:
    for older in claim_numbers(folder):
        if older < number:
            yield from (folder / f"{older:08d}{suffix}" for suffix in (_HELD, _FREE))


def _myself(run_id: str) -> Holder:
    host, boot_id, pid_namespace = place_of_processes()
    return Holder(
        host=host,
        pid=os.getpid(),
        process_started=_started(os.getpid()),
        boot_id=boot_id,
        pid_namespace=pid_namespace,
        run_id=run_id,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        user=_user_name(),
    )


def _user_name() -> str:
    """Name of the user, or the number where there is no name, as in many containers."""
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())


def _started(pid: int) -> int | None:
    """When a process of this machine was started, in clock ticks since the machine was; None when it runs no more."""
    try:
        state, *numbers = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(numbers[18])


def _holder(text: bytes) -> Holder:
    """Who wrote a claim; nobody while it is being written, or when its writer was killed before it had said."""
    try:
        return read_value(Holder, json.loads(text))
    except ValueError:
        return Holder()
